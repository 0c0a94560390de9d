# SPDX-License-Identifier: Apache-2.0
"""How far the shares of a flow are, in Karbor's operation log (``extra_info``), for whoever waits.

A driver tells it at each look (:class:`karbor_manila.drivers.environment.Environment`); it is
written rarely, by a thread of its own: nothing waits for that, and nothing fails by it.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.database import columns
from karbor_manila.operations import reporting

if TYPE_CHECKING:
    from karbor_manila.operations.flow import FlowContext

LOG = logging.getLogger(__name__)

#: So many percent more, of one share, and so many seconds after the last one, are worth a write.
STEP, PAUSE = 5, 10.0

# So many shares of a flow are told of: the column has 64 KiB.
_MOST = 100


def in_a_thread(work: Callable[[], None]) -> None:
    """Have it done beside; under eventlet by a green thread."""
    threading.Thread(target=work, daemon=True).start()


class Progress:
    """What the drivers of one flow tell of its shares.

    :param spawn: has the writing done beside
    """

    def __init__(
        self, flow: "FlowContext", spawn: Callable[[Callable[[], None]], None] = in_a_thread
    ) -> None:
        self._flow = flow
        self._spawn = spawn
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, int]] = {}
        self._written: dict[str, tuple[str, int]] = {}
        self._next = flow.clock.now() + PAUSE  # what is done by then needs no line
        self._writing = False

    def note(self, share_id: str, what: str, percent: int) -> None:
        """A share is so far.

        :param what: is under way: ``backup``, ``restore``
        """
        with self._lock:
            self._known[share_id] = what, percent
            if self._writing or self._flow.clock.now() < self._next or not self._moved(share_id):
                return
            self._writing = True
        try:
            self._spawn(self._write)
        except Exception as error:  # noqa: BLE001 - no more threads, or memory: the work goes on
            LOG.info("Progress is not written: %s", error)
            self._writing = False

    def _moved(self, share_id: str) -> bool:
        what, percent = self._known[share_id]
        before, then = self._written.get(share_id, ("", 0))
        return before != what or percent - then >= STEP

    def _write(self) -> None:
        try:
            known = dict(self._known)
            self._save(known)
            self._written = known
        except Exception as error:  # noqa: BLE001 - a lost claim, a database: the work goes on
            LOG.info("Progress could not be written into the operation log: %s", error)
        finally:
            self._next = self._flow.clock.now() + PAUSE
            self._writing = False

    def _save(self, known: dict[str, tuple[str, int]]) -> None:
        log: Any = self._flow.work.operation_log
        if log is None:
            return
        if self._flow.hold:
            self._flow.hold.check()
        least = sorted(known.items(), key=lambda each: each[1][1])[:_MOST]
        told = {
            reporting.key(share_id): f"{what} {percent} %" for share_id, (what, percent) in least
        }
        with self._flow.writing:
            log.update({"extra_info": jsonutils.dumps({"progress": told})})
            columns.save(log)
