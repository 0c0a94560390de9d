# SPDX-License-Identifier: Apache-2.0
"""What root writes into a bank belongs to the user of the bank's folder, who can go on with it."""

import os
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.filesystem.owner import Owner
from karbor_manila.bank.filesystem.plugin import FileSystemBankPlugin
from karbor_manila.bank.opening import as_found
from karbor_manila.cli.operator.host import Host
from karbor_manila.recovery import audit
from tests.unit.banks import open_bank
from tests.unit.cli.conftest import _logging_as_it_was  # noqa: F401
from tests.unit.cli.operator.acts import killed
from tests.unit.cli.operator.conftest import conf, run  # noqa: F401
from tests.unit.karbor_stage import OUR_PROJECT, OURS, Service, provider_file, started
from tests.unit.recovery.audit.stage import orphaned, protected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

USER, GROUP = 12345, 12346
OUR_BANK = "karbor-manila-fs-bank-plugin"


def as_user(do: Callable[[], Any]) -> None:
    """Do something as the service's user, in a process of its own; fail here if it failed there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(GROUP)
            os.setuid(USER)
            do()
            code = 0
        except BaseException:  # noqa: BLE001 - the end of a process: told, and by its exit code
            traceback.print_exc()
        os._exit(code)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """pytest's folders are root's alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def folder(open_to_all: Path) -> Path:
    """The bank's folder, as the service's user has made it."""
    bank = open_to_all / "bank"
    bank.mkdir()
    os.chown(bank, USER, GROUP)
    as_user(lambda: open_bank(bank, FileSystemBankPlugin).update_object("/a/b", 1))
    return bank


def foreign(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if (path.stat().st_uid, path.stat().st_gid) != (USER, GROUP)
    ]


def go_on(folder: Path) -> None:
    """Read and replace every object, and make one beside each."""
    bank = open_bank(folder, FileSystemBankPlugin)
    for key in bank.list_objects("/"):
        value = bank.get_object(key)
        bank.update_object(key, value)
        bank.update_object(key + ".new", value)
        bank.delete_object(key)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_what_root_writes_the_services_user_can_read_and_replace(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        open_bank(folder, FileSystemBankPlugin).update_object("/c/d/e", {"by": "root"})
        open_bank(folder, FileSystemBankPlugin).update_object("/a/b", {"by": "root"})
    finally:
        os.umask(before)
    assert foreign(folder) == []
    as_user(lambda: go_on(folder))


def test_what_root_writes_is_as_open_as_the_folder(folder: Path) -> None:
    (folder / "karbor").chmod(0o2770)
    open_bank(folder, FileSystemBankPlugin).update_object("/c/d", 1)
    assert stat.S_IMODE((folder / "karbor/c").stat().st_mode) == 0o2770
    assert stat.S_IMODE((folder / "karbor/c/d").stat().st_mode) == 0o660


def test_a_container_that_root_makes_is_of_the_user_above_it(open_to_all: Path) -> None:
    above = open_to_all / "above"
    above.mkdir()
    os.chown(above, USER, GROUP)
    open_bank(above / "bank", FileSystemBankPlugin).update_object("/a/b", 1)
    assert foreign(above) == []
    as_user(lambda: go_on(above / "bank"))


def test_a_folder_that_root_died_over_is_given_away_by_the_next_write(folder: Path) -> None:
    (folder / "karbor/c/d").mkdir(parents=True)
    (folder / ".karbor.karbor-manila").rename(folder / "gone")
    (folder / ".karbor.karbor-manila").mkdir(0o700)
    open_bank(folder, FileSystemBankPlugin).update_object("/c/d/e", 1)
    assert foreign(folder) == []


def test_root_gives_nothing_away_through_a_link(folder: Path, open_to_all: Path) -> None:
    roots = open_to_all / "roots"
    roots.mkdir(0o700)
    link = folder / "karbor/c"
    link.symlink_to(roots)
    with pytest.raises(OSError, match="directory"):
        Owner.of(folder).give_folder(link)
    assert roots.stat().st_uid == 0


def test_a_user_of_another_group_than_the_folders_gives_what_he_can(folder: Path) -> None:
    (folder / "karbor").chmod(0o777)
    other = folder / "karbor/of-another"

    def make() -> None:
        other.mkdir()
        Owner(1, 1, 0o770).give_folder(other)

    as_user(make)
    assert (other.stat().st_uid, stat.S_IMODE(other.stat().st_mode)) == (USER, 0o770)


# -- the operator's commands --------------------------------------------------------------------


@pytest.fixture
def service(open_to_all: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    connection = f"sqlite:///{open_to_all / 'karbor.sqlite'}"
    with started(open_to_all, monkeypatch, connection=connection, bank=OUR_BANK) as service:
        monkeypatch.setattr(audit.act, "Clock", lambda: service.cloud.clock)
        yield service
        cfg.CONF.clear()


def own(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, GROUP)


@pytest.mark.parametrize("argv", [("reconcile",), ("audit", "--fix", "--grace", "0")])
def test_a_command_of_root_leaves_nothing_that_the_service_cannot_use(
    service: Service,
    run: Any,  # noqa: F811
    argv: tuple[str, ...],
) -> None:
    if argv[0] == "reconcile":
        killed(service)
    else:
        checkpoint = protected(service)
        orphaned(service)
        (lost,) = [
            key
            for key, view in service.cloud.snapshots.items()
            if checkpoint.id in str(view["metadata"])
        ]
        del service.cloud.snapshots[lost]
    own(service.folder / "bank")
    before = {path: path.read_bytes() for path in written(service)}
    assert run(*argv, "-f", "json").code == 0
    assert {path: path.read_bytes() for path in written(service)} != before
    assert foreign(service.folder / "bank") == []
    as_user(lambda: go_on(service.folder / "bank"))


def written(service: Service) -> list[Path]:
    return [path for path in (service.folder / "bank").rglob("*") if path.is_file()]


@pytest.mark.parametrize("argv", [("reconcile",), ("audit", "--fix", "--grace", "0")])
def test_with_karbors_bank_the_command_of_another_user_is_refused_by_name(
    service: Service,
    run: Any,  # noqa: F811
    argv: tuple[str, ...],
) -> None:
    killed(service)
    orphaned(service)
    provider_file(service.folder, service.provider.id, (OURS, OUR_PROJECT))
    own(service.folder / "bank")
    before = (dict(service.cloud.snapshots), {path: path.read_bytes() for path in written(service)})
    ran = run(*argv, "-f", "json")
    assert ran.code == 1
    assert f"sudo -u '#{USER}' karbor-manila {argv[0]}" in ran.err
    assert (
        dict(service.cloud.snapshots),
        {path: path.read_bytes() for path in written(service)},
    ) == before
    assert run("reconcile", "--dry-run", "-f", "json").code == 3  # to look is everybody's


def test_a_command_makes_no_container(service: Service, conf: Path) -> None:  # noqa: F811
    """It would be made under a mount that is missing."""
    (service.folder / "bank").rename(service.folder / "away")
    (provider,) = Host([str(conf)]).providers
    assert not (service.folder / "bank").exists()
    with pytest.raises(BankUnreadable):
        identity.confirm(provider.bank, provider.id)
    with as_found():
        open_bank(service.folder / "none", FileSystemBankPlugin)
    assert not (service.folder / "none").exists()
    (service.folder / "away").rename(service.folder / "bank")
    assert identity.confirm(provider.bank, provider.id)
