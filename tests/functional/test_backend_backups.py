# SPDX-License-Identifier: Apache-2.0
"""Share backups on the sandbox's backend and by its data service, through Manila's API."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manilaclient import exceptions

from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill

OWN = {"backup_type": "directories"}
CONTINUE = ("create_backup_continue", "restore_backup_continue")
WAYS = [pytest.param(OWN, id="driver"), pytest.param(None, id="data service")]


class Backups:
    """A share with files, and what a tenant does with its backups."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.manila = tenant.manila.share_backups
        self.share = tenant.make_share("kept")
        self.folder = tenant.folder(self.share.id)
        fill(self.folder, "then")
        self.then = contents(self.folder)

    def make(self, options: dict[str, str] | None, status: str = "available") -> Any:
        made = self.manila.create(self.share.id, backup_options=options, name="kept")
        ended = self.wait(made.id, lambda seen: seen.status != "creating")
        assert ended.status == status
        return ended

    def wait(self, backup: str, done: Any) -> Any:
        return wait("the backup", lambda: self.manila.get(backup), done, 60)

    def restore(self, backup: Any, share: str | None = None, status: str = "available") -> None:
        self.manila.restore(backup.id, share)
        self.wait(backup.id, lambda seen: seen.status != "restoring")
        self.tenant.wait_share(share or self.share.id, status)

    def drop(self) -> None:
        for backup in self.mine():
            self.manila.delete(backup.id)
        wait("the end of the backups", self.mine, lambda left: not left, 120)

    def mine(self) -> list[Any]:
        return [one for one in self.manila.list() if one.share_id == self.share.id]


@pytest.fixture
def backups(alpha: Tenant, stack: Stack) -> Iterator[Backups]:
    made = Backups(alpha)
    yield made
    made.drop()
    # No tenant gets out of "backup_restoring_error".
    Tenant(stack.info, "admin").manila.shares.reset_state(made.share.id, "available")
    alpha.clean()


@pytest.fixture
def turn(stack: Stack) -> Iterator[Path]:
    """The folder of the delays and faults files."""
    folder = stack.state.directory("manila")
    yield folder
    for name in ("delays.json", "faults.json"):
        (folder / name).unlink(missing_ok=True)


@pytest.mark.parametrize("options", WAYS)
def test_files_come_back_in_place_and_into_another_share(
    backups: Backups, alpha: Tenant, options: dict[str, str] | None
) -> None:
    backup = backups.make(options)
    assert backup.backup_type == (options or {}).get("backup_type")
    # Manila's data service looks at the progress now and then, and may write what it saw last
    # after the end of the backup (manila/data/manager.py, create_backup_continue).
    assert backup.progress == "100" or options is None
    fill(backups.folder, "now")
    backups.restore(backup)
    assert contents(backups.folder) == backups.then
    other = alpha.make_share("other")
    backups.restore(backup, other.id)
    assert contents(alpha.folder(other.id)) == backups.then


def test_a_backup_survives_the_loss_of_its_share(
    backups: Backups, alpha: Tenant, stack: Stack
) -> None:
    backup = backups.make(OWN)
    lost = backups.folder.parent
    assert lost.parent == stack.info.shares / "shares"
    shutil.rmtree(lost)
    other = alpha.make_share("other")
    backups.restore(backup, other.id)
    assert contents(alpha.folder(other.id)) == backups.then
    backups.restore(backup, status="backup_restoring_error")
    with pytest.raises(exceptions.Forbidden):
        alpha.manila.shares.delete(backups.share)


def test_progress_is_shown(backups: Backups, turn: Path) -> None:
    knobs.write(turn / "delays.json", dict.fromkeys(CONTINUE, {"steps": 6}))
    parts = ("16", "33", "50", "66", "83")
    made = backups.manila.create(backups.share.id, backup_options=OWN)
    backups.wait(made.id, lambda seen: seen.progress in parts)
    backup = backups.wait(made.id, lambda seen: seen.status == "available")
    backups.manila.restore(backup.id)
    backups.wait(made.id, lambda seen: seen.restore_progress in parts)
    backups.wait(made.id, lambda seen: seen.status == "available")


@pytest.mark.parametrize("options", WAYS)
def test_failures_are_seen(
    backups: Backups, turn: Path, options: dict[str, str] | None, alpha: Tenant
) -> None:
    kind = "create_backup" if options else "data_backup"
    knobs.write(turn / "faults.json", {kind: {"id": backups.share.id}})
    backups.make(options, "error")
    alpha.wait_share(backups.share.id)
    (turn / "faults.json").unlink()
    backup = backups.make(options)
    kind = "restore_backup" if options else "data_restore"
    knobs.write(turn / "faults.json", {kind: {"id": backups.share.id}})
    fill(backups.folder, "now")
    backups.restore(backup, status="backup_restoring_error")
    assert contents(backups.folder) != backups.then


def test_what_manila_refuses(backups: Backups, alpha: Tenant) -> None:
    """What preflights have to look for."""
    backups.make({"backup_type": "tape"}, "error")
    alpha.wait_share(backups.share.id)
    alpha.manila.share_snapshots.create(backups.share.id)
    with pytest.raises(exceptions.BadRequest, match="while it has snapshots"):
        backups.manila.create(backups.share.id, backup_options=OWN)
