# SPDX-License-Identifier: Apache-2.0
"""A round of hooks: what is called in which order, whatever becomes of it."""

from typing import Any

import pytest

from karbor_manila.common.errors import ClaimLost
from karbor_manila.hooks.base import FAILED, TIMED_OUT, Call
from karbor_manila.hooks.errors import HookError, HookSkip
from tests.unit.hook_stage import failing, giving
from tests.unit.hooks.world import DONE, World


@pytest.fixture
def world() -> World:
    return World()


def test_pres_run_in_order_and_posts_in_reverse(world: World) -> None:
    world.hook("a"), world.hook("b")
    one = world.round()
    one.enter()
    world.log.append("work")
    one.leave(DONE)
    assert world.log == ["a pre", "b pre", "work", "b post success", "a post success"]
    assert world.kept.now is None


def test_a_post_gets_what_its_own_pre_gave(world: World) -> None:
    a, b = world.hook("a", pre=giving({"level": "rw"})), world.hook("b")
    one = world.round()
    one.enter()
    one.leave(DONE)
    assert a.told[0][0] == {"level": "rw"}
    assert b.told[0][0] is None


def test_each_post_gets_the_result_as_those_before_have_amended_it(world: World) -> None:
    def add(name: str) -> Any:
        return lambda outcome, **_: {"seen": [*outcome.result["seen"], name]}

    world.hook("a", post=add("a")), world.hook("b", post=add("b"))
    one = world.round()
    one.enter()
    one.leave(DONE)
    assert one.result == {"seen": ["b", "a"]}


def test_an_amendment_that_is_not_allowed_is_an_error_of_its_hook_and_no_damage(
    world: World,
) -> None:
    world.hook("a", post=giving({"id": "mine"}))
    one = world.round()
    one.enter()
    one.leave(DONE)
    assert one.result == {"seen": ()}
    assert "the id stays" in one.failures["a"]
    assert world.kept.now is None  # what the pre did is undone


def test_what_begins_is_kept_before_it_does(world: World) -> None:
    seen: list[Any] = []
    world.hook("a", pre=lambda **_: seen.append(list(world.kept.puts)) or {"n": 1})
    world.hook("b", pre=lambda **_: seen.append(list(world.kept.puts)))
    world.round().enter()
    assert seen[0] == [[("a", None)]]
    assert seen[1][-1] == [("a", {"n": 1}), ("b", None)]


def test_what_a_pre_remembers_is_kept_when_the_call_returns(world: World) -> None:
    def pre(call: Call) -> None:
        call.remember({"rules": ["x"]})
        assert world.kept.now == [("a", {"rules": ["x"]})]
        raise RuntimeError("died")

    a = world.hook("a", pre=pre)
    with pytest.raises(HookError):
        world.round().enter()
    assert a.told[0][0] == {"rules": ["x"]}


def test_a_failing_pre_stops_the_others_and_what_began_is_thawed(world: World) -> None:
    a, b = world.hook("a"), world.hook("b", pre=failing())
    world.hook("c")
    with pytest.raises(HookError) as failed:
        world.round().enter()
    assert (failed.value.hook, failed.value.phase, failed.value.point) == ("b", "pre", "protect")
    assert world.log == ["a pre", "b pre", "b post failed", "a post failed"]
    assert "RuntimeError" in b.told[0][1].pre_error
    assert a.told[0][1].pre_error == ""
    assert world.kept.now is None


def test_words_of_an_error_that_is_not_ours_reach_no_user(world: World) -> None:
    world.hook("a", pre=failing("password=hunter2"))
    with pytest.raises(HookError) as failed:
        world.round().enter()
    assert "hunter2" not in str(failed.value)


def test_a_failing_pre_that_is_suppressed_stops_nothing(world: World) -> None:
    world.hook("a", pre=failing()), world.hook("b")
    one = world.round(suppress_pre=True)
    one.enter()
    one.leave(DONE)
    assert world.log == ["a pre", "b pre", "b post success", "a post success"]


def test_a_skip_is_raised_with_the_name_of_its_hook_also_when_errors_are_suppressed(
    world: World,
) -> None:
    def skip(**_: Any) -> None:
        raise HookSkip("a test share")

    world.hook("a"), world.hook("b", pre=skip)
    with pytest.raises(HookSkip) as skipped:
        world.round(suppress_pre=True).enter()
    assert str(skipped.value) == "Left out by the hook 'b': a test share"
    assert world.log == ["a pre", "b pre", "b post failed", "a post failed"]


def test_a_failing_post_keeps_no_other_from_being_called_and_stays_kept(world: World) -> None:
    world.hook("a"), world.hook("b", post=failing())
    one = world.round()
    one.enter()
    one.leave(DONE)
    assert world.log[-2:] == ["b post success", "a post success"]
    assert list(one.failures) == ["b"]
    assert world.kept.now == [("b", None)]


@pytest.mark.parametrize(("needs_post", "stays"), [(False, None), (True, [("a", None)])])
def test_a_failing_post_that_is_suppressed_stays_only_when_something_may_be_frozen(
    world: World, *, needs_post: bool, stays: Any
) -> None:
    world.hook("a", post=failing(), needs_post=needs_post)
    one = world.round(suppress_post=True)
    one.enter()
    one.leave(DONE)
    assert one.failures == {}
    assert world.kept.now == stays


def test_a_hanging_pre_is_given_up_at_its_deadline_and_thawed(world: World) -> None:
    world.hook("a"), world.hook("b", pre=world.time.hang)
    began = world.clock.now()
    with pytest.raises(HookError, match="60 seconds"):
        world.round().enter()
    assert world.clock.now() - began == pytest.approx(60)
    assert world.log == ["a pre", "b pre", "b post failed", "a post failed"]
    assert world.kept.now == [("b", None)]  # it may freeze something yet


def test_a_pre_that_ends_after_all_was_given_up_gets_its_post_then(world: World) -> None:
    b = world.hook("b", pre=lambda **_: world.time.hang() or {"frozen": True})
    with pytest.raises(HookError):
        world.round().enter()
    world.time.go_on()
    assert world.log == ["b pre", "b post failed", "b post failed"]
    assert b.told[-1][0] == {"frozen": True}
    assert world.kept.now is None


def test_a_pre_that_ends_late_while_the_work_goes_on_is_thawed_at_its_end(world: World) -> None:
    world.hook("a", pre=world.time.hang)
    one = world.round(suppress_pre=True)
    one.enter()
    world.time.go_on()
    assert world.log == ["a pre"]
    one.leave(DONE)
    assert world.log == ["a pre", "a post success"]
    assert world.kept.now is None


def test_a_pre_that_ends_after_the_claim_was_lost_is_left_to_who_has_it(world: World) -> None:
    world.hook("a", pre=lambda **_: world.time.hang() or {"frozen": True})
    with pytest.raises(HookError):
        world.round().enter()
    world.kept.is_lost = True
    world.time.go_on()
    assert world.log == ["a pre", "a post failed"]
    assert world.kept.handed_over == [[("a", {"frozen": True})]]


def test_a_hanging_post_holds_nothing_up_and_stays_kept(world: World) -> None:
    world.hook("a"), world.hook("b", post=world.time.hang)
    one = world.round()
    one.enter()
    one.leave(DONE)
    assert world.log[-1] == "a post success"
    assert "60 seconds" in one.failures["b"]
    assert world.kept.now == [("b", None)]


def test_when_the_freeze_time_is_over_the_posts_run_once_and_are_told(world: World) -> None:
    world.hook("a")
    one = world.round()
    one.enter()
    world.clock.sleep(299)
    assert world.log == ["a pre"]
    world.clock.sleep(2)
    assert world.log == ["a pre", f"a post {TIMED_OUT}"]
    one.leave(DONE)
    assert world.log == ["a pre", f"a post {TIMED_OUT}"]
    assert one.timed_out
    assert world.kept.now is None


def test_the_freeze_time_counts_from_the_first_pre(world: World) -> None:
    world.hook("a", pre=lambda **_: world.clock.sleep(40))
    world.hook("b", pre=lambda **_: world.clock.sleep(40))
    world.hook("c")
    one = world.round(freeze_timeout=70.0)
    one.enter()
    # b was still at it: its post has to come once more.
    posts = [f"b post {TIMED_OUT}", f"a post {TIMED_OUT}", f"b post {TIMED_OUT}"]
    assert world.log == ["a pre", "b pre", *posts]
    one.leave(DONE)
    assert len(world.log) == 5
    assert world.kept.now is None


def test_a_work_that_ends_in_time_is_not_thawed_again(world: World) -> None:
    world.hook("a")
    one = world.round()
    one.enter()
    one.leave(DONE)
    world.clock.sleep(1000)
    assert world.log == ["a pre", "a post success"]
    assert not one.timed_out


def test_no_post_runs_when_the_claim_is_lost(world: World) -> None:
    world.hook("a"), world.hook("b")
    one = world.round()
    one.enter()
    world.kept.is_lost = True
    with pytest.raises(ClaimLost):
        one.leave(DONE)
    assert world.log == ["a pre", "b pre"]
    assert world.kept.now == [("a", None), ("b", None)]


def test_a_claim_that_is_lost_between_two_posts_stops_the_second(world: World) -> None:
    world.hook("a")
    world.hook("b", post=lambda **_: setattr(world.kept, "is_lost", True))
    one = world.round()
    one.enter()
    with pytest.raises(ClaimLost):
        one.leave(DONE)
    assert world.log == ["a pre", "b pre", "b post success"]


def test_a_freeze_that_is_over_after_the_claim_was_lost_calls_nothing(world: World) -> None:
    world.hook("a")
    world.round().enter()
    world.kept.is_lost = True
    world.clock.sleep(301)
    assert world.log == ["a pre"]


def test_a_killed_process_calls_no_post_and_its_state_stays(world: World) -> None:
    class Killed(BaseException):
        pass

    def die(**_: Any) -> None:
        raise Killed

    world.hook("a"), world.hook("b", pre=die)
    with pytest.raises(Killed):
        world.round().enter()
    assert world.log == ["a pre", "b pre"]
    assert world.kept.now == [("a", None), ("b", None)]


def test_with_pre_hooks_off_posts_run_without_data(world: World) -> None:
    a = world.hook("a")
    one = world.round(pre=False)
    one.enter()
    one.leave(DONE)
    assert world.log == ["a post success"]
    assert a.told[0][0] is None


def test_with_post_hooks_off_nothing_is_kept(world: World) -> None:
    world.hook("a", pre=giving({"n": 1}))
    one = world.round(post=False)
    one.enter()
    one.leave(DONE)
    assert world.log == ["a pre"]
    assert world.kept.puts == []


@pytest.mark.parametrize("given", ["text", {"at": object()}, {"long": "x" * 70_000}])
def test_a_pre_that_gives_what_cannot_be_kept_has_failed(world: World, given: Any) -> None:
    world.hook("a", pre=giving(given))
    with pytest.raises(HookError):
        world.round().enter()
    assert world.log == ["a pre", f"a post {FAILED}"]
