# SPDX-License-Identifier: Apache-2.0
"""Shares with replicas: protected in all of them, restored and put back, on the real services."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.manila import knobs
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill


def key(share: Any) -> str:
    return f"{SHARE}#{share.id}"


class Scene:
    """A share with a replica on the other backend, and files."""

    def __init__(self, alpha: Tenant, stack: Stack) -> None:
        self.alpha = alpha
        self.admin = Tenant(stack.info, "admin")
        self.share = alpha.make_share("replicated", share_type="replicated")
        self.near = alpha.folder(self.share.id)
        fill(self.near, "then")
        self.then = contents(self.near)
        self.replica = alpha.manila.share_replicas.create(self.share.id)
        self.wait("in_sync")
        self.mirror = stack.info.shares.with_name("exports-of-mirror")
        self._before = self._snapshots_far()
        self.far = self.mirror / "shares" / self.replica.id / "data"
        self.plan = alpha.plan_of_shares([self.share])

    def wait(self, state: str) -> None:
        wait(
            f"the replica becoming {state}",
            lambda: self.alpha.manila.share_replicas.get(self.replica.id),
            lambda seen: (seen.status, seen.replica_state) == ("available", state),
            40,
        )

    def kept_far(self) -> list[dict[str, bytes]]:
        """What the snapshots on the other backend hold that were not there before."""
        return [contents(path / "data") for path in self._snapshots_far() - self._before]

    def _snapshots_far(self) -> set[Path]:
        return set((self.mirror / "snapshots").iterdir())

    def promote(self) -> None:
        self.alpha.manila.share_replicas.promote(self.replica.id)
        self.wait("active")

    def drop(self) -> None:
        def others() -> list[Any]:
            listed = self.alpha.manila.share_replicas.list(self.share.id)
            return [one for one in listed if one.replica_state != "active"]

        for replica in others():
            self.admin.manila.share_replicas.delete(replica.id, force=True)
        wait("the end of the replicas", others, lambda left: not left, 40)


@pytest.fixture
def scene(empty_alpha: Tenant, stack: Stack) -> Iterator[Scene]:
    made = Scene(empty_alpha, stack)
    yield made
    made.drop()


@pytest.fixture
def faults(stack: Stack) -> Iterator[Path]:
    path = stack.state.directory("manila") / "faults.json"
    yield path
    path.unlink(missing_ok=True)


def test_all_replicas_are_kept_and_the_share_comes_back_new_and_in_place_after_a_promotion(
    scene: Scene, proxy: Proxy
) -> None:
    checkpoint = scene.alpha.protect(scene.plan)
    assert proxy.counts()["POST /v2/snapshots"] == 1
    assert scene.kept_far() == [scene.then]
    fill(scene.near, "now")
    now = contents(scene.near)
    wait("the replica's update", lambda: contents(scene.far), lambda seen: seen == now, 60)
    scene.promote()
    assert scene.alpha.folder(scene.share.id) == scene.far

    restore = scene.alpha.restore(checkpoint)
    new = scene.alpha.restored_share(restore)
    assert contents(scene.alpha.folder(new.id)) == scene.then
    told = json.loads(restore.resources_reason[key(new)])
    assert any(said.startswith("Its replicas:") for said in told["not_restored"])
    assert len(scene.alpha.manila.share_replicas.list(new.id)) == 1

    scene.alpha.restore(checkpoint, {key(scene.share): {"share_id": scene.share.id}})
    assert contents(scene.far) == scene.then
    scene.alpha.verify(checkpoint, {SHARE: {"depth": "drill"}})
    scene.alpha.delete(checkpoint)
    assert scene.alpha.snapshots(scene.share.id) == []
    assert scene.kept_far() == []


def test_a_replica_that_is_lost_hinders_neither_protection_nor_restore(
    scene: Scene, faults: Path
) -> None:
    """Out of sync: Manila goes by the active replica and those that are in sync."""
    knobs.write(faults, {"update_replica_state": True})
    scene.admin.manila.share_replicas.reset_replica_state(scene.replica.id, "out_of_sync")
    shutil.rmtree(scene.far.parent)
    checkpoint = scene.alpha.protect(scene.plan)
    fill(scene.near, "now")
    new = scene.alpha.restored_share(scene.alpha.restore(checkpoint))
    assert contents(scene.alpha.folder(new.id)) == scene.then
    scene.alpha.restore(checkpoint, {key(scene.share): {"share_id": scene.share.id}})
    assert contents(scene.near) == scene.then
    scene.alpha.delete(checkpoint)
    assert scene.alpha.snapshots(scene.share.id) == []


def test_a_snapshot_that_fails_on_a_replica_fails_the_protection_and_is_removed(
    scene: Scene, faults: Path
) -> None:
    knobs.write(faults, {"create_replicated_snapshot": {"times": 1}})
    checkpoint = scene.alpha.protect(scene.plan, status="error")
    assert scene.share.id in checkpoint.extra_info
    assert scene.alpha.snapshots(scene.share.id) == []
    assert scene.kept_far() == []
    scene.alpha.delete(checkpoint)
    scene.alpha.delete(scene.alpha.protect(scene.plan))


def test_a_share_without_an_active_replica_is_not_protected_for_long(
    scene: Scene, faults: Path
) -> None:
    """While a promotion goes on its status is replication_change, which is waited for."""
    knobs.write(faults.with_name("delays.json"), {"promote_replica": 5})
    try:
        scene.alpha.manila.share_replicas.promote(scene.replica.id)
        checkpoint = scene.alpha.protect(scene.plan)
    finally:
        faults.with_name("delays.json").unlink()
    new = scene.alpha.restored_share(scene.alpha.restore(checkpoint))
    assert contents(scene.alpha.folder(new.id)) == scene.then
    scene.alpha.delete(checkpoint)
