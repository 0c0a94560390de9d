# SPDX-License-Identifier: Apache-2.0
"""Copies of checkpoints: each is whole and by itself, or nothing of it is left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource
from karbor.services.protection.graph import GraphNode

from karbor_manila.bank import checkpoints
from karbor_manila.manila import marks
from karbor_manila.recovery.audit import Audit
from karbor_manila.service import sessions
from tests.fakes.manila import Died, passing, refused
from tests.unit.karbor_stage import PROJECT, SHARE, VOLUME, Service, started, told


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch) as service:
        yield service


def copy(service: Service, plan: Any) -> dict[str, str]:
    """A copy of the plan, to the end: the ids of the copies by those of the sources."""
    pairs = service.call("copy", plan)
    service.run()
    return {pair["checkpoint_protect_id"]: pair["checkpoint_copy_id"] for pair in pairs}


def copied(service: Service, plan: Any) -> Any:
    """The one copy that the plan gets."""
    (copy_id,) = copy(service, plan).values()
    return service.checkpoint(copy_id)


def record(service: Service, checkpoint: Any, share: str) -> Any:
    return checkpoint.get_resource_bank_section(share).get_object("metadata")


def pages(checkpoint: Any, share: str) -> set[str]:
    return set(checkpoint.get_resource_bank_section(share).list_objects())


def clones(service: Service) -> list[Any]:
    return [s for s in service.cloud.shares.values() if s["metadata"].get(marks.PURPOSE) == "copy"]


def nothing_is_open(service: Service) -> bool:
    return service.manager.claims.all() == [] and all(log.ended_at for log in service.logs())


# -- what a copy is ---------------------------------------------------------------------------


def test_a_copy_is_a_clone_and_its_snapshot_and_the_living_share_is_not_touched(
    service: Service,
) -> None:
    share = service.share(size=3, name="home", metadata={"colour": "blue"}, is_public=True)
    plan = service.plan(share)
    source = service.protect(plan)
    service.cloud.calls.clear()
    made = copied(service, plan)
    assert made.status == "available"
    assert told(made) == {"copy_of": source.id, "copy_status": "finished"}
    (clone,) = clones(service)
    was, now = record(service, source, share), record(service, made, share)
    assert clone["snapshot_id"] == was["snapshot_id"]
    assert (clone["size"], clone["is_public"]) == (3, False)
    snapshot = service.cloud.snapshots[now["snapshot_id"]]
    assert snapshot["share_id"] == now["clone_id"] == clone["id"]
    own = ("snapshot_id", "clone_id", "mark")
    assert {k: v for k, v in now.items() if k not in own} == {
        k: v for k, v in was.items() if k not in own
    }
    assert now["mark"]["checkpoint"] == made.id
    assert marks.read(snapshot) == marks.Mark(**now["mark"])
    assert marks.read(clone) == marks.Mark(**now["mark"]).of_clone()
    assert service.cloud.calls.count("create_snapshot") == 1
    assert [s["share_id"] for s in service.cloud.snapshots.values()].count(share) == 1
    assert nothing_is_open(service)
    assert [(log.operation_type, log.status) for log in service.logs()][-1] == (
        "copy",
        "available",
    )


def test_every_checkpoint_is_copied_with_its_own_graph(service: Service) -> None:
    one, two = service.share(), service.share()
    plan = service.plan(one)
    first = service.protect(plan)
    plan.resources = [*plan.resources, {"type": SHARE, "id": two, "name": "two"}]
    second = service.protect(plan)
    pairs = copy(service, plan)
    assert set(pairs) == {first.id, second.id}
    held = {
        source: {node.value.id for node in service.checkpoint(made).resource_graph}
        for source, made in pairs.items()
    }
    assert held == {first.id: {one}, second.id: {one, two}}
    assert {service.checkpoint(made).status for made in pairs.values()} == {"available"}
    assert len(clones(service)) == 3


def test_a_plan_on_a_project_is_copied(service: Service) -> None:
    shares = {service.share(), service.share()}
    plan = service.plan(resources=[{"type": PROJECT, "id": service.project_id, "name": "p"}])
    source = service.protect(plan)
    later = service.share()
    made = copied(service, plan)
    assert made.status == "available"
    service.delete(source.id)
    restore = service.restore(made.id)
    assert (restore.status, len(restore.resources_status)) == ("success", 2)
    again = service.protect(plan)
    named = {node.id for node in checkpoints.resources(again) if node.type == SHARE}
    new = {key.partition("#")[2] for key in restore.resources_status}
    assert named == shares | {later} | new, "the clones are no shares of the project's plan"


def test_another_projects_plan_has_nothing_to_copy(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    with pytest.raises(karbor_exception.InvalidInput):
        service.call("copy", plan, context=service.context(service.other_project))


def test_a_copy_without_a_plan_is_refused_as_karbor_does(service: Service) -> None:
    with pytest.raises(karbor_exception.InvalidPlan):
        service.call("copy", None)


def test_copies_wait_for_their_turn(service: Service) -> None:
    plan = service.plan(service.share())
    for _ in range(2):
        service.protect(plan)
    pairs = service.call("copy", plan)
    made = [pair["checkpoint_copy_id"] for pair in pairs]
    assert {service.checkpoint(thing).status for thing in made} == {"wait_copying"}
    assert {claim.operation for claim in service.manager.claims.all()} == {"copy"}
    assert len(service.manager.claims.all()) == 4
    service.run()
    assert {service.checkpoint(thing).status for thing in made} == {"available"}


def test_nothing_to_copy_is_an_empty_answer_and_a_copy_is_never_copied(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    assert len(copy(service, plan)) == 1
    assert copy(service, plan) == {}
    assert len(service.checkpoints()) == 2


def test_what_is_being_copied_is_not_copied_twice(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    assert len(service.call("copy", plan)) == 1
    assert service.call("copy", plan) == []
    service.run()
    assert len(clones(service)) == 1


@pytest.mark.parametrize("fate", ["deleted", "failed"])
def test_a_checkpoint_whose_copy_does_not_live_is_copied_again(service: Service, fate: str) -> None:
    plan = service.plan(service.share())
    source = service.protect(plan)
    if fate == "failed":
        service.cloud.plan("create_share", refused)
    made = copied(service, plan)
    if fate == "deleted":
        service.delete(made.id)
    assert set(copy(service, plan)) == {source.id}


def test_the_options_name_the_copy(service: Service) -> None:
    share = service.share()
    plan = service.plan(share, parameters={SHARE: {"snapshot_name": "mine", "description": "x"}})
    service.protect(plan)
    made = copied(service, plan)
    snapshot = service.cloud.snapshots[record(service, made, share)["snapshot_id"]]
    assert (snapshot["name"], snapshot["description"]) == ("mine", "x")


@pytest.mark.parametrize("version", [0, 1])
def test_older_records_are_copied(service: Service, version: int) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    section = source.get_resource_bank_section(share)
    known = section.get_object("metadata")
    old = ("share_id", "size", "share_proto", "share_type", "share_network_id", "snapshot_id")
    if version == 0:
        known = {name: known[name] for name in old}
    else:
        for name in ("share_group_id", "metadata", "is_public", "access_rules", "clone_id"):
            del known[name]
        known["version"] = 1
    section.update_object("metadata", known)
    made = copied(service, plan)
    assert made.status == "available"
    now = record(service, made, share)
    assert (now["version"], now["project_id"]) == (3, service.project_id)
    assert now["access_rules"] is None
    service.delete(source.id)
    assert service.restore(made.id).status == "success"


# -- each side by itself ----------------------------------------------------------------------


def test_the_copy_outlives_its_source(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    made = copied(service, plan)
    service.delete(source.id)
    assert service.verify(made.id).status == "success"
    restore = service.restore(made.id)
    assert restore.status == "success"
    (key,) = restore.resources_status
    new = service.cloud.shares[key.partition("#")[2]]
    assert new["snapshot_id"] == record(service, made, share)["snapshot_id"]
    service.delete(made.id)
    assert (clones(service), service.cloud.snapshots) == ([], {})
    assert set(service.cloud.shares) == {share, new["id"]}


def test_the_source_outlives_its_copy(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    service.delete(copied(service, plan).id)
    assert clones(service) == []
    (snapshot,) = service.cloud.snapshots.values()
    assert snapshot["share_id"] == share
    assert service.restore(source.id).status == "success"


@pytest.mark.parametrize("gone", ["snapshot", "both"])
def test_a_copy_whose_parts_were_removed_by_hand_can_be_deleted(
    service: Service, gone: str
) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    made = copied(service, plan)
    kept = record(service, made, share)
    del service.cloud.snapshots[kept["snapshot_id"]]
    if gone == "both":
        del service.cloud.shares[kept["clone_id"]]
    service.delete(made.id)
    assert clones(service) == []
    assert service.checkpoint(made.id).status == "deleted"


def test_a_deletion_without_a_record_goes_by_the_marks(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    made = copied(service, plan)
    made.get_resource_bank_section(share).update_object("metadata", {"version": 0})
    mine = service.share(metadata=dict(clones(service)[0]["metadata"]) | {marks.PURPOSE: "mine"})
    service.delete(made.id)
    assert clones(service) == []
    assert mine in service.cloud.shares, "only what was made for a copy goes by its mark"
    assert len(service.cloud.snapshots) == 1


def test_a_clone_that_cannot_be_removed_is_told_of_and_goes_the_next_time(
    service: Service,
) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    made = copied(service, plan)
    (clone,) = clones(service)
    service.cloud.failing.add(f"delete_share {clone['id']}")
    service.delete(made.id)
    assert service.checkpoint(made.id).status == "error-deleting"
    assert clone["id"] in told(service.checkpoint(made.id))["reasons"][f"{SHARE}#{share}"]
    assert "metadata" in pages(made, share)
    service.cloud.failing.clear()
    clone["status"] = "available"  # an administrator has reset it
    service.delete(made.id)
    assert clones(service) == []


@pytest.mark.parametrize("side", [0, 1], ids=["source", "copy"])
def test_neither_side_is_deleted_while_the_copy_is_made(service: Service, side: int) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    (pair,) = service.call("copy", plan)
    thing = sorted(pair.items(), key=lambda item: item[0] == "checkpoint_copy_id")[side][1]
    with pytest.raises(karbor_exception.InvalidInput, match="in work"):
        service.call("delete", service.provider.id, thing)
    with pytest.raises(karbor_exception.CheckpointNotBeReset):
        service.call("reset_state", service.provider.id, thing, "error")
    service.run()
    service.delete(thing)


def test_the_clone_is_in_no_plan(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    copied(service, plan)
    (clone,) = clones(service)
    named = service.protect(service.plan(clone["id"]))
    assert named.status == "error"
    (reason,) = told(named)["reasons"].values()
    assert "karbor-manila made it itself, for a copy" in reason


# -- refused before anything exists -----------------------------------------------------------


def refusal(service: Service, plan: Any) -> str:
    before = service.checkpoints()
    service.cloud.calls.clear()
    with pytest.raises(karbor_exception.InvalidInput) as caught:
        service.call("copy", plan)
    assert caught.value.code == 400
    assert service.checkpoints() == before
    assert service.spawned == []
    assert service.manager.claims.all() == []
    assert not {"create_share", "create_snapshot"} & set(service.cloud.calls)
    return str(caught.value)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"maxTotalShares": 3, "totalSharesUsed": 2}, "2 shares are needed"),
        ({"maxTotalShareGigabytes": 5}, "6 share gigabytes are needed"),
        ({"maxTotalShareSnapshots": 1}, "2 snapshots are needed"),
        ({"maxTotalSnapshotGigabytes": 5}, "6 snapshot gigabytes are needed"),
    ],
    ids=["shares", "gigabytes", "snapshots", "snapshot gigabytes"],
)
def test_a_quota_that_does_not_suffice_for_all_copies_refuses_them(
    service: Service, limits: dict[str, int], said: str
) -> None:
    plan = service.plan(service.share(size=3))
    for _ in range(2):
        service.protect(plan)
    service.cloud.limits.update(limits)
    assert said in refusal(service, plan)


def test_a_plan_without_an_available_checkpoint_is_refused(service: Service) -> None:
    plan = service.plan(service.share())
    made = service.protect(plan)
    made.status = "error"
    made.commit()
    assert "no available checkpoint" in refusal(service, plan)


def test_a_record_or_a_snapshot_that_is_gone_is_refused_by_name(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    made = service.protect(plan)
    service.cloud.snapshots.clear()
    assert f"Share {share} of checkpoint {made.id} cannot be copied" in refusal(service, plan)
    made.get_resource_bank_section(share).delete_object("metadata")
    assert "no complete record" in refusal(service, plan)


def test_parameters_that_cannot_be_used_are_refused(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    plan.parameters = {SHARE: {"snapshot_name": "n" * 256}}
    assert "'snapshot_name'" in refusal(service, plan)


def test_a_type_that_nobody_copies_is_refused_by_name(service: Service) -> None:
    plan = service.plan(service.share())
    made = service.protect(plan)
    (node,) = made.resource_graph
    made.resource_graph = [GraphNode(Resource(VOLUME, node.value.id, "v"), frozenset())]
    made.commit()
    assert f"holds {VOLUME}" in refusal(service, plan)


def test_with_manila_away_the_request_says_so(service: Service) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    fault = service.cloud.plan("snapshots", passing, times=10**6)
    began = service.cloud.clock.now()
    assert "Try again when Manila is back" in refusal(service, plan)
    assert service.cloud.clock.now() - began <= 45, "Karbor's API does not wait for longer"
    service.cloud.faults.remove(fault)


# -- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["create_share", "create_snapshot"])
def test_a_failed_copy_leaves_nothing_and_says_why(service: Service, method: str) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    service.cloud.plan(method, lambda: refused(413))
    made = copied(service, plan)
    assert made.status == "error"
    assert "HTTP 413" in told(made)["reasons"][f"{SHARE}#{share}"]
    assert clones(service) == []
    assert len(service.cloud.snapshots) == 1
    assert "intent" not in pages(made, share)
    log = service.logs()[-1]
    assert (log.operation_type, log.status) == ("copy", "error")
    assert "HTTP 413" in log.error_info
    assert nothing_is_open(service)
    service.delete(made.id)


def test_one_of_several_shares_fails_and_the_next_checkpoint_is_copied(service: Service) -> None:
    good, bad = service.share(), service.share()
    plan = service.plan(good, bad)
    first, second = service.protect(plan), service.protect(plan)
    service.cloud.seconds["create_share"] = 5.0
    service.cloud.failing.add(f"create_share {bad}")
    pairs = service.call("copy", plan)
    assert {pair["checkpoint_protect_id"] for pair in pairs} == {first.id, second.id}
    run = service.manager.worker.run_flow

    def mended(flow: Any) -> None:
        run(flow)
        service.cloud.failing.clear()

    service.manager.worker.run_flow = mended
    service.run()
    ends = [service.checkpoint(pair["checkpoint_copy_id"]) for pair in pairs]
    assert [end.status for end in ends] == ["error", "available"]
    assert f"{SHARE}#{bad}" in told(ends[0])["reasons"]
    for end in ends:
        service.delete(end.id)
    assert clones(service) == []


@pytest.mark.parametrize("method", ["create_share", "create_snapshot", "delete_share"])
def test_a_lost_reply_makes_nothing_twice(service: Service, method: str) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    service.cloud.plan(method, passing, after=True)
    made = copied(service, plan)
    assert made.status == "available"
    assert len(clones(service)) == 1
    assert len(service.cloud.snapshots) == 2
    service.delete(made.id)
    assert clones(service) == []
    service.cloud.assert_hit()


# -- deaths -----------------------------------------------------------------------------------


def killed(service: Service, plan: Any, method: str, nth: int, after: bool) -> Service | None:
    """The next process, after this one was killed at the nth call; None when there was none."""
    fault = service.cloud.plan(method, Died, nth=nth, after=after)
    try:
        service.call("copy", plan)
        service.run()
    except Died:
        return service.die()
    finally:
        service.cloud.faults.remove(fault)
    return None


def whole_or_gone(service: Service, plan: Any, source: Any, share: str) -> None:
    """A copy that a dead process left is complete, or nothing of it is left."""
    assert "" not in service.manager.reconciliation.run().values()
    (made,) = (service.checkpoint(thing) for thing in service.checkpoints() if thing != source.id)
    assert made.status in ("available", "error")
    assert nothing_is_open(service)
    left = set(pages(made, share))
    if made.status == "available":
        assert "intent" not in left
        assert told(made)["copy_status"] == "finished"
        assert service.restore(made.id).status == "success"
    else:
        assert told(made)["reasons"]
        assert clones(service) == []
        assert len(service.cloud.snapshots) == 1
    service.delete(made.id)
    assert clones(service) == []
    assert len(service.cloud.snapshots) == 1
    assert service.restore(source.id).status == "success"
    assert set(copy(service, plan)) == {source.id}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("method", "nth"),
    [
        ("snapshot", 1),
        ("shares", 1),
        ("create_share", 1),
        ("share", 2),  # the first is in the preflight, before there is a copy
        ("share", 3),
        ("snapshots", 2),
        ("create_snapshot", 1),
        ("snapshot", 2),
    ],
)
def test_a_copy_that_died_is_whole_or_gone(
    service: Service, method: str, nth: int, after: bool
) -> None:
    service.cloud.seconds.update(create_share=5.0, create_snapshot=1.0)
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    following = killed(service, plan, method, nth, after)
    assert following, "the call is not made that often"
    whole_or_gone(following, plan, source, share)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", range(1, 13))
def test_a_copy_that_died_at_a_write_to_the_bank_is_whole_or_gone(
    service: Service, nth: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    bank = type(service.provider.bank._plugin)
    writes = {"update_object": bank.update_object, "delete_object": bank.delete_object}
    count = 0

    def dying(name: str) -> Any:
        def write(self: Any, key: str, *args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += "/checkpoints/" in key
            if count == nth and not after:
                raise Died
            done = writes[name](self, key, *args, **kwargs)
            if count == nth:
                raise Died
            return done

        return write

    with monkeypatch.context() as patched:
        for name in writes:
            patched.setattr(bank, name, dying(name))
        try:
            service.call("copy", plan)
            service.run()
        except Died:
            pass
        else:
            pytest.fail(f"there are only {count} writes")
    following = service.die()
    following.manager.reconciliation.run()
    if len(following.checkpoints()) == 1:
        assert clones(following) == []  # it died before the copy was in the index
        assert copy(following, plan)
        return
    whole_or_gone(following, plan, source, share)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", [1, 2])
def test_no_copy_of_several_stays_in_work(service: Service, nth: int, after: bool) -> None:
    plan = service.plan(service.share())
    sources = {service.protect(plan).id for _ in range(2)}
    following = killed(service, plan, "create_snapshot", nth, after)
    assert following
    assert "" not in following.manager.reconciliation.run().values()
    made = [following.checkpoint(c) for c in following.checkpoints() if c not in sources]
    ends = sorted(copied.status for copied in made)
    assert ends.count("available") == nth - 1 + after
    assert ends.count("error") == 3 - nth - after
    assert nothing_is_open(following)
    assert len(clones(following)) == ends.count("available")
    again = copy(following, plan)
    assert len(again) == ends.count("error")
    for checkpoint_id in [*again.values(), *(copied.id for copied in made), *sources]:
        following.delete(checkpoint_id)
    assert (clones(following), following.cloud.snapshots) == ([], {})


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["delete_snapshot", "delete_share"])
@pytest.mark.parametrize("by", ["reconciliation", "user"])
def test_a_deletion_that_died_is_completed(
    service: Service, method: str, after: bool, by: str
) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    made = copied(service, plan)
    service.cloud.plan(method, Died, after=after)
    with pytest.raises(Died):
        service.delete(made.id)
    following = service.die()
    if by == "user":
        following.delete(made.id)
    else:
        assert list(following.manager.reconciliation.run().values()) == ["deleted"]
    assert clones(following) == []
    assert len(following.cloud.snapshots) == 1
    assert all(log.ended_at for log in following.logs())


@pytest.mark.parametrize("method", ["create_share", "create_snapshot"])
def test_an_abandoned_copy_can_be_deleted_before_it_is_reconciled(
    service: Service, method: str
) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    following = killed(service, plan, method, 1, True)
    assert following
    (made,) = (thing for thing in following.checkpoints() if thing != source.id)
    assert following.checkpoint(made).status == "copying"
    following.delete(made)
    assert clones(following) == []
    assert len(following.cloud.snapshots) == 1
    following.delete(source.id)
    assert following.cloud.snapshots == {}
    assert all(log.ended_at for log in following.logs())


def test_an_abandoned_copy_can_be_reset(service: Service) -> None:
    plan = service.plan(service.share())
    source = service.protect(plan)
    following = killed(service, plan, "create_share", 1, True)
    assert following
    (made,) = (thing for thing in following.checkpoints() if thing != source.id)
    following.call("reset_state", following.provider.id, made, "error")
    assert following.checkpoint(made).status == "error"
    following.delete(made)
    assert clones(following) == []


def test_with_manila_away_a_dead_copy_is_left_as_it_is(service: Service) -> None:
    share = service.share()
    plan = service.plan(share)
    source = service.protect(plan)
    following = killed(service, plan, "create_snapshot", 1, True)
    assert following
    fault = following.cloud.plan("snapshots", passing, times=10**6)
    assert "" in following.manager.reconciliation.run().values()
    following.cloud.faults.remove(fault)
    whole_or_gone(following, plan, source, share)


# -- the audit --------------------------------------------------------------------------------


@pytest.fixture
def audit(service: Service, monkeypatch: pytest.MonkeyPatch) -> Audit:
    def connect(_project_id: str, **_kwargs: Any) -> Any:
        return service.connect_as_karbor(service.project_id)

    monkeypatch.setattr(sessions, "connect_as_karbor", connect)
    return Audit(service.provider, service.manager.claims, grace=0.0, clock=service.cloud.clock)


def test_the_audit_accounts_for_copies(service: Service, audit: Audit) -> None:
    plan = service.plan(service.share())
    service.protect(plan)
    copied(service, plan)
    assert audit.find() == []
    service.protect(plan)
    service.call("copy", plan)
    assert audit.find() == []


def test_the_audit_removes_both_parts_of_a_copy_that_nobody_knows(
    service: Service, audit: Audit
) -> None:
    share = service.share()
    plan = service.plan(share)
    service.protect(plan)
    made = copied(service, plan)
    kept = record(service, made, share)
    service.cloud.snapshots[kept["snapshot_id"]]["created_at"] = "2025-01-01T00:00:00"
    made.get_resource_bank_section(share).delete_object("metadata")
    made.delete()
    (finding,) = audit.find()
    assert (finding.snapshot_id, finding.share_id) == (kept["snapshot_id"], kept["clone_id"])
    assert str(audit.fix(finding)) == "removed"
    assert clones(service) == []
    assert set(service.cloud.shares) == {share}
    assert audit.find() == []
