# SPDX-License-Identifier: Apache-2.0
"""Notices that a service of the sandbox has ended, while something waits for it in vain."""

import contextlib
import signal
from collections.abc import Iterator

from sandbox.demo.reasons import ServiceGone
from sandbox.stack import Stack

SECONDS = 2.0


@contextlib.contextmanager
def services(stack: Stack, seconds: float = SECONDS) -> Iterator[None]:
    """Look at the services again and again for the length of a block. Main thread only.

    Karbor rides out a Manila that is down, and so would we, until long after anybody has patience.

    :raises ServiceGone: in the middle of the block, from a timer signal.
    """

    def look(number: int, frame: object) -> None:
        gone = [name for name, pid in stack.status().items() if pid is None]
        if gone:
            raise ServiceGone(gone)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
