# SPDX-License-Identifier: Apache-2.0
"""The shares of one flow are asked for together, and each comes to its own end."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from karbor.exception import CreateResourceFailed
from karbor.resource import Resource

from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.common.errors import ClaimLost
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.operations import parameters, protect
from karbor_manila.operations.adopt import RecoverProtectOperation
from karbor_manila.operations.errors import SharesFailed
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.operations.share_job import ShareJob
from tests.fakes.manila import Died, refused, transient
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


def some(stage: Stage, number: int, **fields: Any) -> list[str]:
    return [stage.cloud.add_share(stage.project_id, **fields)["id"] for _ in range(number)]


def hook(stage: Stage, flow: FlowContext, checkpoint: Any, share: str, **given: Any) -> None:
    ProtectOperation(flow).on_main(**arguments(stage, checkpoint, share, **given))


def arguments(stage: Stage, checkpoint: Any, share: str, **given: Any) -> dict[str, Any]:
    """What a hook gets."""
    return {
        "checkpoint": checkpoint,
        "resource": Resource(type=SHARE, id=share, name="s"),
        "context": Context(stage.project_id),
        "parameters": given,
        "operation_log": Record(),
    }


def together(
    stage: Stage,
    flow: FlowContext,
    checkpoint: Any,
    shares: Iterable[str],
    given: Mapping[str, Any] | None = None,
) -> None:
    """The hooks of all shares, as our engine runs them, one after the other."""
    flow.at_a_time = 1
    ProtectOperation(flow).run_together(
        arguments(stage, checkpoint, share, **(given or {}).get(share, {})) for share in shares
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


def test_under_an_engine_that_is_not_ours_each_share_is_asked_for_alone(
    stage: Stage, called: Counter[str]
) -> None:
    shares = some(stage, 5)
    checkpoint, flow = stage.checkpoint(*shares), stage.flow(*shares)
    for share in shares:
        hook(stage, flow, checkpoint, share)
    assert called["preflight"] == 1
    assert called["protect"] == 5
    assert len(stage.cloud.snapshots) == 5
    assert all("metadata" in stage.pages(checkpoint, share) for share in shares)


def test_each_share_goes_on_as_soon_as_its_own_answer_is_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request is held up until the first share is complete."""
    shares = some(stage, 2)
    checkpoint, flow = stage.checkpoint(*shares), stage.flow(*shares)
    original = SnapshotDriver.protect
    operation = ProtectOperation(flow)
    jobs = [operation.job(**arguments(stage, checkpoint, share)) for share in shares]

    def one_by_one(self: Any, given: Any, *args: Any) -> Any:
        yield from original(self, given[:1], *args)
        operation.attempt(jobs[0])
        assert "metadata" in stage.pages(checkpoint, shares[0])
        yield from original(self, given[1:], *args)

    monkeypatch.setattr(SnapshotDriver, "protect", one_by_one)
    asking = operation.begin_all(jobs)
    assert asking
    asking()
    operation.attempt(jobs[1])
    assert "metadata" in stage.pages(checkpoint, shares[1])


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
    together(
        stage, flow, checkpoint, [one, two], {one: {"snapshot_name": "1"}, two: {"force": True}}
    )
    names = {view["share_id"]: view["name"] for view in stage.cloud.snapshots.values()}
    assert names == {one: "1", two: parameters.default_name(checkpoint.id)}


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


def test_a_share_whose_parameters_are_wrong_is_never_asked_for(stage: Stage) -> None:
    one, two = some(stage, 2)
    checkpoint, flow = stage.checkpoint(one, two), stage.flow(one, two)
    with pytest.raises(CreateResourceFailed, match="snapshot_name"):
        together(stage, flow, checkpoint, [one, two], {two: {"snapshot_name": "x" * 300}})
    assert [view["share_id"] for view in stage.cloud.snapshots.values()] == [one]
    assert stage.cloud.calls.count("create_snapshot") == 1


def test_a_share_that_fails_before_its_request_is_sent_leaves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for it with the others comes later, and is removed."""
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), stage.flow(*shares)
    inspect, failed = protect.inspect, threading.Event()

    def refusing(job: ShareJob, options: Any) -> Any:
        if job.share_id == shares[2]:
            failed.set()
            raise BankUnreadable("take 'status'", "it is full")
        return inspect(job, options)

    monkeypatch.setattr(protect, "inspect", refusing)
    operation = ProtectOperation(flow)
    jobs = [operation.job(**arguments(stage, checkpoint, share)) for share in shares]
    asking = operation.begin_all(jobs)
    assert asking
    with ThreadPoolExecutor() as pool:
        late = pool.submit(operation.attempt, jobs[2])
        assert failed.wait(60)
        asking()
        with pytest.raises(CreateResourceFailed, match="it is full"):
            late.result(60)
    assert stage.cloud.calls.count("create_snapshot") == 3
    for job in jobs[:2]:
        operation.attempt(job)
    assert sorted(v["share_id"] for v in stage.cloud.snapshots.values()) == sorted(shares[:2])
    assert intents(stage, checkpoint, shares) == {}


def test_who_lost_the_claim_removes_nothing(stage: Stage) -> None:
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), stage.flow(*shares)
    requests, one_at_a_time, lost = iter(range(1000)), threading.Lock(), threading.Event()

    class Lost:
        """Lost when the third snapshot is about to be asked for, however threads are timed."""

        def confirm(self) -> None:
            with one_at_a_time:
                if next(requests) >= 2:
                    lost.set()
            self.check()

        def check(self) -> None:
            if lost.is_set():
                raise ClaimLost(checkpoint.id, "another process has taken it over")

    flow.hold = Lost()  # type: ignore[assignment]
    with pytest.raises((SharesFailed, CreateResourceFailed)):
        together(stage, flow, checkpoint, shares)
    assert lost.is_set()
    assert "delete_snapshot" not in stage.cloud.calls


def test_a_bank_that_refuses_the_intent_of_another_share_keeps_none_from_going_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), stage.flow(*shares)
    begin, refusals = ShareJob.begin, [1]

    def refusing(self: Any, *args: Any, **fields: Any) -> Any:
        if self.share_id == shares[2] and refusals:
            refusals.pop()
            raise BankUnreadable("take 'intent'", "it is full")
        return begin(self, *args, **fields)

    monkeypatch.setattr(ShareJob, "begin", refusing)
    together(stage, flow, checkpoint, shares)
    assert len(stage.cloud.snapshots) == 3
    assert refusals == []


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_when_the_thread_that_asks_for_all_is_stopped_nothing_is_there_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    """A killed green thread: the shares go on by themselves, and find what it has asked for."""
    shares = some(stage, 3)
    checkpoint, flow = stage.checkpoint(*shares), stage.flow(*shares)
    original, stopped = SnapshotDriver.protect, [True]

    def stopping(self: Any, given: Any, *args: Any) -> Any:
        yield from list(original(self, given, *args))[: answers if stopped else None]
        if stopped:
            stopped.pop()
            raise Died

    monkeypatch.setattr(SnapshotDriver, "protect", stopping)
    operation = ProtectOperation(flow)
    jobs = [operation.job(**arguments(stage, checkpoint, share)) for share in shares]
    asking = operation.begin_all(jobs)
    assert asking
    with pytest.raises(Died):
        asking()
    for job in jobs:
        operation.attempt(job)
    assert all("metadata" in stage.pages(checkpoint, share) for share in shares)
    assert len(stage.cloud.snapshots) == 3


# -- deaths ---------------------------------------------------------------------------------------

#: What is written for three shares before the first one goes on: three intents, three ids.
_INTENTS, _IDS = 3, 3


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
@pytest.mark.parametrize("write", range(1, _INTENTS + _IDS + 1))
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
