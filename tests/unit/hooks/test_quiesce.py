# SPDX-License-Identifier: Apache-2.0
"""Rules are read-only while a share is protected, and exactly those are put back."""

import pytest

from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.hooks.base import CHECKPOINT
from karbor_manila.hooks.quiesce import QuiesceHook
from karbor_manila.manila.errors import (
    AccessLevelsUnsupported,
    ManilaRefused,
    RuleNotChanged,
    RulesNotPutBack,
)
from tests.fakes.manila import FakeClock, Fault, transient
from tests.unit.hooks.stage import PROJECT, Stage, as_karbor


@pytest.fixture
def hook(stage: Stage) -> QuiesceHook:
    return stage.hook(QuiesceHook, enable_pre_hooks=True, enable_post_hooks=True)


def test_rules_are_read_only_and_in_force_before_the_driver_is_called(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    for to, level in (("10.0.0.1", "rw"), ("10.0.0.2", "rw"), ("10.0.0.3", "ro")):
        stage.rule(share, to, level)
    call = stage.call(share)
    hook.pre(call=call)
    assert set(stage.levels(share).values()) == {"ro active"}
    stage.thaw(hook, call)
    assert stage.levels(share) == {
        "10.0.0.1": "rw active",
        "10.0.0.2": "rw active",
        "10.0.0.3": "ro active",
    }
    own = [rule["metadata"] for rule in stage.cloud.access[share["id"]]]
    assert own == [{"team": "blue"}] * 3


def test_a_share_that_nobody_writes_to_is_not_touched(stage: Stage, hook: QuiesceHook) -> None:
    share, bare = stage.share(), stage.share()
    stage.rule(share, "10.0.0.3", "ro")
    stage.rule(share, "alice", "rw", "error")
    call = stage.call(share, bare)
    hook.pre(call=call)
    stage.thaw(hook, call)
    assert stage.remembered == []
    assert not [name for name in stage.cloud.calls if name.startswith(("set", "delete"))]


def test_what_is_changed_is_remembered_before_it_is_touched(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    seen: list[list[str]] = []
    call = stage.call(share)
    remember = call.remember
    object.__setattr__(
        call, "remember", lambda data: (seen.append(list(stage.cloud.calls)), remember(data))
    )
    hook.pre(call=call)
    assert stage.remembered == [{"rules": {share["id"]: ["rule-10.0.0.1"]}}]
    assert not [name for name in seen[0] if name.startswith("set")]


def test_below_2_88_nothing_is_touched_and_the_reason_says_what_to_do(hook: QuiesceHook) -> None:
    stage = Stage("2.87")
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    with pytest.raises(AccessLevelsUnsupported) as refused:
        hook.pre(call=stage.call(share))
    assert "2.88" in str(refused.value)
    assert "take 'quiesce' out" in str(refused.value)
    assert stage.cloud.calls == []
    assert stage.remembered == []


def test_rules_in_transition_are_waited_for(stage: Stage, hook: QuiesceHook) -> None:
    share = stage.share()
    new, going = stage.rule(share, "10.0.0.1"), stage.rule(share, "10.0.0.2")
    new |= {"state": "applying", "_until": stage.clock.now() + 8, "_then": "active"}
    going |= {"state": "denying", "_until": stage.clock.now() + 9, "_then": "gone"}
    call = stage.call(share)
    hook.pre(call=call)
    assert stage.levels(share) == {"10.0.0.1": "ro active"}
    stage.thaw(hook, call)
    assert stage.levels(share) == {"10.0.0.1": "rw active"}


def test_rules_that_stay_in_transition_fail_the_pre_in_time(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1", state="applying")
    began = stage.clock.now()
    with pytest.raises(DeadlineExceeded, match="access rules of share"):
        hook.pre(call=stage.call(share))
    assert stage.clock.now() - began < 60  # hook_timeout


def test_a_rule_that_the_backend_refuses_fails_the_pre_and_is_put_back(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    stage.rule(share, "10.0.0.2")
    stage.cloud.failing.add("set_access_level ro 10.0.0.2")
    call = stage.call(share)
    with pytest.raises(RuleNotChanged, match=r"10\.0\.0\.2"):
        hook.pre(call=call)
    stage.thaw(hook, call, "failed", pre_error="as above")
    assert set(stage.levels(share).values()) == {"rw active"}


def test_a_rule_that_cannot_be_put_back_fails_the_post_and_later_succeeds(
    stage: Stage, hook: QuiesceHook
) -> None:
    share, other = stage.share(), stage.share()
    stage.rule(share, "10.0.0.1")
    stage.rule(other, "10.0.0.2")
    call = stage.call(share, other, scope=CHECKPOINT)
    hook.pre(call=call)
    stage.cloud.failing.add("set_access_level rw 10.0.0.1")
    with pytest.raises(RulesNotPutBack, match=share["id"]):
        stage.thaw(hook, call)
    assert stage.levels(other) == {"10.0.0.2": "rw active"}
    assert stage.levels(share) == {"10.0.0.1": "rw error"}
    stage.cloud.failing.clear()
    stage.thaw(hook, as_karbor(call, stage), "interrupted")
    assert stage.levels(share) == {"10.0.0.1": "rw active"}
    assert stage.marks(share) == []


def test_a_post_can_be_repeated(stage: Stage, hook: QuiesceHook) -> None:
    share = stage.share()
    rule = stage.rule(share, "10.0.0.1")
    call = stage.call(share)
    hook.pre(call=call)
    stage.thaw(hook, call)
    rule["access_level"] = "ro"  # by its owner, afterwards
    stage.thaw(hook, call, "interrupted")
    assert stage.levels(share) == {"10.0.0.1": "ro active"}


def test_what_the_owner_does_meanwhile_stays(stage: Stage, hook: QuiesceHook) -> None:
    share = stage.share()
    gone, going, back, kept = (stage.rule(share, f"10.0.0.{n}") for n in range(1, 5))
    call = stage.call(share)
    hook.pre(call=call)
    rules = stage.cloud.access[share["id"]]
    rules.remove(gone)
    going |= {"state": "denying", "_until": stage.clock.now() + 60, "_then": "gone"}
    back["access_level"] = "rw"
    stage.rule(share, "10.0.0.9")
    stage.rule(share, "10.0.0.8", "ro")
    stage.thaw(hook, call)
    stage.clock.seconds += 100
    assert stage.levels(share) == {
        "10.0.0.3": "rw active",
        "10.0.0.4": "rw active",
        "10.0.0.8": "ro active",
        "10.0.0.9": "rw active",
    }
    assert stage.marks(share) == ["team blue"] * 3
    assert kept["metadata"] == {"team": "blue"}


def test_a_rule_that_its_owner_makes_read_only_right_before_us_stays_so(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    rule = stage.rule(share, "10.0.0.1")
    stage.cloud.meanwhile["set_access_metadata"] = [lambda: rule.update(access_level="ro")]
    call = stage.call(share)
    hook.pre(call=call)
    stage.thaw(hook, call)
    assert stage.levels(share) == {"10.0.0.1": "ro active"}
    assert stage.marks(share) == []


def test_a_rule_that_its_owner_adds_while_we_begin_is_read_only_too(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    stage.cloud.meanwhile["set_access_level"] = [lambda: stage.rule(share, "10.0.0.2")]
    call = stage.call(share)
    hook.pre(call=call)
    assert set(stage.levels(share).values()) == {"ro active"}
    assert len(stage.remembered) == 2
    stage.thaw(hook, call)
    assert set(stage.levels(share).values()) == {"rw active"}


def test_a_share_that_is_gone_is_success(stage: Stage, hook: QuiesceHook) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    call = stage.call(share)
    hook.pre(call=call)
    del stage.cloud.shares[share["id"]]
    stage.thaw(hook, call)
    hook.pre(call=stage.call(share))


def test_a_share_that_goes_in_the_middle_is_success(stage: Stage, hook: QuiesceHook) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    stage.cloud.meanwhile["set_access_level"] = [lambda: stage.cloud.shares.pop(share["id"])]
    hook.pre(call=stage.call(share))


def test_another_projects_share_is_left_alone(stage: Stage, hook: QuiesceHook) -> None:
    """It was transferred while it was read-only; Karbor's own user would reach it."""
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    call = stage.call(share)
    hook.pre(call=call)
    stage.cloud.shares[share["id"]]["project_id"] = "project-b"
    changes = stage.cloud.calls.copy()
    stage.thaw(hook, as_karbor(call, stage), "interrupted")
    assert stage.levels(share) == {"10.0.0.1": "ro active"}
    assert not [
        name for name in stage.cloud.calls[len(changes) :] if name.startswith(("set", "delete"))
    ]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "method", ["access_rules", "set_access_metadata", "set_access_level", "delete_access_metadata"]
)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_lost_request_or_reply_changes_nothing(
    stage: Stage, hook: QuiesceHook, method: str, nth: int, *, after: bool
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    stage.rule(share, "10.0.0.2")
    stage.cloud.faults.append(Fault(method, transient, nth=nth, after=after))
    call = stage.call(share)
    hook.pre(call=call)
    assert set(stage.levels(share).values()) == {"ro active"}
    stage.thaw(hook, call)
    assert set(stage.levels(share).values()) == {"rw active"}
    assert stage.marks(share) == ["team blue"]


def test_the_project_of_a_call_is_what_karbors_own_user_works_for(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    call = stage.call(share)
    hook.pre(call=call)
    assert share["project_id"] == PROJECT
    stage.thaw(hook, as_karbor(call, stage), "interrupted")
    assert stage.levels(share) == {"10.0.0.1": "rw active"}


@pytest.mark.parametrize("method", ["set_access_level", "set_access_metadata"])
def test_a_rule_that_manila_refuses_to_put_back_keeps_no_other_read_only(
    stage: Stage, hook: QuiesceHook, method: str
) -> None:
    share = stage.share()
    for to in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        stage.rule(share, to)
    call = stage.call(share)
    hook.pre(call=call)
    stage.cloud.faults.append(Fault(method, lambda: ManilaRefused("give", 403, "It is locked.")))
    with pytest.raises(RulesNotPutBack, match="It is locked"):
        stage.thaw(hook, call)
    put_back = {"10.0.0.2": "rw active", "10.0.0.3": "rw active"}
    assert stage.levels(share) == {"10.0.0.1": "ro active", **put_back}
    stage.thaw(hook, call)
    assert stage.levels(share) == {"10.0.0.1": "rw active", **put_back}


def test_a_share_that_its_owner_extends_meanwhile_is_put_back_after_that(
    stage: Stage, hook: QuiesceHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    call = stage.call(share)
    hook.pre(call=call)
    share["status"], ready = "extending", stage.clock.now() + 10
    wait = type(stage.clock).wait

    def later(clock: FakeClock, condition: object, seconds: float) -> None:
        wait(clock, condition, seconds)
        if clock.now() > ready:
            share["status"] = "available"

    monkeypatch.setattr(type(stage.clock), "wait", later)
    monkeypatch.setattr(type(stage.clock), "sleep", lambda clock, s: later(clock, None, s))
    stage.thaw(hook, call)
    assert stage.levels(share) == {"10.0.0.1": "rw active"}
    assert stage.marks(share) == []


@pytest.mark.parametrize(("outcome", "waits"), [("timed_out", False), ("success", True)])
def test_a_backup_that_goes_on_is_named_and_holds_up_no_other_thaw(
    stage: Stage, hook: QuiesceHook, outcome: str, waits: bool
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    call = stage.call(share)
    hook.pre(call=call)
    share["status"], began = "backup_creating", stage.clock.now()
    with pytest.raises(RulesNotPutBack) as failed:
        stage.thaw(hook, call, outcome)
    assert "'backup_creating'" in str(failed.value)
    assert "The reconciliation tries again" in str(failed.value)
    assert (stage.clock.now() - began > 30) is waits
    share["status"] = "available"
    stage.thaw(hook, as_karbor(call, stage), "interrupted")
    assert stage.levels(share) == {"10.0.0.1": "rw active"}


def test_a_manila_that_is_away_is_named_in_time_and_what_happens_next(
    stage: Stage, hook: QuiesceHook
) -> None:
    share = stage.share()
    stage.rule(share, "10.0.0.1")
    call = stage.call(share)
    hook.pre(call=call)
    began = stage.clock.now()
    stage.cloud.faults.append(Fault("set_access_level", transient, times=999))
    with pytest.raises(RulesNotPutBack, match=r"HTTP 503.*The reconciliation tries again"):
        stage.thaw(hook, call)
    assert stage.clock.now() - began < 60  # hook_timeout
    stage.cloud.faults.clear()
    stage.thaw(hook, as_karbor(call, stage), "interrupted")
    assert stage.levels(share) == {"10.0.0.1": "rw active"}
