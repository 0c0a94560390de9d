# SPDX-License-Identifier: Apache-2.0
"""An executor for a stage whose process may die: one request after the other, each at once.

Threads of a process that died would go on, since the test's process lives; and what is tried at
every point needs the same points each time. That requests go side by side tests/unit/drivers shows.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class InTurn(Executor):
    """Runs what is submitted where it is submitted; whoever dies in it dies there."""

    def __init__(self, max_workers: int = 1) -> None:
        self.max_workers = max_workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
