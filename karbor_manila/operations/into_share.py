# SPDX-License-Identifier: Apache-2.0
"""A restore into a share that is there: the protected one, by the ability Reverts, or another one,
by the ability RestoresInto. It can be another one for the driver and the protected one for the
user: what a copied checkpoint keeps belongs to a share of its own."""

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank.record import Intent, ShareRecord
from karbor_manila.common.errors import NotSupported
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.abilities import RestoresInto, Reverts
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.manila import marks
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import Revertible, View
from karbor_manila.operations.errors import BeingRestored, RevertLacking, SnapshotOfClone
from karbor_manila.operations.parameters import RestoreOptions
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

# Of Karbor's restore or verification that has not ended.
_UNDER_WAY = frozenset(
    {constants.RESTORE_STATUS_IN_PROGRESS, constants.VERIFICATION_STATUS_IN_PROGRESS}
)


def check(record: ShareRecord, options: RestoreOptions) -> None:
    """Refuse a target that the record's driver cannot restore into, by the record alone.

    :raises SnapshotOfClone, NotSupported: it cannot
    """
    try:
        kind = catalogue.load(record.driver)
    except (DriverUnknown, DriverUnsuitable) as error:
        LOG.info("Share %s: its target is checked later: %s", record.share_id, error)
        return
    if other_target(record, options) is None:
        if not issubclass(kind, Reverts):
            raise RevertLacking(record.driver)
        return
    if not issubclass(kind, RestoresInto):
        _refuse(record, options, kind)


def other_target(record: ShareRecord, options: RestoreOptions) -> str | None:
    """The share that is restored into, when what is kept is of another one."""
    return None if options.share_id == record.snapshot_of else options.share_id


def inspect(job: ShareJob, record: ShareRecord, options: RestoreOptions) -> Revertible:
    """What a restore into the target would find; writes nothing.

    :raises RevertRefused, NotSupported: it would be refused, and why
    """
    check(record, options)
    target = other_target(record, options)
    return look(job, record.driver, record.kept(), target, job.context.project_id)


def look(job: ShareJob, driver: str, kept: Kept, target: str | None, project_id: str) -> Revertible:
    """As :func:`inspect`, by the name of the driver.

    :param target: None for the kept share itself
    :param project_id: whose the share must be
    """
    if target is None:
        return job.flow.reverter(driver).inspect_revert(kept, project_id=project_id)
    found = _into(job, driver).inspect_target(kept, target, project_id=project_id)
    _refuse_half_restored(job, found.share)
    return found


def begin(
    job: ShareJob, driver: str, kept: Kept, target: str | None, *, retry_conflict: bool
) -> None:
    """Ask for it."""
    if target is None:
        job.flow.reverter(driver).revert(kept, retry_conflict=retry_conflict)
    else:
        _into(job, driver).restore_into(kept, target)


def wait(job: ShareJob, intent: Intent) -> View:
    """The share, when it is available again."""
    if intent.target is None:
        return job.flow.reverter(intent.driver).wait_reverted(job.share_id)
    return _into(job, intent.driver).wait_restored_into(intent.target)


def _into(job: ShareJob, name: str) -> RestoresInto:
    driver = job.driver(name)
    if not isinstance(driver, RestoresInto):
        raise NotSupported(f"Restoring into another share with the driver {name!r}", _INSTEAD)
    assert isinstance(driver, RestoresInto)  # noqa: S101 - for mypy, which loses the Driver
    return driver


_INSTEAD = (
    "Restore into a new share, which leaves share_id out, or in place, when share_id is the "
    "protected share itself. Nothing was changed."
)


def _refuse(record: ShareRecord, options: RestoreOptions, kind: type) -> None:
    if options.share_id == record.share_id and issubclass(kind, Reverts):
        raise SnapshotOfClone(record.share_id, str(record.clone_id))
    raise NotSupported(
        f"Restoring share {record.share_id} into the existing share {options.share_id} (share_id) "
        f"with the driver {record.driver!r}",
        _INSTEAD,
    )


def _refuse_half_restored(job: ShareJob, share: View) -> None:
    """A share that another restore makes is available before it has its content."""
    mark = marks.read(share)
    if mark is None or mark.restore in ("", job.request.id):
        return
    requested = job.flow.requested(mark.restore)
    if requested and requested[1]["status"] in _UNDER_WAY:
        raise BeingRestored(str(share["id"]), mark.restore)
