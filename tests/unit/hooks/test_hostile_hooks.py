# SPDX-License-Identifier: Apache-2.0
"""Hooks that do what no hook should: what is complete stays so, and nothing stays frozen."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import greenlet
import pytest

from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.hooks.base import FAILED
from karbor_manila.hooks.errors import HookError
from karbor_manila.hooks.values import MOST_SENTENCE
from tests.unit.hooks.world import DONE, World


@pytest.fixture
def world() -> World:
    world = World()
    world.time.spawn = spawn
    return world


def spawn(work: Callable[[], None]) -> None:
    """As of a real thread: what ends it ends nothing else."""

    def run() -> None:
        with contextlib.suppress(SystemExit):
            work()

    greenlet.greenlet(run).switch()


class Broken(Mapping[str, Any]):
    """Can be looked at, but not read."""

    def __getitem__(self, name: str) -> Any:
        raise RuntimeError("detached")

    def __iter__(self) -> Iterator[str]:
        return iter(("a",))

    def __len__(self) -> int:
        return 1


class Dumb(KarborManilaError):
    """Has no sentence."""

    def _sentence(self) -> str:
        raise AttributeError("why")


class Long(KarborManilaError):
    """Has a long one."""

    def _sentence(self) -> str:
        return "x" * 10_000_000


class Own(HookError):
    """Is made in another way."""

    def __init__(self) -> None:
        super().__init__("", "", "", "no")


def raising(error: BaseException) -> Any:
    def fail(**_call: Any) -> None:
        raise error

    return fail


def test_a_result_that_cannot_be_read_fails_nothing_that_is_complete(world: World) -> None:
    world.hook("a"), world.hook("b", post=lambda **_: Broken())
    one = world.round()
    one.enter()
    one.leave(DONE)
    assert world.log[-1] == "a post success"
    assert "RuntimeError" in one.failures["b"]


@pytest.mark.parametrize("error", [Dumb(), Own(), Long(), SystemExit(3)])
def test_a_post_that_raises_whatever_fails_nothing_that_is_complete(
    world: World, error: BaseException
) -> None:
    world.hook("a"), world.hook("b", post=raising(error))
    one = world.round()
    one.enter()
    one.leave(DONE)
    assert world.log[-1] == "a post success"
    assert world.kept.now == [("b", None)]
    assert len(one.failures["b"]) < MOST_SENTENCE + 200


def test_a_pre_whose_thread_was_ended_does_not_run_any_more(world: World) -> None:
    world.hook("a", pre=raising(SystemExit()))
    with pytest.raises(HookError, match="SystemExit"):
        world.round().enter()
    assert world.log == ["a pre", f"a post {FAILED}"]
    assert world.kept.now is None


@pytest.mark.parametrize("given", [{"at": object()}, Broken()])
def test_a_late_pre_is_thawed_whatever_it_gives(world: World, given: Any) -> None:
    def pre(call: Any) -> Any:
        call.remember({"rules": ["x"]})
        world.time.hang()
        return given

    a = world.hook("a", pre=pre)
    with pytest.raises(HookError):
        world.round().enter()
    world.time.go_on()
    assert world.log == ["a pre", f"a post {FAILED}", f"a post {FAILED}"]
    assert a.told[-1][0] == {"rules": ["x"]}
    assert world.kept.now is None


@pytest.mark.parametrize("phase", ["pre", "post"])
def test_what_learns_in_its_work_that_the_claim_is_lost_is_handed_over(
    world: World, phase: str
) -> None:
    """It slept while its request was under way; who took over has called its post before that."""

    def wake(call: Any, **_: Any) -> None:
        call.remember({"rules": ["x"]})
        world.kept.is_lost = True
        raise ClaimLost("checkpoint", "another process has taken it over")

    world.hook("a"), world.hook("b", **{phase: wake})
    one = world.round()
    with pytest.raises(ClaimLost):
        one.enter()
        one.leave(DONE)
    assert world.kept.handed_over == [[("b", {"rules": ["x"]})]]
    assert "a post success" not in world.log


def test_a_post_that_fails_when_the_freeze_time_is_over_does_not_wait_for_the_work(
    world: World,
) -> None:
    """That may be a backup, which takes hours."""
    world.hook("a"), world.hook("b", post=raising(RuntimeError("Manila is away")))
    one = world.round()
    one.enter()
    world.clock.sleep(301)
    assert world.kept.released == [[("b", None)]]
