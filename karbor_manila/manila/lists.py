# SPDX-License-Identifier: Apache-2.0
"""The lists of one flow: what they showed, when, and what they prove.

A view in a list is as good as one that is asked for by its id, for a while. Absence is another
matter: a list is read page by page while others create and delete, and something between Manila and
us may lag or cut it. So what is being removed counts as gone by lists only when two of them, one
after the other, do not have it, both known to be whole: the flow's short one, by marks, and then
one of all that the project has, because a tenant can take a mark off. The second follows at once
when most is gone. It protects from one that was cut, not from something that gives the same wrong
answer twice; so when it shows nothing that is waited for, one thing is asked for by its id, too.
All else that a list leaves out is asked for by its id.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oslo_log import log as logging

from karbor_manila.common.turns import taking_turns
from karbor_manila.manila import lookup, marks, statuses
from karbor_manila.manila.errors import ManilaRefused, ManilaTransient, NotAdministrator
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.ownership import many_of, one_of
from karbor_manila.manila.paging import Listing
from karbor_manila.manila.views import View

if TYPE_CHECKING:
    from karbor_manila.manila.flow_client import FlowClient

LOG = logging.getLogger(__name__)

#: Seconds for which a view in a list is as good as one that is asked for by its id.
RECENT = 60.0

# What a short list does not have is looked for in the long one when it is so many times what is
# still there, or after so many looks: a long list is a request for each thousand.
_MOST = 3
_LOOKS = 5

# A page of a thousand views is at least as much work for Manila as so many views by their ids.
_A_PAGE = 10


@dataclass(frozen=True)
class _Place:
    """The short list that has something: of which project, by which metadata."""

    whose: str
    scope: tuple[tuple[str, str], ...] = ()


class Lists:
    """The lists of one kind of things (shares, snapshots) of one flow.

    :param client: the flow's client
    :param kind: of what
    """

    def __init__(self, client: "FlowClient", kind: str) -> None:
        self._client = client
        self._kind = kind
        self._one = one_of(client.manila, kind)
        self._many = many_of(client.manila, kind)
        #: What lists have shown, and when they were asked for, by the flow's clock.
        self._seen: dict[str, tuple[View, float]] = {}
        self._places: dict[str, _Place] = {}
        #: Shares whose export locations are wanted, and those that lists have shown.
        self._to_mount: set[str] = set()
        self._paths: dict[str, list[str]] = {}
        #: What Manila has accepted to delete.
        self._leaving: set[str] = set()
        #: Looks since the last proof in which some of that was missing.
        self._unproven = 0
        self._lists_lie = False

    def of_flow(self, mark: Mark, whose: str) -> list[View]:
        """What bears a mark in a project, as it was at the first look of the flow. The marks of
        that list are read once, not for each share of the flow."""
        place = self._place(mark, whose)
        key = (self._kind, place, "marks")
        marked = self._client.once(key, lambda: _by_mark(self._list(place, "first")))
        return marked.get(mark, [])

    def recent(self, resource_id: str, project_id: str) -> View | None:
        """As :meth:`.ownership.Ownership.show`, or as a list of this flow showed it at most
        :data:`RECENT` seconds ago.

        What a session may remove that reaches other projects, too, is always asked for by its id: a
        share may be transferred at any time.
        """
        client, place = self._client, self._places.get(resource_id)
        clock = client.clock
        own = place and project_id == client.manila.own_project_id == place.whose
        if place and own and not self._may_reach_others():
            view, asked = self._seen.get(resource_id, ({}, -RECENT))
            if clock.now() - asked > RECENT:
                self._list(place, int(clock.now() // RECENT))
                view, asked = self._seen.get(resource_id, ({}, -RECENT))
            if clock.now() - asked <= RECENT and view.get("project_id"):
                return view if client.ownership.is_of(self._kind, view, project_id) else None
        return client.ownership.show(self._kind, resource_id, project_id)

    def _may_reach_others(self) -> bool:
        """Whether this is an administrator's session; asked once for a flow, unless that has so few
        that each of them is asked for."""
        client = self._client
        if client.expected <= lookup.FEW:
            return True

        def asked() -> bool:
            try:
                client.retry(client.manila.require_administrator)
            except NotAdministrator:
                return False
            except ManilaRefused as refused:
                LOG.info("Whether this session is an administrator's is not known: %s", refused)
            return True

        return client.once("may reach others", asked)

    def note_marked(self, resource_id: str, mark: Mark, whose: str) -> None:
        """This bears a mark: a short list has it. If it does not, it is asked for by its id."""
        self._places[resource_id] = self._place(mark, whose)

    def note_to_mount(self, resource_id: str) -> None:
        """The export locations of this share will be wanted; :meth:`path` may have them."""
        self._to_mount.add(resource_id)

    def path(self, resource_id: str) -> str | None:
        """The export location of a share that is available, if lists have shown it to have one and
        no other: of several it is not told which a tenant may mount, and which is preferred."""
        paths = self._paths.get(resource_id, [])
        return paths[0] if len(paths) == 1 else None

    def note_leaving(self, resource_id: str) -> None:
        """Manila has accepted to delete this snapshot of the session's own project."""
        self._leaving.add(resource_id)

    def look(self, ids: Collection[str]) -> Mapping[str, View | None]:
        """Many as they are now, None for what is not there; without an entry for what is leaving
        and was not in this list, as long as that proves nothing."""
        if len(ids) <= lookup.FEW:
            return self._each(ids)
        listed = self._many_of(ids)
        known: dict[str, View | None] = {str(view["id"]): view for view in listed}
        known = {each: known[each] for each in ids if each in known}
        missing = set(ids) - known.keys()
        leaving = missing & self._leaving if listed.whole and not self._lists_lie else set()
        self._unproven += bool(leaving)
        if leaving and (len(leaving) >= _MOST * len(known) or self._unproven >= _LOOKS):
            self._unproven = 0
            known |= self._prove(leaving, ids)
        return known | self._each(missing - leaving)

    def _prove(self, missing: Collection[str], ids: Collection[str]) -> dict[str, View | None]:
        """What a whole short list did not have, as it is.

        :param ids: all that are waited for
        """
        if self._client.expected <= _A_PAGE:
            return self._each(missing)
        own, most = self._client.manila.own_project_id, max(1, len(missing) // _A_PAGE)
        listed = self._client.manila.snapshots(project_id=own, most=most)
        if not listed.whole:
            return self._each(missing)
        seen = {str(view["id"]): view for view in listed}
        if seen.keys().isdisjoint(ids):
            probe = min(missing)
            if self._one(probe) is not None:
                LOG.warning("A list does not show %s %s, which is there", self._kind, probe)
                self._lists_lie = True
                return self._each(missing)
        return {each: seen.get(each) for each in missing}

    def _each(self, ids: Collection[str]) -> dict[str, View | None]:
        return {each: self._one(each) for each in ids}

    def _many_of(self, ids: Collection[str]) -> Listing:
        """The shortest list that shows these."""
        places = {self._places.get(each) for each in ids}
        place = places.pop() if len(places) == 1 else None
        if place and place.scope and self._to_mount.issuperset(ids):
            try:
                return self._mounted(ids, place)
            except (ManilaRefused, ManilaTransient) as error:
                # What is waited for must not fail for what is only told of it. In an outage the
                # next request fails, too, and the look is repeated with this one.
                views = self._many_at(place)
                LOG.info("The shares are listed without their export locations: %s", error)
                self._to_mount.clear()
                return views
        return self._many_at(place) if place else self._many()

    def _mounted(self, ids: Collection[str], place: _Place) -> Listing:
        metadata = dict(place.scope)
        ask = self._client.manila.mounted_shares
        views = ask(ids, metadata=metadata, project_id=place.whose)
        for view in views:
            if view.get("status") == statuses.AVAILABLE:
                self._paths[str(view["id"])] = list(view.get("export_locations") or [])
        return views

    def _many_at(self, place: _Place) -> Listing:
        return self._many(metadata=dict(place.scope) or None, project_id=place.whose)

    def _place(self, mark: Mark, whose: str) -> _Place:
        scope = mark.scope() if self._client.has_metadata(self._kind) else {}
        return _Place(whose, tuple(scope.items()))

    def _list(self, place: _Place, when: object) -> list[View]:
        """One list for all of the flow who ask at a time (``when``)."""
        client = self._client

        def listed() -> list[View]:
            asked = client.clock.now()
            views = client.retry(lambda: self._many_at(place))
            for view in views:
                self._seen[str(view["id"])] = view, asked
                self._places[str(view["id"])] = place
            return views

        return client.once((self._kind, place, when), listed)


def _by_mark(views: Collection[View]) -> dict[Mark, list[View]]:
    marked: dict[Mark, list[View]] = {}
    for view in taking_turns(views):
        mark = marks.read(view)
        if mark is not None:
            marked.setdefault(mark, []).append(view)
    return marked
