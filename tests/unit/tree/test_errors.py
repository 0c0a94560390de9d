# SPDX-License-Identifier: Apache-2.0
"""Every error of ours can be pickled and copied, and its sentence is one line of printable text."""

import copy
import dataclasses
import datetime
import importlib
import pickle
import pkgutil

import pytest

import karbor_manila
from karbor_manila.bank import errors as bank
from karbor_manila.cli import errors as cli
from karbor_manila.common import errors as common
from karbor_manila.common.deferral import Deferral
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.holds import Hold
from karbor_manila.database import errors as database
from karbor_manila.drivers import errors as drivers
from karbor_manila.hooks import errors as hooks
from karbor_manila.manila import errors as manila
from karbor_manila.operations import errors as operations
from karbor_manila.recovery import errors as recovery
from karbor_manila.recovery.claim_table import Claim
from karbor_manila.service import errors as service
from karbor_manila.service.requests import errors as requests
from karbor_manila.telemetry import errors as telemetry

SINCE = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
CLAIM = Claim("cp-1", "delete", "provider", "cp-1", "host:7", "token", SINCE)
HOLD = Hold("an audit", "user", "project", SINCE.isoformat(), SINCE.date())
URL = "http://controller:8786/v2"
EVIL = "evil\x1b[2J\r\n| forged row |\u202e\u2028\ud800"

EXAMPLES = (
    KarborManilaError("A sentence."),
    common.TransientError("A sentence."),
    common.RefusedError("A sentence."),
    common.InvalidParameter("size", -1, "it is a number of GiB"),
    common.CircularNeed(("engine", "cp-1")),
    common.DeadlineExceeded("snapshot s-1", 60.0, "creating"),
    common.NotSupported("A copy", "Protect it again."),
    common.CheckFailed("check.sh", "ended with 1", "no such file\nbye."),
    common.Taken("Checkpoint cp-1", CLAIM, alive=False),
    common.ClaimLost("checkpoint cp-1", "its lease lapsed"),
    common.SpoolFull("/var/spool/watch", 10),
    common.SpoolUnsafe("/var/spool/watch"),
    common.FileUnsuitable("x.json", "it is no file"),
    database.DatabaseUnreadable("the claim", "DBError"),
    database.SchemaNewer("0815", "0001"),
    database.UpgradeFailed(None, "0001", "DBError"),
    drivers.DriverUnknown("tape", ["snapshot"]),
    drivers.DriverUnsuitable("tape", "it lacks delete", "default_driver = tape"),
    drivers.DriverOrderInvalid("default_driver = a||b", "the name of a driver is missing"),
    drivers.NoDriverCan("s-1", {"tape": "it is wet", "wax": "it is hot"}),
    hooks.HookError("command", "pre", "protect", "it ended with exit code 1."),
    hooks.HookSkip("the application is being upgraded.", "command"),
    hooks.CommandFailed("command_hook_pre", "ended with exit code 4", "no such table\nbye."),
    hooks.WebhookTransient("ops.example", "HTTP 503"),
    hooks.WebhookRefused("ops.example", "HTTP 404"),
    hooks.GivenUp("it did not end within 60 seconds (hook_timeout)."),
    hooks.NotAllowed("it may not change 'size' in the result, but only annotations."),
    hooks.HookUnusable("mine.hooks:Freeze", "it cannot be loaded (No module named 'mine')."),
    telemetry.NotSent("share_protection.protect.end", "no broker is there"),
    telemetry.ZaqarTransient("post 2 events to the queue q", "HTTP 503, no.", 1.0, status=503),
    telemetry.ZaqarUnavailable("post 2 events to the queue q", "HTTP 503, no.", 30.0),
    telemetry.ZaqarRefused("post 2 events to the queue q", "Forbidden.", 403),
    telemetry.QueueNameUnusable("a b"),
    database.PlanNotPutBack("plan-1", "the quota of plans of project p"),
    bank.RecordInvalid("record", "it has no driver", "snapshot"),
    bank.RecordForeign("record", "it is not for us"),
    bank.RecordVersionUnknown("record", 9, "tape"),
    bank.BankUnreadable("list its checkpoints", "No space left."),
    bank.BankNotOurs("provider", None, "bank-2", "checkpoint cp-1"),
    cli.CloudRefused("Manila", "show the quota", "HTTP 403, Policy does not allow it."),
    cli.NotKnown("Manila: it is away"),
    cli.NoProvider("provider p", ["q"]),
    cli.WrongUser("p", "/srv/bank", "karbor", "audit --repair"),
    cli.KarborRefused("list plans", 403, "Forbidden."),
    cli.KarborTransient("list plans", "connection refused"),
    cli.SharesRefused("list the shares", "HTTP 403, Forbidden"),
    cli.SharesTransient("list the shares", "connection refused"),
    cli.NotWritten("/srv/report.html", "Permission denied"),
    cli.CannotListen("127.0.0.1", 9753, "Address already in use"),
    cli.StillGoing("Restore r-1", 60, "karbor-manila show r-1", trouble="HTTP 503."),
    cli.WrongUsage("There is no plan 'x'."),
    manila.ManilaRefused("list shares", 403, "Forbidden.", "req-1", endpoint=URL),
    manila.ManilaTransient("list shares", "HTTP 503.", 2.5, status=503, endpoint=URL),
    manila.ManilaUnavailable("list shares", 60.0, "HTTP 503", endpoint=URL),
    manila.ManilaFailing("list", 60.0, "HTTP 500", times=3, unusual="the name", endpoint=URL),
    manila.AccessLevelsUnsupported("2.87", endpoint=URL),
    manila.RuleNotChanged("s-1", "ip 10.0.0.1", "ro"),
    manila.RulesNotPutBack({"s-1": "HTTP 503."}),
    manila.RulesOfBusyShare("s-1", "backup_creating"),
    manila.BackupsUnsupported("A backup", "2.80", "2.70", "Upgrade Manila.", endpoint=URL),
    manila.BackupDoubtful("b-1", "its status is 'error'"),
    manila.BackupGone("b-1", endpoint=URL),
    manila.BackupRestoreFailed("s-1", "backup_restoring_error", "No space.", backup_id="b-1"),
    manila.BackupRestoreRefused("share", "s-1", "available", "Manila refused: HTTP 404, gone."),
    manila.NoSafetyCopy("s-1", "it has snapshots"),
    manila.TargetNotYours("s-1", "drill"),
    manila.TargetTooSmall("s-1", 1, 2),
    manila.Misconfigured("A sentence."),
    manila.ManilaTooOld("2.27", "2.0 to 2.26", endpoint=URL),
    manila.ManilaReplaced("show share s-1", "2.98", "2.78", endpoint=URL),
    manila.ManilaElsewhere("s-1", "https://one.example/share/", endpoint=URL),
    manila.EndpointMissing(["sharev2"], "public", None),
    manila.EndpointUnsuitable(URL, "HTTP 404."),
    manila.NotAdministrator("Forbidden.", "project"),
    manila.ResourceFailed("share", "s-1", "error", "no host"),
    manila.NeedsAdministrator("snapshot", "s-1", "error_deleting", "openstack ..."),
    manila.ShareNotProtectable("s-1", "it is in error", "Mend it."),
    manila.ShareGone("s-1", endpoint=URL),
    manila.ShareStatusUnknown("s-1", "defragmenting", 600.0),
    manila.NotRestorable("s-1", "plain"),
    manila.QuotaTooSmall("gigabytes", 5, 1, 10),
    manila.SnapshotDoubtful("snap-1", "it is of another share"),
    manila.SnapshotGone("snap-1", endpoint=URL),
    manila.ParentMissing("snap-1", "s-1"),
    manila.RevertRefused("s-1", "it is busy", "Wait."),
    manila.TargetMissing("s-1", endpoint=URL),
    manila.TargetNotAvailable("s-1", "error"),
    manila.TargetBusy("s-1", "migrating"),
    manila.NetworkUnsuitable("s-1", "n-1", "it is not there", "Ask.", endpoint="http://m/v2"),
    manila.KeyUnknown("s-1", "2.85", endpoint="http://m/v2"),
    manila.ShareLocked("delete share s-1", 403, "locked", share_id="s-1", locks=("l-1", "l-2")),
    manila.RevertUnsupported("s-1", "plain"),
    manila.CopyUnsupported("s-1", None),
    manila.AccessRulesNotActive("s-1", "error"),
    manila.CloneUnsupported("s-1", "plain", revertible=True),
    manila.GroupDoubtful("g-1", "its status is 'error'"),
    manila.OnlyAsGroup("s-1", "plain"),
    manila.RevertFailed("s-1", "reverting_error", "no space"),
    manila.NotMountable("snap-1", "s-1", "plain"),
    manila.AccessFailed("snap-1", "ip 10.0.0.7", "error", "no such rules"),
    manila.OthersRuleFailed("snap-1", "ip 10.0.0.7", "error"),
    manila.AccessNotTakenBack("snap-1", "rule-1", "error"),
    operations.BeingRestored("s-1", "r-1"),
    operations.NotCopyable("Share s-1", "it is gone."),
    operations.RecordMissing("cp-1", "s-1"),
    operations.RecordDriverMissing("record", "tape", ["snapshot"]),
    operations.SnapshotSacrificed("snap-1", "cp-1"),
    operations.SnapshotGoing("snap-1", "cp-1"),
    operations.Unsettled("s-1", "The bank is away.", followed=False),
    operations.FailedBefore("s-1", "The quota is too small. Ask for more."),
    operations.Interrupted("restore", "s-1", "Restore it again."),
    operations.HalfCopied("s-1"),
    operations.ManilaShowsNothing("s-1", "snap-1", "cp-1"),
    operations.PublicShare("s-1"),
    operations.SnapshotOfClone("s-1", "s-2"),
    operations.RevertLacking("tape"),
    operations.GroupLacking("tape"),
    operations.NewerSnapshots("s-1", "snap-1", ["snap-2 of cp-2"], removable=True),
    operations.RevertUnknown("s-1", "snap-1"),
    recovery.BankSuspect("p", "it is empty"),
    recovery.BankOlder("p", "p-1", ["cp-1", "cp-2", "cp-3", "cp-4"]),
    recovery.ManilaSuspect("p", 7),
    recovery.NotAdoptable("cp-1", "It is in the bank by now."),
    recovery.ShareNotDescribed("s-1"),
    recovery.HookNotConfigured("command"),
    recovery.ToldInvalid("it is no JSON"),
    recovery.SnapshotTaken("snap-1", "was deleted on 2026-01-02 03:04:05 UTC by user u-1"),
    service.OperationLacking("p", "copy", "OS::Nova::Server", "vm-1", passed_over=True),
    common.ContentDiffers(12, 100, ["a%20b is missing"]),
    common.ContentUnreadable("the command for it ended with exit code 1", "mount: no"),
    common.KeyUnusable("/etc/karbor/drills.pem", "No such file or directory"),
    service.DrillUnderWay("plan-1", datetime.datetime(2026, 11, 20, 2, 30)),
    service.DrilledAlready("cp-1", "ver-1", datetime.datetime(2026, 11, 20, 2, 30)),
    service.CaFileMissing("manila_ca_cert_file", "/etc/ca.pem", "Permission denied."),
    service.SessionUnavailable(None),
    service.BankTakesNothing("p-1", "p", "No space left on device."),
    service.StaysForRetention("cp-1"),
    requests.CheckpointHeld("cp-1", HOLD),
    requests.HeldByAnother("cp-1", HOLD),
    requests.HeldByAdministrator("cp-1", HOLD),
    requests.DeletionWaits("cp-1", Deferral(SINCE.isoformat(), SINCE, "user", "available")),
    requests.QuotaFull("cp-1", "project"),
    service.KeptForRules("cp-1"),
    service.NothingProtected("plan-1", [{"type": "OS::Manila::Share", "id": "s", "reason": "r"}]),
    service.NoSuchRecord("r-1"),
    service.RunMissed("op-1", "nightly", datetime.datetime(2026, 11, 20, 2, 30), "It was late."),
    service.NoUse("user", "u-1", is_gone=True),
    service.TrustGone("u-1"),
    service.RolesLost("u-1", "p-1", ["member"]),
    service.BeganTooLate(datetime.datetime(2026, 11, 20, 2, 41)),
    service.PlanGone("plan-1"),
    service.UnknownCause(),
)

each = pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)


def again(error: KarborManilaError) -> KarborManilaError:
    # What we have just pickled ourselves.
    return pickle.loads(pickle.dumps(error))


@each
def test_an_error_is_the_same_when_it_was_pickled_or_copied(error: KarborManilaError) -> None:
    for twin in (again(error), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))


@each
def test_it_tells_one_line_as_karbor_asks_for_it(error: KarborManilaError) -> None:
    sentence = str(error)
    assert sentence == error.msg
    assert sentence.isprintable()
    assert sentence.endswith(".")


@each
def test_whatever_others_wrote_stays_in_its_line(error: KarborManilaError) -> None:
    twin = copy.copy(error)
    texts = [name for name, value in vars(twin).items() if isinstance(value, str)]
    for name in texts:
        setattr(twin, name, EVIL)
    assert str(twin).isprintable()


@each
def test_what_is_known_is_in_fields(error: KarborManilaError) -> None:
    fields = dataclasses.fields(error) if dataclasses.is_dataclass(error) else ()
    assert vars(error).keys() <= {field.name for field in fields}


def test_what_was_noted_on_an_error_survives() -> None:
    error = manila.ManilaRefused("list shares", 403, "Forbidden")
    error.add_note("while the share was looked at")
    assert again(error).__notes__ == error.__notes__


def test_every_class_of_every_room_has_an_example() -> None:
    for module in pkgutil.walk_packages(karbor_manila.__path__, "karbor_manila."):
        importlib.import_module(module.name)
    ours = {kind for kind in _below(KarborManilaError) if kind.__module__.startswith("karbor_m")}
    assert {kind.__name__ for kind in ours} == {type(error).__name__ for error in EXAMPLES}


def _below(kind: type[KarborManilaError]) -> set[type[KarborManilaError]]:
    return {kind}.union(*map(_below, kind.__subclasses__()))
