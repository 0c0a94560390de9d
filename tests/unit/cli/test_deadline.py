# SPDX-License-Identifier: Apache-2.0
"""A call that hangs is left behind, and one that fails says so."""

import concurrent.futures
import threading

import pytest

from karbor_manila.cli import deadline


def test_what_hangs_is_left_behind() -> None:
    never = threading.Event()
    with pytest.raises(concurrent.futures.TimeoutError):
        deadline.within(0, never.wait)
    assert [thread for thread in threading.enumerate() if thread.name == deadline.THREAD][0].daemon
    never.set()


def test_what_a_call_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        deadline.within(60, lambda: 1 // 0)
