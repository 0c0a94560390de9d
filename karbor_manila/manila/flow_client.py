# SPDX-License-Identifier: Apache-2.0
"""Manila as one flow uses it: retries, pollers, lists that serve all of the flow, reasons."""

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from karbor_manila.common.clock import Clock
from karbor_manila.common.lazy import Once
from karbor_manila.common.polling import PENDING, Poller
from karbor_manila.common.retry import retry
from karbor_manila.manila import statuses, user_messages
from karbor_manila.manila.client import Manila
from karbor_manila.manila.errors import ResourceFailed
from karbor_manila.manila.lists import Lists
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.ownership import KINDS, SHARE, SNAPSHOT, Ownership, many_of
from karbor_manila.manila.timeouts import Timeouts
from karbor_manila.manila.views import View

T = TypeVar("T")


class FlowClient:
    """The client of one flow, and what all who use it have in common.

    The session may be an administrator's, which reaches every project: what belongs to another
    project than a method names is never removed, adopted or restored from.

    :param manila: the flow's client
    :param timeouts: how long what may take
    :param expected: how many shares the flow has
    """

    def __init__(
        self,
        manila: Manila,
        timeouts: Timeouts | None = None,
        expected: int = 1,
        clock: Clock | None = None,
    ) -> None:
        self.manila = manila
        self.timeouts = timeouts or Timeouts()
        self.expected = expected
        self.clock = clock or Clock()
        #: Makes what the resources of the flow share; the first to ask makes it.
        self.once = Once(self.clock, self.timeouts.outage)
        self.ownership = Ownership(manila, self.retry)
        self.lists = {kind: Lists(self, kind) for kind in KINDS}
        self._pollers: list[Poller] = []
        self._not_awaited: set[str] = set()
        self._requests: dict[str, str | None] = {}

    def retry(self, attempt: Callable[[], T]) -> T:
        """Retry transient errors for as long as an outage may take."""
        return retry(
            attempt,
            timeout=self.timeouts.outage,
            attempt_takes=self.timeouts.request,
            clock=self.clock,
        )

    def poller(
        self,
        look: Callable[[Collection[str]], Mapping[str, View | None]],
        expected: int | None = None,
    ) -> Poller:
        """A poller over what the flow waits for, which knows who will not wait.

        :param look: gives the views of those with these ids, None for what is not there
        :param expected: how many are waited for in all; by default one for each share of the flow
        """
        made = Poller(
            look,
            expected=expected or self.expected,
            shortest=self.timeouts.poll_min,
            longest=self.timeouts.poll_max,
            look_takes=self.timeouts.request,
            clock=self.clock,
        )
        self._pollers.append(made)
        for name in sorted(self._not_awaited):
            made.no_wait(name)
        return made

    def no_wait(self, name: str) -> None:
        """A share of the flow (by its id) will not be waited for; pollers look rarely until all of
        the flow's shares are waited for or announced so."""
        self._not_awaited.add(name)
        for poller in list(self._pollers):
            poller.no_wait(name)

    def with_mark(
        self, kind: str, wanted: Mark, project_id: str | None = None, *, fresh: bool
    ) -> list[View]:
        """The things of a kind (shares, snapshots) that bear exactly this mark in a project.

        :param project_id: by default the one that the client works on
        :param fresh: look now; else one list serves all of the flow, as it was at the first look
        :raises NotAdministrator: the session does not see what that project has
        """
        whose = project_id or self.manila.project_id
        self.ownership.require(whose)
        if not fresh:
            views = self.lists[kind].of_flow(wanted, whose)
            return self.ownership.with_mark(kind, wanted, views, whose)
        forms: list[Mapping[str, str]] = [{}]
        if self.has_metadata(kind):
            forms = [wanted.metadata(), wanted.metadata_of_before()]
        many = many_of(self.manila, kind)
        found: dict[str, View] = {}
        for form in forms:
            ask = functools.partial(many, metadata=form or None, project_id=whose)
            found |= {str(view["id"]): view for view in self.retry(ask)}
        return self.ownership.with_mark(kind, wanted, list(found.values()), whose)

    def has_metadata(self, kind: str) -> bool:
        """Whether marks stand in the metadata, and lists can be filtered by it."""
        tagged = self.manila.features.snapshot_metadata
        return kind == SHARE or (kind == SNAPSHOT and tagged)

    def note_request(self, view: View) -> None:
        """Remember which request made something: Manila's message of a failure may be filed under
        that alone."""
        self._requests[str(view["id"])] = view.get("request_id")

    def reason(self, resource_id: str) -> str:
        """Manila's words on what became of something; empty when it has none."""
        request_id = self._requests.get(resource_id)
        return user_messages.reason(self.manila, resource_id, request_id, self.clock)

    def until_available(self, kind: str, resource_id: str, final: Collection[str]) -> Any:
        """A judge for a poller: gives the view once it is available.

        :param final: the statuses that do not become ``available``, which raise ResourceFailed
        """

        def judge(view: View | None) -> Any:
            if view is None:
                raise ResourceFailed(kind, resource_id, "gone", "it was removed meanwhile")
            if view["status"] == statuses.AVAILABLE:
                return view
            if view["status"] in final:
                raise ResourceFailed(kind, resource_id, view["status"], self.reason(resource_id))
            return PENDING

        return judge
