# SPDX-License-Identifier: Apache-2.0
"""What can be restored is restored, and the plan tells the truth: on the real services."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Refused, Tenant, wait
from tests.functional.retyping import retype

MAKING = ("POST /shares", "POST /snapshots")
ONLY = "can only be restored in place (share_id)"


def key(share: Any) -> str:
    return f"{SHARE}#{share.id}"


def made(proxy: Proxy) -> dict[str, int]:
    return {call: n for call, n in proxy.counts().items() if call in MAKING}


def extra_info(checkpoint: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(checkpoint.extra_info) if checkpoint.extra_info else {}
    return found


def left_out(checkpoint: Any) -> list[str]:
    """The shares that a checkpoint says it does not hold; the tests' own type may be there too."""
    return [item["id"] for item in extra_info(checkpoint)["left_out"] if item["type"] == SHARE]


def written(alpha: Tenant, name: str, **fields: Any) -> tuple[Any, bytes]:
    """A share with bytes in it."""
    share = alpha.make_share(name, **fields)
    content = share.id.encode() * 50_000
    (alpha.folder(share.id) / "data").write_bytes(content)
    return share, content


def planned(alpha: Tenant, checkpoint: Any, share: Any, **given: Any) -> dict[str, Any]:
    told = alpha.verify(checkpoint, {SHARE: {"depth": "plan", **given}}).resources_reason[
        key(share)
    ]
    found: dict[str, Any] = json.loads(told)
    return found


# -- migration ----------------------------------------------------------------------------------


def test_a_share_of_another_type_since_then_comes_back_as_its_plan_says(
    alpha: Tenant, stack: Stack, proxy: Proxy
) -> None:
    share, content = written(alpha, "migrated")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    retype(stack, share.id, "sandbox-too")
    plan = planned(alpha, checkpoint, share)
    assert plan["placement"]["share_type_name"] == "sandbox-too"
    assert planned(alpha, checkpoint, share, share_type="sandbox-too")
    restored = alpha.restored_share(alpha.restore(checkpoint))
    assert restored.share_type_name == "sandbox-too"
    assert (alpha.folder(restored.id) / "data").read_bytes() == content
    proxy.clear_counts()
    refused = alpha.restore(checkpoint, {SHARE: {"share_type": "sandbox"}}, status="fail")
    assert "has " in refused.resources_reason[key(share)]
    assert "sandbox-too now" in refused.resources_reason[key(share)]
    assert made(proxy) == {}
    alpha.verify(checkpoint, {SHARE: {"depth": "drill"}})


# -- capabilities -------------------------------------------------------------------------------


def test_what_can_only_be_put_back_is_told_so_at_every_step(alpha: Tenant, proxy: Proxy) -> None:
    share, content = written(alpha, "only in place", share_type="noclone")
    plan = alpha.plan_of_shares([share])
    checkpoint = alpha.protect(plan)
    assert "only be restored in place" in extra_info(checkpoint)["remarks"][key(share)]
    proxy.clear_counts()
    for depth in ("plan", "drill"):
        verified = alpha.verify(checkpoint, {SHARE: {"depth": depth}}, status="fail")
        assert ONLY in verified.resources_reason[key(share)]
    assert ONLY in alpha.restore(checkpoint, status="fail").resources_reason[key(share)]
    with pytest.raises(Refused, match="only be restored in place"):
        alpha.copy(plan)
    assert made(proxy) == {}
    (alpha.folder(share.id) / "data").write_bytes(b"spoilt")
    alpha.restore(checkpoint, {key(share): {"share_id": share.id}})
    assert (alpha.folder(share.id) / "data").read_bytes() == content


def test_a_share_that_a_migration_has_taken_the_way_from_is_told_so(
    alpha: Tenant, stack: Stack, proxy: Proxy
) -> None:
    share, _content = written(alpha, "lost its way")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    retype(stack, share.id, "snaponly")
    proxy.clear_counts()
    verified = alpha.verify(checkpoint, {SHARE: {"depth": "plan"}}, status="fail")
    assert "cannot be restored now" in verified.resources_reason[key(share)]
    assert made(proxy) == {}


def test_what_could_never_be_given_back_is_refused_by_name_and_left_out_of_a_project(
    empty_alpha: Tenant, proxy: Proxy
) -> None:
    never = empty_alpha.make_share("never", share_type="snaponly")
    good = empty_alpha.make_share("good")
    refused = empty_alpha.protect(empty_alpha.plan_of_shares([never]), status="error")
    assert "could never be given back" in extra_info(refused)["reasons"][key(never)]
    assert made(proxy) == {}
    whole = empty_alpha.protect(empty_alpha.plan_of_project())
    assert left_out(whole) == [never.id]
    assert [snapshot.share_id for snapshot in empty_alpha.snapshots()] == [good.id]


def test_a_copy_of_a_project_goes_without_what_can_only_be_put_back_and_names_it(
    empty_alpha: Tenant, proxy: Proxy
) -> None:
    only = empty_alpha.make_share("only in place", share_type="noclone")
    good, content = written(empty_alpha, "good")
    plan = empty_alpha.plan_of_project()
    source = empty_alpha.protect(plan)
    copy_id = empty_alpha.copy(plan)[source.id]
    copy = empty_alpha.wait_checkpoint(plan.provider_id, copy_id)
    left = [item for item in extra_info(copy)["left_out"] if item["type"] == SHARE]
    assert [(item["id"], item["kind"]) for item in left] == [(only.id, "not_supported")]
    assert "it can only be restored in place" in left[0]["reason"]
    empty_alpha.delete(source)
    restored = empty_alpha.restored_share(empty_alpha.restore(copy))
    assert restored.id not in {only.id, good.id}
    assert (empty_alpha.folder(restored.id) / "data").read_bytes() == content

    named = empty_alpha.plan_of_shares([only, good])
    empty_alpha.protect(named)
    proxy.clear_counts()
    with pytest.raises(Refused, match="which the plan of checkpoint .* names"):
        empty_alpha.copy(named)
    assert made(proxy) == {}


# -- one share and the others -------------------------------------------------------------------


def test_a_damaged_record_hinders_its_own_share_alone(alpha: Tenant, stack: Stack) -> None:
    bad, (good, content) = alpha.make_share("bad"), written(alpha, "good")
    plan = alpha.plan_of_shares([bad, good])
    checkpoint = alpha.protect(plan)
    record = _record(stack, checkpoint, bad)
    record.write_text(record.read_text()[:20])
    without = {key(bad): {"include": False}}
    restored = [
        alpha.manila.shares.get(made.partition("#")[2])
        for made, status in alpha.restore(checkpoint, without).resources_status.items()
        if status == "available"
    ]
    assert [(alpha.folder(new.id) / "data").read_bytes() for new in restored] == [content]
    both = alpha.restore(checkpoint, status="fail")
    assert both.resources_status[key(bad)] == "error"
    assert list(both.resources_status.values()).count("available") == 1
    (copy_id,) = alpha.copy(plan).values()
    copied = alpha.wait_checkpoint(plan.provider_id, copy_id)
    assert left_out(copied) == [bad.id]
    alpha.restore(copied)


def _record(stack: Stack, checkpoint: Any, share: Any) -> Path:
    pages = stack.info.bank / "karbor/checkpoints" / checkpoint.id / "resource-data" / share.id
    return pages / "metadata"


def test_a_share_that_goes_while_its_project_is_protected_is_left_out(
    empty_alpha: Tenant, info: Any
) -> None:
    gone, kept = (empty_alpha.make_share(name) for name in ("gone", "kept"))
    admin = Tenant(info, "admin")
    admin.manila.shares.reset_state(gone.id, "creating")  # the protection waits for it
    plan = empty_alpha.plan_of_project()
    begun = empty_alpha.karbor.checkpoints.create(plan.provider_id, plan.id)
    wait("the other's snapshot", empty_alpha.snapshots, bool, 120)
    admin.manila.shares.force_delete(gone.id)
    checkpoint = empty_alpha.wait_checkpoint(plan.provider_id, begun.id)
    assert left_out(checkpoint) == [gone.id]
    restore = empty_alpha.restore(checkpoint)
    assert len(restore.resources_status) == 1
    assert [snapshot.share_id for snapshot in empty_alpha.snapshots()] == [kept.id]
    empty_alpha.delete(checkpoint)


# -- what is told -------------------------------------------------------------------------------


def test_rules_with_locked_visibility_are_never_asked_for(
    alpha: Tenant, info: Any, proxy: Proxy
) -> None:
    share = alpha.make_share("locked")
    alpha.manila.shares.allow(share.id, "ip", "127.0.0.77", "ro")
    Tenant(info, "admin").manila.shares.allow(
        share.id, "ip", "127.0.0.78", "rw", lock_visibility=True
    )
    assert "******" in {
        rule.access_to for rule in alpha.manila.share_access_rules.access_list(share)
    }
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    plan = planned(alpha, checkpoint, share, access_rules=True)
    assert any("(1 of ip rw)" in said for said in plan["not_restored"])
    restore = alpha.restore(checkpoint, {SHARE: {"access_rules": True}})
    new = alpha.restored_share(restore)
    told = json.loads(restore.resources_reason[key(new)])
    assert any("locked visibility (1 of ip rw)" in said for said in told["not_restored"])
    rules = alpha.manila.share_access_rules.access_list(new)
    assert [rule.access_to for rule in rules] == ["127.0.0.77"]


def test_a_share_that_goes_slowly_does_not_make_its_drill_a_bad_one(
    alpha: Tenant, stack: Stack
) -> None:
    """The sandbox of these tests has an undo timeout of 30 s."""
    share = alpha.make_share("slow to go")
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    delays = stack.state.directory("manila") / "delays.json"
    delays.write_text(json.dumps({"delete_share": 40}))
    try:
        verified = alpha.verify(checkpoint, {SHARE: {"depth": "drill"}}, seconds=120)
    finally:
        delays.unlink()
    told = json.loads(verified.resources_reason[key(share)])
    assert "left" not in told
    assert not [left for left in alpha.shares() if left.name.startswith("drill-")]
