# SPDX-License-Identifier: Apache-2.0
"""Removal from Manila until it is seen to be gone; a DELETE is accepted before (202)."""

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.clock import Clock, Deadline, queued
from karbor_manila.common.errors import DeadlineExceeded
from karbor_manila.common.polling import PENDING, Poller
from karbor_manila.common.retry import retry
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import ManilaRefused, NeedsAdministrator
from karbor_manila.manila.ownership import Ownership
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)

_GONE = "gone"
_AGAIN = "again"

# Refusals of what is in its present status; a 403 may also be one of policy.
_OF_ITS_STATUS = frozenset({400, 409})


@dataclass(frozen=True)
class Removal:
    """How shares, or snapshots, are removed.

    ``delete`` asks Manila and returns False when there is nothing (404). ``depends`` says of a view
    in a deletable status whether something depends on it, which Manila refuses with the same
    HTTP 403 as policy does. ``stuck`` are the statuses that only an administrator can end, with the
    command in ``cure`` (``{id}`` is filled in). ``first_look`` shows what a project has by its id,
    None when there is nothing, and may be a minute old; by default it is asked for. ``locked``
    gives what is raised in place of a final refusal when a lock is behind it. ``outage`` and
    ``attempt_takes`` (of one request) are in seconds.
    """

    kind: str
    ownership: Ownership
    delete: Callable[[str], bool]
    poller: Poller
    deletable: Collection[str]
    stuck: Collection[str]
    depends: Callable[[View], bool]
    cure: str
    outage: float
    clock: Clock
    first_look: Callable[[str, str], View | None] | None = None
    locked: Callable[[ManilaRefused, str], ManilaRefused | None] = lambda _refused, _id: None
    attempt_takes: float = 60.0

    def until_gone(self, resource_id: str, timeout: float, project_id: str) -> bool:
        """Remove a share or snapshot by its id and wait until it is gone.

        :param timeout: seconds
        :param project_id: whose it is; another project's is left alone, and counts as gone
        :returns: False when there was nothing to remove in the first place
        :raises NotAdministrator: the session does not see what the project has
        :raises NeedsAdministrator, DeadlineExceeded, ManilaRefused, ManilaUnavailable:
        """
        deadline = Deadline(timeout, self.clock)
        pause = 0.5
        asked = False
        look = self.first_look or functools.partial(self.ownership.show, self.kind)
        while True:
            view = look(resource_id, project_id)
            look = functools.partial(self.ownership.show, self.kind)
            if view is None or view["status"] in statuses.DEFERRED:
                return asked  # Manila does it, if it is deferred
            refusal = self._ask(resource_id, deadline, project_id)
            asked = asked or refusal is None
            if self._wait(resource_id, refusal, deadline, timeout, project_id) == _GONE:
                return True
            if pause > deadline.left:
                awaited = self._awaited(resource_id, refusal)
                raise DeadlineExceeded(awaited, timeout, "it is still there")
            deadline.spend(functools.partial(self.clock.sleep, pause), pause)
            pause = min(pause * 2, 10.0)

    def _ask(self, resource_id: str, deadline: Deadline, project_id: str) -> ManilaRefused | None:
        """Ask Manila to delete it; gives the refusal if it may be another answer later."""
        began, waited = self.clock.now(), queued()
        try:
            retry(
                lambda: self.delete(resource_id),
                timeout=self.outage,
                attempt_takes=self.attempt_takes,
                clock=self.clock,
            )
        except ManilaRefused as refused:
            if not self._may_be_taken_later(refused, resource_id, project_id):
                raise self.locked(refused, resource_id) or refused from None
            LOG.info("%s %s cannot be deleted yet: %s", self.kind, resource_id, refused)
            return refused
        finally:
            deadline.forgive(began, self.outage + self.attempt_takes + queued() - waited)
        return None

    def _may_be_taken_later(
        self, refused: ManilaRefused, resource_id: str, project_id: str
    ) -> bool:
        """Whether a refusal may be another answer later. One of policy is the same for ever."""
        if refused.status != 403:
            return refused.status in _OF_ITS_STATUS
        view = self.ownership.show(self.kind, resource_id, project_id)
        return view is None or view["status"] not in self.deletable or self.depends(view)

    def _wait(
        self,
        resource_id: str,
        refusal: ManilaRefused | None,
        deadline: Deadline,
        timeout: float,
        project_id: str,
    ) -> str:
        """Wait until it is gone, or can be asked for again."""
        awaited, left = self._awaited(resource_id, refusal), max(0.0, deadline.left)
        judge = self._judge(resource_id, project_id)
        began, waited = self.clock.now(), queued()
        try:
            begun = refusal is None
            return str(self.poller.wait(resource_id, judge, left, awaited, begun=begun))
        except DeadlineExceeded as late:
            raise DeadlineExceeded(awaited, timeout, late.last_seen) from late
        finally:
            deadline.forgive(began, left + queued() - waited)

    def _awaited(self, resource_id: str, refusal: Exception | None) -> str:
        refused = f" ({str(refusal).rstrip('.')})" if refusal else ""
        return f"the removal of {self.kind} {resource_id}{refused}"

    def _judge(self, resource_id: str, project_id: str) -> Callable[[Any], Any]:
        def judge(view: View | None) -> Any:
            if view is None or not self.ownership.is_of(self.kind, view, project_id):
                return _GONE
            status = view["status"]
            if status in statuses.DEFERRED:
                return _GONE  # as for its users, whoever asks
            if status in self.stuck:
                raise NeedsAdministrator(
                    self.kind, resource_id, status, self.cure.format(id=resource_id)
                )
            # Still (or again) deletable: refused for a reason that is not its status, or the
            # deletion failed on the way and Manila put it back.
            return _AGAIN if status in self.deletable else PENDING

        return judge
