# SPDX-License-Identifier: Apache-2.0
"""Copies of checkpoints through Karbor's REST API, with bytes compared."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from oslo_serialization import jsonutils

from karbor_manila.manila import marks
from sandbox.proxy.control import Proxy
from sandbox.proxy.rules import Rule
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Refused, Tenant, wait
from tests.functional.clones import clones_of
from tests.functional.folders import contents, fill


@pytest.fixture
def clean(alpha: Tenant) -> Iterator[Tenant]:
    """The project, in which nothing may be left but what was there before and the test's share."""
    before = {s.id for s in alpha.shares()}, {s.id for s in alpha.snapshots()}
    yield alpha
    left = [s for s in alpha.shares() if s.id not in before[0]]
    assert [s.name for s in left] == ["copied"]
    assert {s.id for s in alpha.snapshots()} - before[1] == set()


def protected_twice(tenant: Tenant) -> tuple[Any, list[Any], list[dict[str, bytes]]]:
    """A plan, its two checkpoints and what each of them holds."""
    share = tenant.make_share("copied")
    plan, made, held = tenant.plan_of_shares([share]), [], []
    for text in ("first", "second"):
        fill(tenant.folder(share.id), text)
        held.append(contents(tenant.folder(share.id)))
        made.append(tenant.protect(plan))
        time.sleep(1.1)  # Karbor's timestamps are whole seconds
    fill(tenant.folder(share.id), "damaged")
    return plan, made, held


def copies_of(tenant: Tenant, plan: Any, made: list[Any]) -> list[Any]:
    """The complete copies of these checkpoints, in their order."""
    pairs = tenant.copy(plan)
    assert set(pairs) == {checkpoint.id for checkpoint in made}
    return [tenant.wait_checkpoint(plan.provider_id, pairs[source.id]) for source in made]


def restored(tenant: Tenant, checkpoint: Any) -> dict[str, bytes]:
    """What a restore of the checkpoint gives; the new share is removed again."""
    new = tenant.restored_share(tenant.restore(checkpoint))
    found = contents(tenant.folder(new.id))
    tenant.manila.shares.delete(new.id)
    wait("its end", lambda: {s.id for s in tenant.shares()}, lambda ids: new.id not in ids, 60)
    return found


def test_copies_outlive_their_sources_and_the_other_way_round(clean: Tenant) -> None:
    plan, made, held = protected_twice(clean)
    copies = copies_of(clean, plan, made)
    for source, copied in zip(made, copies, strict=True):
        info = jsonutils.loads(copied.extra_info)
        assert (info["copy_of"], info["copy_status"]) == (source.id, "finished")
        assert clean.verify(copied).status == "success"
    assert [restored(clean, copied) for copied in copies] == held
    clean.delete(made[0])
    assert restored(clean, copies[0]) == held[0]
    clean.delete(copies[1])
    assert restored(clean, made[1]) == held[1]
    for checkpoint in (copies[0], made[1]):
        clean.delete(checkpoint)


def test_a_plan_on_a_project_is_copied_share_by_share(empty_alpha: Tenant) -> None:
    shares = [empty_alpha.make_share(f"s{n}") for n in range(4)]
    for number, share in enumerate(shares):
        fill(empty_alpha.folder(share.id), f"share {number}")
    kept = {share.id: contents(empty_alpha.folder(share.id)) for share in shares}
    plan = empty_alpha.plan_of_project()
    source = empty_alpha.protect(plan)
    (copied,) = copies_of(empty_alpha, plan, [source])
    empty_alpha.delete(source)
    for share in shares:  # nothing in Manila holds them any more
        empty_alpha.manila.shares.delete(share.id)
    gone = {share.id for share in shares}
    wait("their end", lambda: {s.id for s in empty_alpha.shares()} & gone, lambda ids: not ids, 60)
    restore = empty_alpha.restore(copied)
    new = [empty_alpha.manila.shares.get(key.partition("#")[2]) for key in restore.resources_status]
    assert {
        marks.read({"metadata": share.metadata}).resource: contents(empty_alpha.folder(share.id))
        for share in new
    } == kept
    empty_alpha.delete(copied)
    assert {s.id for s in empty_alpha.shares()} == {share.id for share in new}
    assert empty_alpha.snapshots() == []


def test_what_has_a_copy_is_not_copied_again_and_clones_are_in_no_plan(clean: Tenant) -> None:
    plan, made, _held = protected_twice(clean)
    copies = copies_of(clean, plan, made)
    assert clean.copy(plan) == {}
    clones = clones_of(clean, *copies)
    assert len(clones) == 2
    assert not any(clone.is_public for clone in clones)
    listed = {item.id for item in clean.karbor.protectables.list_instances(SHARE)}
    assert not listed & {clone.id for clone in clones}
    clean.delete(copies[0])
    assert list(clean.copy(plan)) == [made[0].id]  # its copy is gone
    again = [c for c in clean.checkpoints(plan) if c.id not in {k.id for k in [*made, *copies]}]
    clean.wait_checkpoint(plan.provider_id, again[0].id)
    for checkpoint in (*made, copies[1], again[0]):
        clean.delete(checkpoint)


@pytest.mark.parametrize("path", ["/shares$", "/snapshots$"])
def test_a_lost_reply_makes_nothing_twice(clean: Tenant, proxy: Proxy, path: str) -> None:
    plan = clean.plan_of_shares([clean.make_share("copied")])
    source = clean.protect(plan)
    with proxy.fault(Rule.lose_reply("POST", path)):
        (copied,) = copies_of(clean, plan, [source])
    clones = clones_of(clean, copied)
    assert len(clones) == 1
    assert len(clean.snapshots(clones[0].id)) == 1
    clean.delete(source)
    clean.delete(copied)


def test_a_plan_whose_snapshot_is_gone_is_refused_by_name(clean: Tenant) -> None:
    share = clean.make_share("copied")
    plan = clean.plan_of_shares([share])
    source = clean.protect(plan)
    (snapshot,) = clean.snapshots(share.id)
    clean.manila.share_snapshots.delete(snapshot.id)
    wait("its end", lambda: clean.snapshots(share.id), lambda left: not left, 120)
    with pytest.raises(Refused, match=f"{share.id} of checkpoint {source.id}") as refused:
        clean.copy(plan)
    assert refused.value.status == 400
    assert [c.id for c in clean.checkpoints(plan)] == [source.id]
    clean.delete(source)


@pytest.mark.parametrize("path", ["/shares$", "/snapshots$"])
def test_a_killed_copy_ends_and_leaves_nothing(
    clean: Tenant, proxy: Proxy, stack: Stack, path: str
) -> None:
    plan = clean.plan_of_shares([clean.make_share("copied")])
    source = clean.protect(plan)
    proxy.clear_counts()
    with proxy.fault(Rule.delay("POST", path, 10)):
        (copy_id,) = clean.copy(plan).values()
        wait(
            "the request",
            proxy.counts,
            lambda seen: any(call.startswith("POST") and path.strip("/$") in call for call in seen),
            120,
        )
        with pytest.raises(Exception, match="in work"):
            clean.karbor.checkpoints.delete(plan.provider_id, source.id)
        stack.kill("karbor", signal.SIGKILL)
    stack.start_service("karbor")
    ended = wait(
        "the copy's end",
        lambda: clean.checkpoint(plan.provider_id, copy_id),
        lambda seen: seen.status not in ("wait_copying", "copying"),
        120,
    )
    if ended.status == "error":
        assert "copy" in ended.extra_info.lower()
    clean.delete(ended)
    clean.delete(source)
