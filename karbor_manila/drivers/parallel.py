# SPDX-License-Identifier: Apache-2.0
"""Requests side by side, whose results come as they are there."""

import contextvars
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

import eventlet.patcher
import futurist

from karbor_manila.common.turns import taking_turns

K = TypeVar("K")
V = TypeVar("V")


def as_they_come(
    keys: Collection[K], work: Callable[[K], V], at_most: int
) -> Iterator[tuple[K, V | Exception]]:
    """``work`` of each key, with its result or its error, in the order in which they end.

    Under eventlet the threads are green ones.

    :param at_most: so many at a time
    """
    if len(keys) == 1 or at_most == 1:  # a thread would win nothing
        for key in keys:
            yield key, _outcome(work, key)
        return
    pool = _pool(max(1, min(at_most, len(keys))))
    asked: dict[Future[V | Exception], K] = {}
    try:
        for key in taking_turns(keys):
            # In a context of its own each, so that a circle of lazy values is seen through it.
            asked[pool.submit(contextvars.copy_context().run, _outcome, work, key)] = key
        for done in as_completed(asked):
            yield asked[done], done.result()
    finally:
        # A thread that stops early, or is killed, sends nothing more and waits for no other.
        for each in asked:
            each.cancel()
        pool.shutdown(wait=False)


def _pool(workers: int) -> Executor:
    """The standard one would keep seven kilobytes of locks for each green thread."""
    if eventlet.patcher.is_monkey_patched("thread"):
        green: Executor = futurist.GreenThreadPoolExecutor(workers)
        return green
    return ThreadPoolExecutor(workers)


def _outcome(work: Callable[[K], V], key: K) -> V | Exception:
    try:
        return work(key)
    except Exception as error:  # noqa: BLE001 - it is the result of this key, whatever it is
        return error
