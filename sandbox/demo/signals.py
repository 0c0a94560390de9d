# SPDX-License-Identifier: Apache-2.0
"""The signals that end programs, turned into an exception once. Standard library only."""

import contextlib
import signal
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal told us to end.

    :ivar told: whether the person in front knows already.
    """

    told = False

    def __init__(self, number: int) -> None:
        self.code = 128 + number
        super().__init__(signal.Signals(number).name)


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Turn the signals that end programs into ``Ended``, the first one only."""

    def end(number: int, frame: object) -> None:
        ignore()
        raise Ended(number)

    # What is ignored (nohup, a job in the background) stays ignored.
    listened = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in listened}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """Let signals wait for the end of a block: a folder removed by half is nobody's any more."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore() -> None:
    """From here on we clean up, and nobody shall keep us from it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
