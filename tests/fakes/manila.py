# SPDX-License-Identifier: Apache-2.0
"""A Manila in memory, with the face of :class:`karbor_manila.manila.client.Manila`.

It keeps the rules that the drivers rely on (facts of Manila 23): a snapshot needs an available
share whose type supports it, deletes only from available or error, a 202 is not the end. Time is a
:class:`FakeClock`: what takes time advances with it. Faults are planned by method name; a test that
plans one that is never hit fails (see :meth:`FakeManila.assert_hit`).
"""

import datetime
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.client import EVERY_PROJECT, Features
from karbor_manila.manila.errors import ManilaRefused, NotAdministrator
from karbor_manila.manila.paging import Listing
from tests.fakes.access import LATER, FakeAccess
from tests.fakes.backups import FakeBackups
from tests.fakes.cloud import (
    TAKEN_OVER,
    Cloud,
    Died,
    FakeClock,
    Fault,
    check_clone,
    has,
    refused,
    transient,
)
from tests.fakes.groups import FakeGroups
from tests.fakes.placement import FakePlacement, check_key, check_locks, check_name
from tests.fakes.snapshot_access import FakeSnapshotAccess

__all__ = ["Cloud", "Died", "FakeClock", "FakeManila", "Fault", "refused", "transient"]

View = dict[str, Any]


class FakeManila(FakeAccess, FakePlacement, FakeSnapshotAccess, FakeBackups, FakeGroups):
    """A session in a :class:`Cloud`.

    :param project_id: the session's own project
    :param administrator: shows and deletes by id reach every project, lists of others are given
    :param works_for: the project whose things are worked on, when it is another one or all
    """

    endpoint = "http://manila.invalid/v2"
    parallel = 10

    def __init__(
        self,
        cloud: Cloud,
        project_id: str,
        microversion: str = "2.98",
        *,
        administrator: bool = False,
        works_for: str | None = None,
    ) -> None:
        self._cloud = cloud
        self.own_project_id = self._project = project_id
        self._administrator = administrator
        self._works_for = works_for
        self.features = Features(microversion)
        self.guard: Callable[[], None] = lambda: None

    @property
    def project_id(self) -> str:
        return self._works_for or self.own_project_id

    @property
    def reach(self) -> str:
        return EVERY_PROJECT if self._works_for else self.own_project_id

    def shares(
        self,
        *,
        status: str | None = None,
        metadata: Mapping[str, str] | None = None,
        project_id: str | None = None,
    ) -> Listing:
        return self._call(
            "shares",
            lambda: self._listing(
                project_id,
                [
                    dict(view)
                    for view in self._settled("shares").values()
                    if self._lists(view, project_id)
                    and has(view, metadata)
                    and status in (None, view["status"])
                ],
            ),
        )

    def mounted_shares(
        self, ids: Collection[str], *, metadata: Mapping[str, str], project_id: str
    ) -> Listing:
        views = self.shares(metadata=metadata, project_id=project_id)
        return Listing(
            {name: value for name, value in view.items() if name not in LATER}
            | {"export_locations": self._paths(view)}
            for view in views
        )

    def share(self, share_id: str) -> View | None:
        return self._call("share", lambda: self._one("shares", share_id))

    def snapshots(
        self,
        *,
        metadata: Mapping[str, str] | None = None,
        share_id: str | None = None,
        project_id: str | None = None,
        most: int | None = None,
    ) -> Listing:
        assert not metadata or self.features.snapshot_metadata
        return self._call(
            "snapshots",
            lambda: self._listing(
                project_id,
                [
                    dict(view)
                    for view in self._settled("snapshots").values()
                    if self._lists(view, project_id)
                    and has(view, metadata)
                    and share_id in (None, view["share_id"])
                ],
            ),
        )

    def snapshot(self, snapshot_id: str) -> View | None:
        return self._call("snapshot", lambda: self._one("snapshots", snapshot_id))

    def create_snapshot(
        self,
        share_id: str,
        *,
        name: str | None,
        description: str | None,
        force: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> View:
        def create() -> View:
            share = self._one("shares", share_id)
            if share is None:
                raise ManilaRefused("snapshot", 404, "Share could not be found")
            if share["status"] != "available":
                raise ManilaRefused("snapshot", 400, f"Share is {share['status']}")
            if not share["snapshot_support"]:  # manila/api/v2/share_snapshots.py, create
                raise ManilaRefused("snapshot", 422, "it does not have that capability")
            assert not metadata or self.features.snapshot_metadata
            view = {
                "id": str(uuid.uuid4()),
                "name": name,
                "description": description,
                "share_id": share_id,
                "size": share["size"],
                "project_id": self._project,
                "metadata": dict(metadata or {}),
                "status": "creating",
                "created_at": self._now(),
                "_text": share.get("_text", ""),
            }
            self._begin("create_snapshot", view, share_id)
            self._cloud.snapshots[view["id"]] = view
            return dict(view) | {"request_id": f"req-{view['id']}"}

        return self._call("create_snapshot", create)

    def delete_snapshot(self, snapshot_id: str) -> bool:
        def delete() -> bool:
            view = self._settled("snapshots").get(snapshot_id)
            if view is None or not self._reaches(view):
                return False
            if view["status"] not in ("available", "error"):
                raise ManilaRefused("delete", 400, f"snapshot is {view['status']}")
            view["status"] = "deleting"
            self._begin("delete_snapshot", view, view["share_id"])
            for share in self._settled("shares").values():
                if share["snapshot_id"] == snapshot_id and share["status"].startswith("creating"):
                    share["_fails"] = True  # a clone does not survive its source
            return True

        return self._call("delete_snapshot", delete)

    def create_share(self, **fields: Any) -> View:
        def create() -> View:
            if "snapshot_id" not in fields:
                return self._create_empty_share(fields)
            source = self._one("snapshots", fields["snapshot_id"])
            if source is None or source["status"] != "available":
                raise ManilaRefused("create", 400, "snapshot must be available")
            if fields["size"] < source["size"]:  # manila/share/api.py, create
                raise ManilaRefused("create", 400, "that is too small")
            parent = self._existing(source["share_id"])
            check_clone(parent, fields)
            check_name(self._cloud, parent, fields, self._project, self.features)
            check_key(fields)
            taken_over = {name: parent[name] for name in TAKEN_OVER}
            # A status of its own since 2.54.
            new = "creating_from_snapshot" if self.features.creating_from_snapshot else "creating"
            view = self._cloud.add_share(
                self._project,
                **fields | taken_over | {"status": new, "_text": source.get("_text", "")},
            )
            self._begin("create_share", view, source["share_id"])
            return dict(view) | {"request_id": f"req-{view['id']}"}

        return self._call("create_share", create)

    def delete_share(
        self, share_id: str, share_group_id: str | None = None, *, force: bool = False
    ) -> bool:
        def delete() -> bool:
            view = self._settled("shares").get(share_id)
            if view is None or not self._reaches(view):
                return False
            self._check_deletion(view, share_group_id)
            forced = force and self._administrator
            if view["status"] not in ("available", "error") and not forced:
                raise ManilaRefused("delete", 403, f"share is {view['status']}")
            check_locks(self._cloud, share_id)
            kept = [*self._settled("snapshots").values(), *self._settled_backups().values()]
            if any(snapshot["share_id"] == share_id for snapshot in kept):
                raise ManilaRefused("delete", 403, "Share still has dependents")
            view["status"] = "deleting"
            self._begin("delete_share", view, share_id)
            return True

        return self._call("delete_share", delete)

    def revert_share(self, share_id: str, snapshot_id: str) -> None:
        """The checks of manila/api/v2/shares.py (_revert), in their order."""

        def revert() -> None:
            share = self._settled("shares")[self._existing(share_id)["id"]]
            snapshot = self._settled("snapshots").get(snapshot_id)
            if snapshot is None or not share["revert_to_snapshot_support"]:
                raise ManilaRefused("revert", 400, "no such snapshot or capability")
            if snapshot["share_id"] != share_id:
                raise ManilaRefused("revert", 400, "Snapshot is not associated")
            for view in (share, snapshot):
                if view["status"] != "available":
                    raise ManilaRefused("revert", 409, f"it is {view['status']}")
            # In every project, of every status.
            of_share = [
                view for view in self._cloud.snapshots.values() if view["share_id"] == share_id
            ]
            if max(of_share, key=lambda view: str(view["created_at"]))["id"] != snapshot_id:
                raise ManilaRefused("revert", 409, "it is not the most recent snapshot")
            if share["access_rules_status"] != "active":
                raise ManilaRefused("revert", 409, "access rules are not active")
            share["status"] = "reverting"
            snapshot["status"] = "restoring"
            share["_text_then"] = snapshot["_text"]
            share["_size_then"] = snapshot["size"]
            self._begin("revert_share", share, share_id)
            # A snapshot is available again whatever became of the share.
            snapshot["_until"], snapshot["_fails"] = share["_until"], False

        return self._call("revert_share", revert)

    def export_locations(self, share_id: str) -> list[str]:
        return self._call("export_locations", lambda: self._paths(self._existing(share_id)))

    @staticmethod
    def _paths(share: View) -> list[str]:
        making = share["status"].startswith("creating")
        return [] if making else [f"127.0.0.1:/shares/{share['id']}"]

    def _existing(self, share_id: str) -> View:
        share = self._one("shares", share_id)
        if share is None:
            raise ManilaRefused("show", 404, "Share could not be found")
        return share

    def limits(self) -> dict[str, int]:
        return self._call("limits", lambda: dict(self._cloud.limits))

    def messages(self, **filters: str) -> list[View]:
        return self._call(
            "messages",
            lambda: [
                message
                for message in self._cloud.messages
                if all(message.get(name) == value for name, value in filters.items())
            ],
        )

    def require_administrator(self, project_id: str | None = None) -> None:
        self._call("require_administrator", lambda: self._prove(project_id))

    def _prove(self, project_id: str | None) -> None:
        if not self._administrator:
            raise NotAdministrator("Policy doesn't allow it", project_id)

    def is_alive(self) -> bool:
        try:
            self.limits()
        except KarborManilaError:
            return False
        return True

    def _call(self, method: str, work: Callable[[], Any]) -> Any:
        for action in self._cloud.meanwhile.pop(method, ()):
            action()
        if method.partition("_")[0] in _CHANGING:
            self.guard()
        with self._cloud.lock:  # drivers ask side by side
            self._cloud.calls.append(method)
            self._raise(method, after=False)
            result = work()
            self._raise(method, after=True)
        return result

    def _raise(self, method: str, *, after: bool) -> None:
        due = [fault for fault in self._cloud.faults if fault.due(method, after=after)]
        if due:
            raise due[0].error()

    def _begin(self, method: str, view: View, share_id: str) -> None:
        """What the backend does ends after ``seconds[method]``; for a failing share, in error."""
        view["_until"] = self._cloud.clock.now() + self._cloud.seconds.get(method, 0.0)
        view["_fails"] = f"{method} {share_id}" in self._cloud.failing
        if view["_fails"]:
            # Filed under an instance that a tenant cannot see: only the request leads to it.
            self._cloud.messages.append(
                {
                    "request_id": f"req-{view['id']}",
                    "user_message": f"{method}: the backend is full",
                }
            )

    def _now(self) -> str:
        """As Manila writes it: UTC without saying so; none twice, and none in the future."""
        moment = self._cloud.clock.utcnow() + datetime.timedelta(
            milliseconds=-500, microseconds=next(self._cloud.counter)
        )
        return moment.replace(tzinfo=None).isoformat()

    def _settled(self, kind: str) -> dict[str, View]:
        self._settled_backups()
        things: dict[str, View] = getattr(self._cloud, kind)
        for thing, view in list(things.items()):
            if self._cloud.clock.now() < view.get("_until", float("inf")):
                continue
            del view["_until"]
            if view["status"] == "deleting" and not view["_fails"]:
                del things[thing]
            elif view["status"] == "deleting":
                view["status"] = "error" if "group" in kind else "error_deleting"
            elif view["status"] == "reverting":
                view["status"] = "reverting_error" if view["_fails"] else "available"
                then, size = view.pop("_text_then"), view.pop("_size_then")
                if not view["_fails"]:
                    view["_text"], view["size"] = then, size
            else:
                view["status"] = "error" if view["_fails"] else "available"
        return things

    def _one(self, kind: str, thing: str) -> View | None:
        view = self._settled(kind).get(thing)
        seen = view and (self._reaches(view) or view.get("is_public"))
        return dict(view) if view and seen else None

    def _lists(self, view: View, project_id: str | None) -> bool:
        whose = project_id or self.project_id
        if whose != self.own_project_id:
            self._prove(whose)
        return whose in (EVERY_PROJECT, view["project_id"])

    def _listing(self, project_id: str | None, views: list[View]) -> Listing:
        """As the client: the number is not asked for with another project's id."""
        whose = project_id or self.project_id
        counted = self.features.counts and whose in (EVERY_PROJECT, self.own_project_id)
        seen = [view for view in views if view["id"] not in self._cloud.hidden]
        return Listing(seen, whole=counted and (self._cloud.hides_well or seen == views))

    def _reaches(self, view: View) -> bool:
        return bool(self._administrator or view["project_id"] == self._project)


# What the first word of a method that changes something is.
_CHANGING = frozenset({"create", "delete", "revert", "allow", "deny", "restore", "update", "set"})
