# SPDX-License-Identifier: Apache-2.0
"""Two checkpoints of one share, and processes that die: nothing thaws too early or stays frozen."""

import dataclasses
import datetime
from typing import Any

import pytest

from karbor_manila.hooks.base import Call, Outcome
from karbor_manila.hooks.quiesce import QuiesceHook
from karbor_manila.manila import access_holds
from tests.fakes.manila import Died, FakeManila, Fault
from tests.unit.clock import FakeClock
from tests.unit.hooks.stage import Stage, as_karbor

STEP = 0.05  # seconds that a request takes


class Dated(FakeClock):
    """Has a time of the day, too."""

    def utcnow(self) -> datetime.datetime:
        begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        return begin + datetime.timedelta(seconds=self.now())


@pytest.fixture
def hook(stage: Stage) -> QuiesceHook:
    return stage.hook(QuiesceHook, hook_freeze_timeout=300.0)


def pre(hook: QuiesceHook, call: Call) -> Any:
    """Call it; what its post gets."""
    kept: dict[str, Any] = {}
    hook.pre(call=dataclasses.replace(call, remember=kept.update))
    return kept


def post(hook: QuiesceHook, call: Call, data: Any, status: str = "success") -> None:
    hook.post(call=call, data=data, outcome=Outcome(status=status))


@pytest.fixture
def clock(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Dated:
    """Of a Manila that takes its time for each request, so that others come between."""
    clock = Dated()
    stage.cloud.clock = clock  # type: ignore[assignment]
    original = FakeManila._call

    def slow(this: FakeManila, *args: Any) -> Any:
        clock.sleep(STEP)
        return original(this, *args)

    monkeypatch.setattr(FakeManila, "_call", slow)
    return clock


@pytest.mark.parametrize("moment", range(90))
def test_a_share_stays_read_only_until_the_last_checkpoint_is_done(
    stage: Stage, hook: QuiesceHook, clock: Dated, moment: int
) -> None:
    """The second one begins at each moment of the first one's life."""
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    rule = stage.cloud.access[share["id"]][0]
    seen: list[str] = []

    def protect(checkpoint_id: str, after: float, snapshot: float) -> None:
        clock.sleep(after)
        call = stage.call(share, checkpoint_id=checkpoint_id)
        data = pre(hook, call)
        until = clock.now() + snapshot
        while clock.now() < until:
            seen.append(rule["access_level"])
            clock.sleep(STEP / 3)
        seen.append(rule["access_level"])
        post(hook, call, data)

    ended = clock.together(
        lambda: protect("cp-a", 0.0, 0.3), lambda: protect("cp-b", moment * STEP + 0.01, 4.0)
    )
    assert ended == [None, None]
    assert set(seen) == {"ro"}
    assert (rule["access_level"], rule["state"]) == ("rw", "active")
    assert rule["metadata"] == {"team": "blue"}


class Points:
    """The requests of a process, of which one is the last."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        original = FakeManila._call

        def counted(this: FakeManila, *args: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Died
            result = original(this, *args)
            if self.left == 0:
                raise Died
            return result

        self.after = False
        monkeypatch.setattr(FakeManila, "_call", counted)


@pytest.mark.parametrize("after", [False, True])
def test_whoever_dies_at_any_request_leaves_nothing_frozen(
    hook: QuiesceHook, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    points = Points(monkeypatch)
    points.after = after
    number, died = 0, True
    while died:
        number += 1
        stage = Stage()
        share = stage.share()
        for to in ("10.0.0.1", "10.0.0.2"):
            stage.rule(share, to)
        stage.rule(share, "10.0.0.3", "ro")
        call = stage.call(share)
        points.left = number
        try:
            hook.pre(call=call)
            stage.thaw(hook, call)
            died = False
        except Died:
            pass
        points.left = 0
        stage.clock.seconds += 60
        stage.thaw(hook, as_karbor(call, stage), "interrupted")
        levels = stage.levels(share)
        assert levels.pop("10.0.0.3") == "ro active"
        assert set(levels.values()) == {"rw active"}, number
        assert stage.marks(share) == ["team blue"] * 2, number
    assert number > 15


@pytest.mark.parametrize("looks", range(1, 12))
def test_a_dead_ones_request_that_manila_carries_out_late_is_undone_too(
    stage: Stage, hook: QuiesceHook, looks: int
) -> None:
    """He was killed while it was under way."""
    share = stage.share()
    rule = stage.rule(share, "10.0.0.1")
    stage.cloud.faults.append(Fault("set_access_level", Died))
    call = stage.call(share)
    with pytest.raises(Died):
        hook.pre(call=call)
    late = [lambda: None] * looks

    def look() -> None:
        if late:
            late.pop()
            if not late:
                rule["access_level"] = "ro"
        stage.cloud.meanwhile["access_rules"] = [look]

    look()
    stage.thaw(hook, as_karbor(call, stage), "interrupted")
    assert late == []
    assert stage.levels(share) == {"10.0.0.1": "rw active"}
    assert stage.marks(share) == []


def test_one_who_is_dead_is_waited_for_until_his_time_is_over(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    pre(hook, stage.call(share, checkpoint_id="cp-dead"))
    second = stage.call(share, checkpoint_id="cp-b")
    post(hook, second, pre(hook, second))
    assert stage.levels(share) == {"10.0.0.1": "ro active"}  # the dead one's snapshot goes on
    stage.clock.seconds += 600
    third = stage.call(share, checkpoint_id="cp-c")
    post(hook, third, pre(hook, third))
    assert stage.levels(share) == {"10.0.0.1": "rw active"}


def test_the_dead_ones_post_leaves_it_to_one_who_came_later(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    dead = stage.call(share, checkpoint_id="cp-dead")
    left = pre(hook, dead)
    stage.clock.seconds += 600
    second = stage.call(share, checkpoint_id="cp-b")
    data = pre(hook, second)
    post(hook, as_karbor(dead, stage), left, "interrupted")
    assert stage.levels(share) == {"10.0.0.1": "ro active"}
    post(hook, second, data)
    assert stage.levels(share) == {"10.0.0.1": "rw active"}


@pytest.mark.parametrize("value", ["", "held", "held until never", "held until 2999", "x" * 1000])
def test_a_forged_mark_harms_nobody_but_its_rule(
    stage: Stage, hook: QuiesceHook, value: str
) -> None:
    share = stage.share()
    forged, other = stage.rule(share, "10.0.0.1"), stage.rule(share, "10.0.0.2")
    forged["metadata"] = {"karbor-manila-quiesced-cp-x": value}
    call = stage.call(share)
    post(hook, call, pre(hook, call))
    assert stage.levels(share)["10.0.0.2"] == "rw active"
    assert other["metadata"] == {"team": "blue"}


def test_who_left_a_rule_too_late_makes_no_read_only_rule_writable(
    stage: Stage, hook: QuiesceHook
) -> None:
    """The other holder had put it back meanwhile; later its owner made it read-only for good."""
    share = stage.share()
    rule = stage.rule(share, "10.0.0.1", "ro")
    rule["metadata"][f"{access_holds.PREFIX}cp-0"] = "left until 2020-01-01T00:00:00Z"
    call = stage.call(share)
    (recorded,) = call.environment.shares.access_rules(share["id"])
    assert recorded["access_level"] == "ro"
    hook.pre(call=call)
    stage.thaw(hook, call)
    assert stage.levels(share) == {"10.0.0.1": "ro active"}
