# SPDX-License-Identifier: Apache-2.0
"""Removing a thing in Manila until it is gone: a 202 is a promise, a 404 is the end."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from oslo_log import log as logging

from karbor_manila import exception
from karbor_manila.drivers.base import View
from karbor_manila.waiting import PENDING, Clock, Watcher, persist

LOG = logging.getLogger(__name__)

_GONE = "gone"
_AGAIN = "again"

# Refusals that a moment's patience can change: the thing is busy, or something depends on it.
_BUSY = frozenset({400, 403, 409})


@dataclass(frozen=True)
class Removal:
    """How things of one kind are removed.

    ``delete`` asks Manila and returns False when there is nothing (404). ``stuck`` are the statuses
    that only an administrator can end, with the command in ``cure`` (``{id}`` is filled in).
    ``outage`` is in seconds.
    """

    kind: str
    delete: Callable[[str], bool]
    watcher: Watcher
    deletable: Collection[str]
    stuck: Collection[str]
    cure: str
    outage: float
    clock: Clock

    def until_gone(self, thing: str, patience: float) -> bool:
        """Remove ``thing`` and wait until it is gone.

        :param patience: seconds
        :returns: False when it was not there in the first place
        :raises NeedsAdministrator, DeadlineExceeded, ManilaRefused, ManilaUnavailable:
        """
        deadline = self.clock.now() + patience
        pause = 0.5
        asked = False
        while True:
            refusal = None
            try:
                if not persist(lambda: self.delete(thing), patience=self.outage, clock=self.clock):
                    return asked
                asked = True
            except exception.ManilaRefused as error:
                if error.status not in _BUSY:
                    raise
                refusal = error
                LOG.info("%s %s cannot be deleted yet: %s", self.kind, thing, error)
            left = max(0.0, deadline - self.clock.now())
            awaited = self._awaited(thing, refusal)
            try:
                verdict = self.watcher.wait(thing, self._judge(thing, refusal), left, awaited)
            except exception.DeadlineExceeded as late:
                raise exception.DeadlineExceeded(awaited, patience, late.last_seen) from late
            if verdict == _GONE:
                return True
            if self.clock.now() + pause > deadline:
                raise exception.DeadlineExceeded(awaited, patience, "it is still there")
            self.clock.sleep(pause)
            pause = min(pause * 2, 10.0)

    def _awaited(self, thing: str, refusal: Exception | None) -> str:
        said = f" ({str(refusal).rstrip('.')})" if refusal else ""
        return f"the end of {self.kind} {thing}{said}"

    def _judge(self, thing: str, refusal: exception.ManilaRefused | None) -> Callable[[Any], Any]:
        def judge(view: View | None) -> Any:
            if view is None:
                return _GONE
            status = view["status"]
            if status in self.stuck:
                raise exception.NeedsAdministrator(
                    self.kind, thing, status, self.cure.format(id=thing)
                )
            # Still (or again) deletable: refused for a reason that is not its status, or the
            # deletion failed on the way and Manila put it back.
            return _AGAIN if status in self.deletable else PENDING

        return judge
