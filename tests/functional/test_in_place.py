# SPDX-License-Identifier: Apache-2.0
"""Restores in place on the real Manila, with bytes compared."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_serialization import jsonutils

from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents

ACTION = "/shares/[0-9a-f-]+/action$"


def key(share: Any) -> str:
    return f"{SHARE}#{share.id}"


def in_place(share: Any, **given: Any) -> dict[str, Any]:
    return {key(share): {"share_id": share.id, **given}}


def fill(folder: Path, text: str) -> None:
    for old in folder.iterdir():
        old.unlink()
    (folder / f"named {text}").write_text(text)
    (folder / "data").write_bytes(text.encode() * 20_000)


def writes(proxy: Proxy) -> dict[str, int]:
    return {call: n for call, n in proxy.counts().items() if not call.startswith("GET")}


@pytest.fixture
def delays(stack: Stack) -> Iterator[Path]:
    path = stack.state.directory("manila") / "delays.json"
    yield path
    path.unlink(missing_ok=True)


class Scene:
    """A share with two contents: that of its checkpoint, and the present one."""

    def __init__(self, alpha: Tenant, **fields: Any) -> None:
        self.alpha = alpha
        self.share = alpha.make_share("in place", **fields)
        self.folder = alpha.folder(self.share.id)
        fill(self.folder, "then")
        self.then = contents(self.folder)
        self.checkpoint = alpha.protect(alpha.plan_of_shares([self.share]))
        fill(self.folder, "now")
        self.now = contents(self.folder)

    def restore(self, status: str = "success", **given: Any) -> Any:
        return self.alpha.restore(self.checkpoint, in_place(self.share, **given), status=status)

    def reason(self, restore: Any) -> str:
        return str(restore.resources_reason[key(self.share)])

    def is_untouched(self) -> bool:
        return contents(self.folder) == self.now

    def is_back(self) -> bool:
        return contents(self.folder) == self.then


@pytest.fixture
def scene(alpha: Tenant) -> Scene:
    return Scene(alpha)


def test_a_share_comes_back_in_place_byte_for_byte(scene: Scene, alpha: Tenant) -> None:
    alpha.manila.shares.update(scene.share.id, display_name="renamed since")
    before = {share.id for share in alpha.shares()}
    restore = scene.restore()
    assert scene.is_back()
    assert restore.resources_status == {key(scene.share): "available"}
    told = jsonutils.loads(scene.reason(restore))
    assert told["way"] == "in place"
    assert told["export_locations"][0].endswith(str(scene.folder))
    assert alpha.manila.shares.get(scene.share.id).name == "renamed since"
    assert {share.id for share in alpha.shares()} <= before
    fill(scene.folder, "again")
    scene.restore()
    assert scene.is_back()


def test_the_dry_run_tells_the_plan_and_writes_nothing(
    scene: Scene, alpha: Tenant, proxy: Proxy
) -> None:
    proxy.clear_counts()
    parameters = {key(scene.share): {"depth": "plan", "share_id": scene.share.id}}
    verification = alpha.verify(scene.checkpoint, parameters)
    plan = jsonutils.loads(verification.resources_reason[key(scene.share)])
    (snapshot,) = alpha.snapshots(scene.share.id)
    assert (plan["way"], plan["source"]["snapshot_id"]) == ("in place", snapshot.id)
    assert "since" in plan["loses"][0]
    assert writes(proxy) == {}
    assert scene.is_untouched()


@pytest.mark.parametrize("given", [{}, {"remove_newer": True}], ids=["plain", "remove_newer"])
def test_a_newer_snapshot_of_the_users_own_refuses_and_nothing_is_written(
    scene: Scene, alpha: Tenant, proxy: Proxy, given: dict[str, Any]
) -> None:
    newer = alpha.protect(alpha.plan_of_shares([scene.share]))
    own = alpha.manila.share_snapshots.create(scene.share.id, name="my own")
    wait(
        "it",
        lambda: alpha.manila.share_snapshots.get(own.id),
        lambda s: s.status == "available",
        120,
    )
    proxy.clear_counts()
    reason = scene.reason(scene.restore("fail", **given))
    assert own.id in reason
    assert "'my own'" in reason
    assert newer.id in reason
    assert writes(proxy) == {}
    assert scene.is_untouched()
    assert len(alpha.snapshots(scene.share.id)) == 3


def test_a_newer_checkpoint_refuses_until_asked_to_go_and_keeps_its_other_share(
    scene: Scene, alpha: Tenant, proxy: Proxy
) -> None:
    other = alpha.make_share("other")
    fill(alpha.folder(other.id), "of the other")
    newer = alpha.protect(alpha.plan_of_shares([scene.share, other]))
    proxy.clear_counts()
    reason = scene.reason(scene.restore("fail"))
    assert newer.id in reason
    assert "remove_newer" in reason
    assert writes(proxy) == {}
    assert scene.is_untouched()

    restore = scene.restore(remove_newer=True)
    assert scene.is_back()
    assert len(jsonutils.loads(scene.reason(restore))["removed"]) == 1
    assert len(alpha.snapshots(scene.share.id)) == 1
    left = alpha.checkpoint(newer.protection_plan["provider_id"], newer.id)
    assert left.status == "available"
    assert "remove_newer" in jsonutils.loads(left.extra_info)["reasons"][key(scene.share)]
    ended = alpha.restore(left, {key(scene.share): {"include": False}})
    (new,) = set(ended.resources_status) - {key(scene.share)}
    restored = alpha.folder(new.partition("#")[2])
    assert contents(restored) == contents(alpha.folder(other.id))
    alpha.delete(left)


def test_all_shares_of_a_plan_go_back_at_once_past_the_same_newer_checkpoint(
    alpha: Tenant,
) -> None:
    shares = [alpha.make_share(f"together {number}") for number in range(3)]
    folders = [alpha.folder(share.id) for share in shares]
    for number, folder in enumerate(folders):
        fill(folder, f"then {number}")
    then = [contents(folder) for folder in folders]
    plan = alpha.plan_of_shares(shares)
    old, newer = alpha.protect(plan), alpha.protect(plan)
    for folder in folders:
        fill(folder, "now")
    given: dict[str, Any] = {}
    for share in shares:
        given |= in_place(share, remove_newer=True, safety_copy=True)
    alpha.restore(old, given)
    assert [contents(folder) for folder in folders] == then
    left = alpha.checkpoint(newer.protection_plan["provider_id"], newer.id)
    assert left.status == "error"
    assert {key(share) for share in shares} == set(jsonutils.loads(left.extra_info)["reasons"])


def test_a_safety_copy_holds_the_bytes_of_before_and_stays(scene: Scene, alpha: Tenant) -> None:
    restore = scene.restore(safety_copy=True)
    assert scene.is_back()
    copy = alpha.manila.shares.get(jsonutils.loads(scene.reason(restore))["safety_copy"])
    assert copy.name == f"before-restore-{scene.checkpoint.id}"
    assert contents(alpha.folder(copy.id)) == scene.now
    assert restore.resources_status[f"{SHARE}#{copy.id}"] == "available"
    assert len(alpha.snapshots(scene.share.id)) == 1
    alpha.delete(scene.checkpoint)
    assert alpha.snapshots(scene.share.id) == []
    assert contents(alpha.folder(copy.id)) == scene.now


def test_an_access_rule_in_error_refuses(scene: Scene, alpha: Tenant, proxy: Proxy) -> None:
    # Manila takes the type, and the sandbox's backend does not know it.
    alpha.manila.shares.allow(scene.share.id, "cephx", "roof", "rw")
    wait(
        "the rule",
        lambda: alpha.manila.shares.get(scene.share.id).access_rules_status,
        lambda state: state == "error",
        120,
    )
    proxy.clear_counts()
    assert "access rules are in state 'error'" in scene.reason(scene.restore("fail"))
    assert writes(proxy) == {}
    assert scene.is_untouched()


def test_a_type_without_the_capability_refuses(alpha: Tenant, proxy: Proxy) -> None:
    scene = Scene(alpha, share_type="norevert")
    proxy.clear_counts()
    assert "revert_to_snapshot_support" in scene.reason(scene.restore("fail"))
    assert writes(proxy) == {}
    assert scene.is_untouched()


def test_a_share_that_is_not_available_refuses(scene: Scene, info: Any, proxy: Proxy) -> None:
    Tenant(info, "admin").manila.shares.reset_state(scene.share.id, "error")
    proxy.clear_counts()
    assert "its status is 'error'" in scene.reason(scene.restore("fail"))
    assert writes(proxy) == {}
    assert scene.is_untouched()


@pytest.mark.parametrize(
    "rule",
    [Rule.lose_reply("POST", ACTION), Rule.answer("POST", ACTION, 503)],
    ids=["lost", "503"],
)
def test_one_fault_at_the_revert_is_ridden_out(scene: Scene, proxy: Proxy, rule: Rule) -> None:
    with proxy.fault(rule):
        scene.restore()
    assert scene.is_back()


def test_a_lost_reply_to_a_slow_revert_is_not_repeated(
    scene: Scene, proxy: Proxy, delays: Path
) -> None:
    delays.write_text(json.dumps({"revert_to_snapshot": 3}))
    proxy.clear_counts()
    with proxy.fault(Rule.lose_reply("POST", ACTION)):
        scene.restore()
    assert writes(proxy) == {"POST /v2/shares/{id}/action": 1}
    assert scene.is_back()


def test_a_revert_that_fails_says_who_can_help_and_succeeds_after_that(
    scene: Scene, alpha: Tenant, stack: Stack, info: Any, request: pytest.FixtureRequest
) -> None:
    shares = Tenant(info, "admin").manila.shares
    # No tenant gets out of "reverting_error", not even to delete the share.
    request.addfinalizer(lambda: shares.reset_state(scene.share.id, "available"))
    faults = stack.state.directory("manila") / "faults.json"
    faults.write_text(json.dumps({"revert_to_snapshot": {"id": scene.share.id}}))
    try:
        restore = scene.restore("fail")
    finally:
        faults.unlink()
    assert "administrator" in scene.reason(restore)
    assert alpha.manila.shares.get(scene.share.id).status == "reverting_error"
    shares.reset_state(scene.share.id, "available")
    scene.restore()
    assert scene.is_back()


def test_a_kill_during_a_revert_ends_as_a_success_that_was_seen(
    scene: Scene, alpha: Tenant, stack: Stack, delays: Path
) -> None:
    delays.write_text(json.dumps({"revert_to_snapshot": 35}))
    provider = scene.checkpoint.protection_plan["provider_id"]
    begun = alpha.karbor.restores.create(
        provider, scene.checkpoint.id, None, in_place(scene.share), None
    )
    alpha.wait_share(scene.share.id, "reverting")
    stack.kill("karbor", signal.SIGKILL)
    stack.start_service("karbor")
    ended = wait(
        "the restore",
        lambda: alpha.karbor.restores.get(begun.id),
        lambda seen: seen.status != "in_progress",
        120,
    )
    assert ended.status == "success", ended.resources_reason
    assert scene.is_back()
    alpha.delete(scene.checkpoint)
    assert alpha.manila.shares.get(scene.share.id).status == "available"
