# SPDX-License-Identifier: Apache-2.0
"""A copy that failed or died is whole or gone, and the audit accounts for both of its parts."""

from typing import Any

import pytest

from karbor_manila.recovery.audit import Audit
from karbor_manila.service import sessions
from tests.fakes.manila import Died, refused, transient
from tests.unit.karbor_stage import SHARE, Service, told
from tests.unit.operations.copies import clones, copied, copy, nothing_is_open, pages, record

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

    def mended(flow: Any, *first: Any) -> None:
        run(flow, *first)
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
    service.cloud.plan(method, transient, after=True)
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
@pytest.mark.parametrize("nth", range(1, 12))
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
    ends = sorted(each.status for each in made)
    assert ends.count("available") == nth - 1 + after
    assert ends.count("error") == 3 - nth - after
    assert nothing_is_open(following)
    assert len(clones(following)) == ends.count("available")
    again = copy(following, plan)
    assert len(again) == ends.count("error")
    for checkpoint_id in [*again.values(), *(each.id for each in made), *sources]:
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
    fault = following.cloud.plan("snapshots", transient, times=10**6)
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
