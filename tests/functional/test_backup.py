# SPDX-License-Identifier: Apache-2.0
"""Shares kept by Manila's backups, through Karbor, with bytes compared."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_serialization import jsonutils

from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.operator_command import Command

KIND = "backed"


class Scene:
    """A share with two contents: that of its checkpoint, and the present one."""

    def __init__(self, alpha: Tenant) -> None:
        self.alpha = alpha
        self.share = alpha.make_share("backed", share_type=KIND)
        self.folder = alpha.folder(self.share.id)
        fill(self.folder, "then")
        self.then = contents(self.folder)
        self.plan = alpha.plan_of_shares([self.share])
        self.checkpoint = alpha.protect(self.plan)
        fill(self.folder, "now")

    @property
    def key(self) -> str:
        return f"{SHARE}#{self.share.id}"

    def restore(self, status: str = "success", **given: Any) -> Any:
        return self.alpha.restore(self.checkpoint, {self.key: given}, status=status)

    def new_share(self, restore: Any) -> str:
        (made,) = (name.partition("#")[2] for name in restore.resources_status)
        return made


def backups(tenant: Tenant) -> list[Any]:
    return list(tenant.manila.share_backups.list())


@pytest.fixture
def turn(stack: Stack) -> Iterator[Path]:
    """The folder of the delays and faults files."""
    folder = stack.state.directory("manila")
    yield folder
    for name in ("delays.json", "faults.json"):
        (folder / name).unlink(missing_ok=True)


@pytest.fixture
def emptied(alpha: Tenant, stack: Stack) -> Iterator[Tenant]:
    """The project with nothing in it, before and after."""
    _empty(alpha, stack)
    yield alpha
    _empty(alpha, stack)


def _empty(alpha: Tenant, stack: Stack) -> None:
    admin = Tenant(stack.info, "admin").manila
    idle = ("available", "error")
    wait(
        "idle backups", lambda: backups(alpha), lambda all_: {b.status for b in all_} <= {*idle}, 60
    )
    for one in backups(alpha):
        alpha.manila.share_backups.delete(one.id)
    wait("the end of the backups", lambda: backups(alpha), lambda left: not left, 120)
    for share in alpha.shares():
        if share.status == "backup_restoring_error":
            admin.shares.reset_state(share.id, "error")
    alpha.clean()


@pytest.fixture
def scene(emptied: Tenant) -> Scene:
    return Scene(emptied)


def test_files_come_back_into_a_new_share_after_the_loss_of_the_shares_directory(
    scene: Scene, alpha: Tenant, stack: Stack
) -> None:
    lost = scene.folder.parent
    assert lost.parent == stack.info.shares / "shares"
    shutil.rmtree(lost)
    restore = scene.restore()
    made = scene.new_share(restore)
    assert made != scene.share.id
    assert contents(alpha.folder(made)) == scene.then
    said = json.loads(restore.resources_reason[f"{SHARE}#{made}"])
    assert said["restored_from"]["share_id"] == scene.share.id


def test_in_place_and_with_a_copy_of_the_present_content(scene: Scene, alpha: Tenant) -> None:
    now = contents(scene.folder)
    restore = scene.restore(share_id=scene.share.id, safety_copy=True)
    assert contents(scene.folder) == scene.then
    said = json.loads(restore.resources_reason[scene.key])
    assert said["way"] == "in place"
    assert contents(alpha.folder(said["safety_copy"])) == now
    assert len(backups(alpha)) == 1  # the temporary one is gone


def test_into_another_share_that_is_there(scene: Scene, alpha: Tenant) -> None:
    other = alpha.make_share("other", share_type=KIND)
    fill(alpha.folder(other.id), "others")
    now = contents(scene.folder)
    planned = alpha.verify(scene.checkpoint, {scene.key: {"share_id": other.id, "depth": "plan"}})
    plan = json.loads(planned.resources_reason[scene.key])
    assert plan["way"] == "into another share"
    assert other.id in plan["loses"][0]
    restore = scene.restore(share_id=other.id)
    assert contents(alpha.folder(other.id)) == scene.then
    assert contents(scene.folder) == now
    assert restore.resources_status == {f"{SHARE}#{other.id}": "available"}


def test_a_target_that_is_too_small_or_anothers_is_refused_and_untouched(
    scene: Scene, beta: Tenant, alpha: Tenant
) -> None:
    foreign = beta.make_share("foreign")
    try:
        fill(beta.folder(foreign.id), "foreign")
        before = contents(beta.folder(foreign.id))
        restore = scene.restore("fail", share_id=foreign.id)
        assert "no such share" in jsonutils.dumps(restore.resources_reason)
        assert contents(beta.folder(foreign.id)) == before
    finally:
        beta.clean()


def test_drill_copy_and_deletion_leave_nothing(scene: Scene, alpha: Tenant) -> None:
    drilled = alpha.verify(scene.checkpoint, {SHARE: {"depth": "drill"}})
    assert drilled.resources_status == {scene.key: "available"}
    assert [share.id for share in alpha.shares()] == [scene.share.id]
    (copy_id,) = alpha.copy(scene.plan).values()
    copied = alpha.wait_checkpoint(scene.plan.provider_id, copy_id)
    alpha.delete(scene.checkpoint)
    restore = alpha.restore(copied)
    made = scene.new_share(restore)
    assert contents(alpha.folder(made)) == scene.then
    alpha.delete(copied)
    assert backups(alpha) == []
    assert {share.id for share in alpha.shares()} == {scene.share.id, made}


def test_progress_is_seen_while_a_backup_is_under_way(
    scene: Scene, alpha: Tenant, turn: Path
) -> None:
    knobs.write(turn / "delays.json", {"create_backup_continue": {"steps": 25}})
    begun = alpha.karbor.checkpoints.create(scene.plan.provider_id, scene.plan.id)

    def told() -> Any:
        logs = alpha.karbor.operation_logs.list(search_opts={"checkpoint_id": begun.id})
        return next((log.extra_info for log in logs if log.extra_info), None)

    seen = wait("progress", told, bool, 120)
    assert json.loads(seen)["progress"][scene.key].startswith("backup ")
    alpha.wait_checkpoint(scene.plan.provider_id, begun.id)


def test_a_share_with_snapshots_is_refused_before_anything_is_made(
    emptied: Tenant, alpha: Tenant
) -> None:
    share = alpha.make_share("with snapshots", share_type=KIND)
    alpha.manila.share_snapshots.create(share.id)
    wait("it", lambda: alpha.snapshots(share.id), lambda all_: all_[0].status == "available", 120)
    plan = alpha.plan_of_shares([share])
    begun = alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
    failed = alpha.wait_checkpoint(plan.provider_id, begun.id, "error")
    assert "it has snapshots" in failed.extra_info
    assert backups(alpha) == []


def test_a_failed_backup_is_told_and_leaves_nothing(
    emptied: Tenant, alpha: Tenant, turn: Path
) -> None:
    share = alpha.make_share("fails", share_type=KIND)
    knobs.write(turn / "faults.json", {"create_backup": {"id": share.id}})
    plan = alpha.plan_of_shares([share])
    begun = alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
    failed = alpha.wait_checkpoint(plan.provider_id, begun.id, "error")
    assert "is in status 'error'" in failed.extra_info
    assert backups(alpha) == []
    alpha.wait_share(share.id)


def test_a_failed_restore_leaves_no_share_once_it_is_reconciled(
    scene: Scene, alpha: Tenant, turn: Path, command: Command
) -> None:
    (backup,) = backups(alpha)
    knobs.write(turn / "faults.json", {"restore_backup": {"id": backup.id}})
    restore = scene.restore("fail")
    assert "could not be removed" in jsonutils.dumps(restore.resources_reason)
    (turn / "faults.json").unlink()
    command("reconcile")
    wait("its removal", alpha.shares, lambda left: [s.id for s in left] == [scene.share.id], 60)
