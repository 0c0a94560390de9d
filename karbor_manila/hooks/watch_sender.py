# SPDX-License-Identifier: Apache-2.0
"""Tells somebody else what was seen, in a thread of its own: who has something to tell never waits.

It runs inside manila-share, whose work must not fail, nor be slower, because nobody can be told.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from oslo_log import log as logging
from oslo_utils import eventletutils, importutils

LOG = logging.getLogger(__name__)

#: So much waits to be told at most; what comes then is counted and forgotten.
MOST = 1000

#: Seconds to wait after each failure; what fails once more after the last is given up.
PAUSES = (1.0, 5.0, 30.0)

#: Seconds between two lines in the log about failures.
QUIET = 60.0

#: Tells one event, as JSON; any error means that it was not told.
Deliver = Callable[[Mapping[str, Any]], object]


class Failures:
    """Counts what could not be done, and logs of it now and then.

    :param what: what is left out, for the log
    :ivar count: how many so far
    """

    def __init__(self, what: str, now: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._what = what
        self._now = now
        self._next = now()

    def note(self, why: object) -> None:
        """One more."""
        self.count += 1
        if self._now() >= self._next:
            self._next = self._now() + QUIET
            LOG.warning("%s; that is %d since the start: %s", self._what, self.count, why)


class Sender:
    """What waits to be told to one listener, and the thread that does it once there is something.

    :param name: of the way, for the log
    :param sleep: lets seconds pass
    """

    def __init__(
        self, name: str, deliver: Deliver, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._deliver = deliver
        self._sleep = sleep
        self._waiting: queue.Queue[Mapping[str, Any]] = queue.Queue(MOST)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._name = name
        #: What was never told.
        self.lost = Failures(f"karbor-manila was not told by {name} of something it should know")

    def send(self, event: Mapping[str, Any]) -> None:
        """Have it told soon. It neither raises nor waits."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self.lost.note(f"{MOST} wait already")
            return
        with self._lock:
            # Manila's service may fork after it has made its hooks, and a thread does not.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name=f"karbor-watch-{self._name}", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            self.tell(self._waiting.get())

    def tell(self, event: Mapping[str, Any]) -> None:
        """Tell one event, again a few times if that fails."""
        for pause in (*PAUSES, None):
            try:
                self._deliver(event)
            except Exception as error:  # noqa: BLE001 - a disk, a broker, a bad option: Manila's work goes on
                if pause is None:
                    self.lost.note(f"{type(error).__name__}: {error}")
                else:
                    self._sleep(pause)
            else:
                return


def in_real_thread(deliver: Deliver) -> Deliver:
    """The same for a disk: a green thread that waits for one holds up all others of its process,
    and an NFS server may not answer for hours."""
    if not eventletutils.is_monkey_patched("thread"):
        return deliver
    pool = importutils.import_module("eventlet.tpool")
    return lambda event: pool.execute(deliver, event)


def dump(event: Mapping[str, Any]) -> bytes:
    """An event as a file has it."""
    return json.dumps(event, sort_keys=True).encode()
