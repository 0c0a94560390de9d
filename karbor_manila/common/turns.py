# SPDX-License-Identifier: Apache-2.0
"""Turns for others in a long loop: Karbor's green threads run until they wait for something."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

#: So many steps of a loop, each of about a millisecond, are one turn.
STEPS = 20


def pause() -> None:
    """Let others run; nothing where threads are real ones. (Under eventlet, sleep is its own.)"""
    time.sleep(0)


def taking_turns(items: Iterable[T]) -> Iterator[T]:
    """The items; every now and then others get their turn first."""
    for number, item in enumerate(items, start=1):
        if number % STEPS == 0:
            pause()
        yield item
