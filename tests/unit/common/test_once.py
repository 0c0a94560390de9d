# SPDX-License-Identifier: Apache-2.0
"""Nobody waits for ever for what the shares of a flow have in common, and nobody needlessly."""

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import greenlet
import pytest

from karbor_manila.common.errors import CircularNeed
from karbor_manila.common.lazy import Lazy, Once
from karbor_manila.manila.errors import ManilaTransient
from tests.fakes.manila import Died
from tests.unit.clock import FakeClock

BUSY = ManilaTransient("list snapshots", "HTTP 503, busy")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_what_is_needed_to_make_itself_is_refused_and_not_waited_for(clock: FakeClock) -> None:
    once = Once(clock)
    with pytest.raises(CircularNeed) as refused:
        once("key", lambda: once("key", lambda: "never"))
    assert refused.value.key == "key"


def test_the_way_round_over_others_is_seen(clock: FakeClock) -> None:
    once = Once(clock)
    with pytest.raises(CircularNeed):
        once("a", lambda: once("b", lambda: once("c", lambda: once("a", lambda: "never"))))


def test_the_way_round_over_what_another_flow_part_keeps_is_seen(clock: FakeClock) -> None:
    one, two = Once(clock), Once(clock)
    with pytest.raises(CircularNeed):
        one("a", lambda: two("b", lambda: one("a", lambda: "never")))


def crossing(clock: FakeClock, first: Once, second: Once) -> list[Callable[[], Any]]:
    """Two that each make what the other one needs."""

    def make(mine: Once, my_key: str, other: Once, other_key: str) -> Any:
        def value() -> Any:
            clock.sleep(1.0)
            return other(other_key, lambda: "never")

        return mine(my_key, value)

    return [
        lambda: make(first, "a", second, "b"),
        lambda: make(second, "b", first, "a"),
    ]


@pytest.mark.parametrize("parts", [1, 2])
def test_two_that_need_what_the_other_makes_do_not_wait_for_each_other(
    clock: FakeClock, parts: int
) -> None:
    first = Once(clock)
    second = first if parts == 1 else Once(clock)
    outcomes = clock.together(*crossing(clock, first, second))
    assert [type(outcome) for outcome in outcomes] == [CircularNeed, CircularNeed]
    assert clock.now() < 1010.0


def test_one_who_waits_is_no_circle(clock: FakeClock) -> None:
    once = Once(clock)

    def slow() -> str:
        clock.sleep(30.0)
        return "made"

    def twice() -> Any:
        return once("outer", lambda: once("inner", slow))

    assert clock.together(twice, lambda: once("inner", slow), twice) == ["made"] * 3


def test_who_has_waited_may_be_waited_for_afterwards(clock: FakeClock) -> None:
    once = Once(clock)

    def a() -> str:
        clock.sleep(10.0)
        return "a"

    def b() -> str:
        once("a", a)
        clock.sleep(10.0)
        return "b"

    def all_of_them() -> tuple[Any, Any]:
        return once("b", b), once("a", a)

    assert clock.together(*[all_of_them] * 5) == [("b", "a")] * 5


def test_two_keys_are_made_side_by_side(clock: FakeClock) -> None:
    once, ready = Once(clock), {}

    def make(key: str, seconds: float) -> Callable[[], None]:
        def value() -> None:
            clock.sleep(seconds)
            ready[key] = clock.now()

        return lambda: once(key, value)

    clock.together(make("slow", 100.0), make("quick", 1.0), make("slow", 100.0))
    assert ready == {"slow": 1100.0, "quick": 1001.0}


@pytest.mark.parametrize("end", [greenlet.GreenletExit, Died, KeyboardInterrupt])
def test_who_is_ended_while_he_makes_it_takes_nobody_along(
    clock: FakeClock, end: type[BaseException]
) -> None:
    once, made = Once(clock), []

    def ended() -> None:
        def value() -> None:
            clock.sleep(10.0)
            raise end

        try:
            once("key", value)
        except BaseException as error:  # noqa: BLE001 - nothing of it leaves the greenlet
            made.append(type(error))

    def other() -> Any:
        clock.sleep(1.0)
        return once("key", lambda: "made by the next")

    assert clock.together(ended, other, other)[1:] == ["made by the next"] * 2
    assert made == [end]


def test_one_who_was_stopped_for_good_is_given_up_by_one_of_those_who_wait(
    clock: FakeClock,
) -> None:
    once, made = Once(clock, outage=120.0), []

    def make() -> str:
        made.append(clock.now())
        clock.sleep(1.0)
        return "made"

    main = greenlet.getcurrent()
    stopped = greenlet.greenlet(lambda: once("key", main.switch))
    stopped.switch()

    assert clock.together(*[lambda: once("key", make)] * 20) == ["made"] * 20
    assert len(made) == 1
    assert 3600.0 <= made[0] - 1000.0 < 4000.0


def test_who_comes_back_after_he_was_given_up_changes_no_result(clock: FakeClock) -> None:
    once = Once(clock)
    main = greenlet.getcurrent()
    late: list[Any] = []
    stopped = greenlet.greenlet(lambda: late.append(once("key", main.switch)))
    stopped.switch()
    assert once("key", lambda: "of the second") == "of the second"
    stopped.switch("of the first")
    assert late == ["of the second"]
    assert once("key", lambda: "of the third") == "of the second"


def test_a_machine_that_was_asleep_gives_nobody_up() -> None:
    class Asleep(FakeClock):
        """The first wait takes a day."""

        def wait(self, condition: threading.Condition, seconds: float) -> None:
            super().wait(condition, seconds if len(self.pauses) > 1 else 86400.0)

    clock = Asleep()
    once = Once(clock)
    outcomes = clock.together(
        lambda: once("key", lambda: clock.sleep(86410.0) or "of the first"),
        lambda: once("key", lambda: "of the second"),
    )
    assert outcomes == ["of the first"] * 2


def test_real_threads_get_it_from_one_of_them_and_from_the_next_when_that_is_ended() -> None:
    once, begun, go_on = Once(), threading.Event(), threading.Event()

    def ended() -> None:
        def value() -> None:
            begun.set()
            go_on.wait(timeout=30)
            raise SystemExit

        once("key", value)

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(ended)
        begun.wait(timeout=30)
        others = [pool.submit(once, "key", lambda: "made") for _ in range(8)]
        go_on.set()
        assert [other.result(timeout=30) for other in others] == ["made"] * 8
        assert isinstance(first.exception(timeout=30), SystemExit)


GREEN = """
import eventlet
eventlet.monkey_patch()
import greenlet
from karbor_manila.common.lazy import Once
once, made = Once(), []
def slow():
    made.append("slow")
    eventlet.sleep(3600)
def quick():
    made.append("quick")
    return "made"
with eventlet.Timeout(60):
    first = eventlet.spawn(once, "key", slow)
    eventlet.sleep(0)
    waiting = [eventlet.spawn(once, "key", quick) for _ in range(5)]
    eventlet.sleep(0)
    assert once("another", lambda: 1) == 1
    waiting.pop(0).kill()
    {end}
    assert [each.wait() for each in waiting] == ["made"] * 4
    assert made == ["slow", "quick"]
print("done")
"""


@pytest.mark.parametrize(
    "end",
    ["first.kill()", "first.kill(eventlet.Timeout())"],
    ids=["killed", "timeout"],
)
def test_green_threads_go_on_when_the_one_who_makes_it_is_killed(end: str) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(GREEN).replace("{end}", end)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "done\n"), run.stderr


def at_the_same_time(number: int, action: Callable[[], Any]) -> list[Any]:
    """What ``action`` returned or raised in each of so many threads."""
    everybody = threading.Barrier(number)

    def run(_: int) -> Any:
        everybody.wait(timeout=30)
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_once_is_once_however_many_ask() -> None:
    once, made = Once(), []

    def make() -> Any:
        made.append(threading.get_ident())
        return object()

    results = at_the_same_time(16, lambda: once("key", make))
    assert len(made) == 1
    assert len(set(map(id, results))) == 1


def test_an_error_is_shared_like_a_result() -> None:
    once, made = Once(), []

    def make() -> Any:
        made.append(1)
        raise BUSY

    assert at_the_same_time(16, lambda: once("key", make)) == [BUSY] * 16
    assert len(made) == 1


def test_what_came_of_it_stays() -> None:
    once = Once()
    assert once("key", lambda: "first") == "first"
    assert once("key", lambda: "second") == "first"


@pytest.mark.parametrize("result", [None, False, [], ""])
def test_nothing_is_a_result_too(result: Any) -> None:
    once, made = Once(), []
    for _ in range(2):
        assert once("key", lambda: (made.append(1), result)[1]) == result
    assert made == [1]


def test_every_key_is_for_itself() -> None:
    once = Once()
    assert [once(key, lambda key=key: key) for key in ("a", ("a", 1), "b")] == ["a", ("a", 1), "b"]


def test_while_one_key_is_made_another_can_be() -> None:
    once = Once()
    assert once("outer", lambda: once("inner", lambda: "both")) == "both"


class Shelf:
    """Two attributes, one made of the other, and one of itself."""

    def __init__(self, clock: FakeClock) -> None:
        self.once = Once(clock)
        self.made: list[str] = []

    @Lazy
    def plank(self) -> str:
        """Made of nothing."""
        self.made.append("plank")
        return "plank"

    @Lazy
    def shelf(self) -> list[str]:
        self.made.append("shelf")
        return [self.plank, self.plank]

    @Lazy
    def itself(self) -> object:
        return self.itself

    @Lazy
    def broken(self) -> str:
        self.made.append("broken")
        raise BUSY


def test_a_lazy_attribute_that_is_made_is_a_plain_one(clock: FakeClock) -> None:
    shelf = Shelf(clock)
    assert "plank" not in vars(shelf)
    assert shelf.plank == vars(shelf)["plank"] == "plank"


def test_an_error_of_a_lazy_attribute_is_no_value(clock: FakeClock) -> None:
    shelf = Shelf(clock)
    for _ in range(2):
        with pytest.raises(type(BUSY)):
            _ = shelf.broken
    assert "broken" not in vars(shelf)
    assert shelf.made == ["broken"]


def test_a_lazy_attribute_is_made_when_it_is_first_read_and_then_stays(clock: FakeClock) -> None:
    shelf = Shelf(clock)
    assert shelf.made == []
    first = shelf.shelf
    assert first == ["plank", "plank"]
    assert shelf.shelf is first
    assert shelf.made == ["shelf", "plank"]
    assert Shelf(clock).made == [], "each owner has its own"


def test_an_error_of_a_lazy_attribute_is_raised_to_all_who_read_it(clock: FakeClock) -> None:
    shelf = Shelf(clock)
    for _ in range(3):
        with pytest.raises(ManilaTransient):
            _ = shelf.broken
    assert shelf.made == ["broken"]


def test_a_lazy_attribute_that_needs_itself_is_refused_by_its_name(clock: FakeClock) -> None:
    with pytest.raises(CircularNeed) as refused:
        _ = Shelf(clock).itself
    assert refused.value.key == "itself"


def test_a_lazy_attribute_tells_what_it_is() -> None:
    assert Shelf.plank.__doc__ == "Made of nothing."
