# SPDX-License-Identifier: Apache-2.0
"""The shares of one flow are asked for together, and what no hook collects is removed again."""

import datetime
import functools
from collections import Counter
from typing import Any

import pytest
from karbor.resource import Resource

from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import ClaimLost
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.operations.adopt import RecoverProtectOperation
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.operations.protection import Protection
from karbor_manila.operations.share_job import ShareJob
from tests.fakes.manila import Died, FakeManila, refused, transient
from tests.unit import clock as clocks
from tests.unit.stage import SHARE, Context, Record, Stage


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the driver was called, and for how many shares."""
    counts: Counter[str] = Counter()
    for name in ("preflight", "protect"):
        original = getattr(SnapshotDriver, name)

        def counted(
            self: Any, shares: Any, *args: Any, name: str = name, original: Any = original
        ) -> Any:
            counts[name] += 1
            counts[f"shares of {name}"] += len(shares)
            return original(self, shares, *args)

        monkeypatch.setattr(SnapshotDriver, name, counted)
    return counts


class SideBySide(clocks.FakeClock):
    """Hooks run side by side under it, and Manila has its time of the day."""

    def utcnow(self) -> datetime.datetime:
        return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            seconds=self.now()
        )


def some(stage: Stage, number: int, **fields: Any) -> list[str]:
    return [stage.cloud.add_share(stage.project_id, **fields)["id"] for _ in range(number)]


def flow_of(stage: Stage, *shares: str, **given: Any) -> FlowContext:
    flow = stage.flow(*shares)
    flow.parameters = {SHARE: given}
    return flow


def hook(stage: Stage, flow: FlowContext, checkpoint: Any, share: str, **given: Any) -> None:
    ProtectOperation(flow).on_main(
        checkpoint,
        Resource(type=SHARE, id=share, name="s"),
        Context(stage.project_id),
        given,
        operation_log=Record(),
    )


def intents(stage: Stage, checkpoint: Any, shares: list[str]) -> dict[str, Any]:
    found = {share: stage.pages(checkpoint, share).get("intent") for share in shares}
    return {share: intent for share, intent in found.items() if intent}


def test_a_flow_of_twenty_shares_calls_the_driver_once(stage: Stage, called: Counter[str]) -> None:
    shares = some(stage, 20)
    assert stage.protect(stage.checkpoint(*shares), *shares) == []
    assert called == {
        "preflight": 1,
        "shares of preflight": 20,
        "protect": 1,
        "shares of protect": 20,
    }


@pytest.mark.parametrize("known", [True, False], ids=["ours", "karbors own manager"])
def test_hooks_call_it_once_when_the_parameters_of_the_plan_are_known(
    stage: Stage, called: Counter[str], known: bool
) -> None:
    """Karbor's own manager says nothing of the parameters of others: each is asked for alone."""
    shares = some(stage, 5)
    checkpoint, flow = stage.checkpoint(*shares), flow_of(stage, *shares)
    if not known:
        flow.parameters = None
    for share in shares:
        hook(stage, flow, checkpoint, share)
    assert called["preflight"] == 1
    assert called["protect"] == (1 if known else 5)
    assert len(stage.cloud.snapshots) == 5
    assert all("metadata" in stage.pages(checkpoint, share) for share in shares)


def test_a_hook_that_comes_while_the_first_one_looks_for_the_others_waits_for_it(
    stage: Stage, called: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else both ask for its share, and neither sees the other's request under the mark."""
    stage.cloud.clock = clock = SideBySide()
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), flow_of(stage, *shares)
    original = Protection._others

    def slow(self: Protection, share_id: str) -> Any:
        clock.sleep(1.0)
        return original(self, share_id)

    monkeypatch.setattr(FakeManila, "parallel", 1)
    monkeypatch.setattr(Protection, "_others", slow)
    hooks = [functools.partial(hook, stage, flow, checkpoint, share) for share in shares]
    assert clock.together(*hooks) == [None, None, None]
    assert (called["protect"], len(stage.cloud.snapshots)) == (1, 3)


def test_all_intents_are_written_before_anything_is_created(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = some(stage, 4)
    checkpoint = stage.checkpoint(*shares)
    seen: list[int] = []
    original = SnapshotDriver.protect

    def looked(self: Any, *args: Any) -> Any:
        seen.append(len(intents(stage, checkpoint, shares)))
        return original(self, *args)

    monkeypatch.setattr(SnapshotDriver, "protect", looked)
    assert stage.protect(checkpoint, *shares) == []
    assert seen == [4]


def test_each_share_has_its_own_parameters(stage: Stage) -> None:
    one, two = some(stage, 2)
    checkpoint, flow = stage.checkpoint(one, two), stage.flow(one, two)
    flow.parameters = {SHARE: {"snapshot_name": "all"}, f"{SHARE}#{two}": {"snapshot_name": "own"}}
    hook(stage, flow, checkpoint, one, snapshot_name="all")
    hook(stage, flow, checkpoint, two, snapshot_name="own")
    names = {view["share_id"]: view["name"] for view in stage.cloud.snapshots.values()}
    assert names == {one: "all", two: "own"}


def test_a_busy_share_comes_later_and_the_others_do_not_wait_for_it(
    stage: Stage, called: Counter[str]
) -> None:
    until = stage.cloud.clock.now() + 30
    ready = some(stage, 3)
    (busy,) = some(stage, 1, status="extending", _fails=False, _until=until)
    checkpoint = stage.checkpoint(*ready, busy)
    assert stage.protect(checkpoint, *ready, busy) == []
    assert (called["protect"], called["shares of protect"]) == (2, 4)
    assert called["preflight"] == 1


def test_an_error_of_one_share_is_that_shares_alone(stage: Stage) -> None:
    shares = some(stage, 3)
    checkpoint = stage.checkpoint(*shares)
    stage.cloud.plan("create_snapshot", lambda: refused(413))
    errors = stage.protect(checkpoint, *shares)
    assert len(errors) == 1
    assert len(stage.cloud.snapshots) == 2
    assert intents(stage, checkpoint, shares) == {}


# -- hooks that never run -------------------------------------------------------------------------


def test_what_no_hook_collected_is_removed_when_the_flow_is_closed(stage: Stage) -> None:
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), flow_of(stage, *shares)
    hook(stage, flow, checkpoint, shares[0])
    assert len(stage.cloud.snapshots) == 3
    assert set(intents(stage, checkpoint, shares)) == set(shares[1:])
    flow.close()
    assert [view["share_id"] for view in stage.cloud.snapshots.values()] == shares[:1]
    assert intents(stage, checkpoint, shares) == {}
    flow.close()
    assert "metadata" in stage.pages(checkpoint, shares[0]), "what is complete stays"


def test_who_lost_the_claim_removes_nothing(stage: Stage) -> None:
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), flow_of(stage, *shares)
    hook(stage, flow, checkpoint, shares[0])

    class Lost:
        def confirm(self) -> None:
            raise ClaimLost(checkpoint.id, "another process has taken it over")

        check = confirm

    flow.hold = Lost()  # type: ignore[assignment]
    flow.close()
    assert len(stage.cloud.snapshots) == 3
    assert set(intents(stage, checkpoint, shares)) == set(shares[1:])


def test_without_a_close_the_deletion_of_the_checkpoint_removes_it(stage: Stage) -> None:
    """As under Karbor's own manager."""
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), flow_of(stage, *shares)
    hook(stage, flow, checkpoint, shares[0])
    assert stage.delete(checkpoint, *shares) == []
    assert stage.cloud.snapshots == {}


def test_a_bank_that_refuses_the_intent_of_another_share_keeps_nobody_from_going_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), flow_of(stage, *shares)
    begin, refusals = ShareJob.begin, [1]

    def refusing(self: Any, *args: Any, **fields: Any) -> Any:
        if self.share_id == shares[2] and refusals:
            refusals.pop()
            raise BankUnreadable("take 'intent'", "it is full")
        return begin(self, *args, **fields)

    monkeypatch.setattr(ShareJob, "begin", refusing)
    for share in shares:
        hook(stage, flow, checkpoint, share)
    assert len(stage.cloud.snapshots) == 3
    assert refusals == []


def test_who_was_stopped_while_he_asked_for_all_leaves_the_others_what_was_made(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed green thread: the hooks of the other shares go on, and nothing is there twice."""
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), flow_of(stage, *shares)
    original = SnapshotDriver.protect

    def stopped(self: Any, *args: Any) -> Any:
        for answer in list(original(self, *args))[:1]:
            yield answer
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(SnapshotDriver, "protect", stopped)
        with pytest.raises(Died):
            hook(stage, flow, checkpoint, shares[0])
    for share in shares[1:]:
        hook(stage, flow, checkpoint, share)
    assert len(stage.cloud.snapshots) == 3
    assert stage.cloud.calls.count("create_snapshot") == 3


# -- deaths ---------------------------------------------------------------------------------------

#: What the first hook of three shares writes: its status, three intents, three ids.
_STATUS, _INTENTS, _IDS = 1, 3, 3


def settled(stage: Stage, checkpoint_id: str, shares: list[str]) -> None:
    """Every share is complete, or the deletion of the checkpoint leaves nothing of it."""
    stage.open_bank()
    stage.cloud.faults.clear()
    stage.cloud.clock.sleep(60)
    checkpoint = stage.checkpoints.get(checkpoint_id)
    stage.run(RecoverProtectOperation, checkpoint, *shares)
    for share in shares:
        pages = stage.pages(checkpoint, share)
        made = [v for v in stage.cloud.snapshots.values() if v["share_id"] == share]
        assert len(made) <= 1
        assert ("metadata" in pages) == bool(made)
    assert stage.delete(checkpoint, *shares) == []
    assert stage.cloud.snapshots == {}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(1, _STATUS + _INTENTS + _IDS + 1))
def test_a_death_at_any_write_is_settled(stage: Stage, write: int, after: bool) -> None:
    """From before the first intent over all intents and no request to all ids."""
    shares = some(stage, 3)
    checkpoint = stage.checkpoint(*shares)
    stage.bank_plugin.writes = 0
    stage.bank_plugin.dies_at = (write, after, Died)
    with pytest.raises(Died):
        stage.protect(checkpoint, *shares)
    assert "delete_snapshot" not in stage.cloud.calls, "the dead undid something"
    settled(stage, checkpoint.id, shares)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_death_at_any_request_is_settled(stage: Stage, nth: int, after: bool) -> None:
    """Between all intents and the requests, and between a request and its id."""
    shares = some(stage, 3)
    checkpoint = stage.checkpoint(*shares)
    stage.cloud.plan("create_snapshot", Died, nth=nth, after=after)
    with pytest.raises(Died):
        stage.protect(checkpoint, *shares)
    stage.cloud.assert_hit()
    settled(stage, checkpoint.id, shares)


def test_after_a_lost_reply_nothing_is_there_twice(stage: Stage) -> None:
    shares = some(stage, 3)
    checkpoint = stage.checkpoint(*shares)
    stage.cloud.plan("create_snapshot", transient, after=True)
    assert stage.protect(checkpoint, *shares) == []
    assert len(stage.cloud.snapshots) == 3
