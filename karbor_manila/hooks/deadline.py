# SPDX-License-Identifier: Apache-2.0
"""One call of a hook, in a thread of its own, which is given up at its deadline."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from karbor_manila.common.clock import Clock, Deadline
from karbor_manila.hooks.errors import GivenUp

T = TypeVar("T")

#: Starts a thread; under eventlet, which Karbor runs on, a green one.
Spawn = Callable[[Callable[[], None]], None]
#: Has something done after so many seconds; gives what cancels that.
After = Callable[[float, Callable[[], None]], Callable[[], None]]

#: Seconds between two looks of one who waits for a hook.
_LOOK = 1.0


def spawn(work: Callable[[], None]) -> None:
    """Do this in a thread that keeps no process from ending."""
    threading.Thread(target=work, name="hook", daemon=True).start()


def after(seconds: float, work: Callable[[], None]) -> Callable[[], None]:
    """Do this once so many seconds have passed.

    :returns: what keeps it from being done, unless it has begun
    """
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()
    return timer.cancel


class Ended(Generic[T]):
    """How a call has ended: with a result, or with an error."""

    def __init__(self, result: T | None, error: BaseException | None) -> None:
        self.result = result
        self.error = error


#: Told how a call that was given up has ended, in its thread.
Late = Callable[[Ended[T]], None]


def call(
    work: Callable[[], T],
    timeout: float,
    *,
    clock: Clock,
    spawn: Spawn = spawn,
    late: Late[T] | None = None,
) -> T:
    """What ``work`` gives, or raises, within its time.

    Time in which this process did not run does not count.

    :param timeout: seconds
    :param late: told how it has ended when it was given up before
    :raises GivenUp: it has not ended by then
    """
    one = _Work(work, late)
    # With the values that are being made: a circle of lazy ones is seen through it.
    context = contextvars.copy_context()
    spawn(lambda: context.run(one.run))
    return one.wait(timeout, clock)


class _Work(Generic[T]):
    def __init__(self, work: Callable[[], T], late: Late[T] | None) -> None:
        self._work = work
        self._late = late
        self._news = threading.Condition()
        self._ended: Ended[T] | None = None
        self._given_up = False

    def run(self) -> None:
        try:
            ended: Ended[Any] = Ended(self._work(), None)
        except Exception as error:  # noqa: BLE001 - raised to who waits, or told who gave up
            ended = Ended(None, error)
        except BaseException as error:  # nothing is swallowed: its thread is ended
            self._end(Ended(None, error))
            raise
        self._end(ended)

    def _end(self, ended: Ended[T]) -> None:
        with self._news:
            self._ended = ended
            given_up = self._given_up
            self._news.notify_all()
        if given_up and self._late:
            self._late(ended)

    def wait(self, timeout: float, clock: Clock) -> T:
        deadline = Deadline(timeout, clock)
        with self._news:
            try:
                while self._ended is None and deadline.left > 0:
                    step = min(deadline.left, _LOOK)
                    began = clock.now()
                    clock.wait(self._news, step)
                    deadline.forgive(began, step)
            finally:  # who is killed while he waits has given up, too
                self._given_up = self._ended is None
            ended = self._ended
        if ended is None:
            raise GivenUp(f"it did not end within {timeout:g} seconds (hook_timeout).")
        if isinstance(ended.error, Exception):
            raise ended.error
        if ended.error is not None:  # such as SystemExit: it is the hook's thread that ends by it
            raise GivenUp(f"its thread was ended ({type(ended.error).__name__}).", has_ended=True)
        result: Any = ended.result
        return result
