# SPDX-License-Identifier: Apache-2.0
"""A call that a command waits for no longer than a deadline."""

import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: The name of the threads in which it is waited for answers.
THREAD = "karbor-manila waits"


def within(seconds: float, call: Callable[[], T]) -> T:
    """What a call gives if that takes no longer than so many seconds; raises what it raises.

    A call that hangs is left behind in a thread which does not keep the process from its end, as
    those of an executor would.

    :raises concurrent.futures.TimeoutError: it took longer
    """
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name=THREAD, daemon=True).start()
    return future.result(timeout=seconds)
