# SPDX-License-Identifier: Apache-2.0
"""Shows that something long still goes on: the seconds. Standard library only."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

PLAIN_SECONDS = 15


class Ticker:
    """Counts seconds in the last line of a terminal; elsewhere it says so now and then.

    :param stream: where to write.
    :param interval: seconds between two looks at the clock.
    """

    def __init__(self, stream: TextIO | None = None, interval: float = 0.25) -> None:
        self._stream = stream or sys.stdout
        self._interval = interval if self._stream.isatty() else PLAIN_SECONDS
        self._lock = threading.RLock()
        self._shown = ""

    @contextlib.contextmanager
    def running(self, what: str) -> Iterator[None]:
        """Show ``what`` and its seconds for the length of a block."""
        end = threading.Event()
        thread = threading.Thread(target=self._tick, args=(what, end), daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
            with self._lock:
                self._clear()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Take our line off the screen while somebody else writes."""
        with self._lock:
            self._clear()
            yield

    def _tick(self, what: str, end: threading.Event) -> None:
        began = time.monotonic()
        while not end.wait(self._interval):
            with self._lock:
                self._show(f"{what}: {time.monotonic() - began:.0f} s")

    def _show(self, text: str) -> None:
        with contextlib.suppress(OSError):
            if self._stream.isatty():
                self._clear()
                self._shown = text
                self._stream.write(text)
            else:
                self._stream.write(f"{text}\n")
            self._stream.flush()

    def _clear(self) -> None:
        with contextlib.suppress(OSError):
            if self._shown:
                self._stream.write(f"\r{' ' * len(self._shown)}\r")
                self._stream.flush()
        self._shown = ""
