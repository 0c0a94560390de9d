# SPDX-License-Identifier: Apache-2.0
"""Share groups and their snapshots in the fake Manila, by the rules of Manila 23
(manila/share_group/api.py, manila/api/v2/share_groups.py, share_group_snapshots.py)."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.manila.paging import Listing
from tests.fakes.cloud import TAKEN_OVER, Cloud

View = dict[str, Any]


class FakeGroups:
    """What :class:`.manila.FakeManila` answers of share groups."""

    _cloud: Cloud
    _project: str
    _call: Callable[..., Any]
    _listing: Callable[..., Listing]
    _lists: Callable[..., bool]
    _settled: Callable[[str], dict[str, View]]
    _one: Callable[[str, str], View | None]
    _reaches: Callable[[View], bool]
    _begin: Callable[..., None]
    _now: Callable[[], str]

    # -- looking ------------------------------------------------------------------------------

    def share_groups(
        self, *, metadata: Mapping[str, str] | None = None, project_id: str | None = None
    ) -> Listing:
        return self._many("share_groups", "groups", metadata, project_id)

    def share_group(self, group_id: str) -> View | None:
        return self._call("share_group", lambda: self._one("groups", group_id))

    def share_group_snapshots(
        self, *, metadata: Mapping[str, str] | None = None, project_id: str | None = None
    ) -> Listing:
        return self._many("share_group_snapshots", "group_snapshots", metadata, project_id)

    def share_group_snapshot(self, snapshot_id: str) -> View | None:
        return self._call("share_group_snapshot", lambda: self._one("group_snapshots", snapshot_id))

    def shares_of_group(self, group_id: str, *, project_id: str | None = None) -> Listing:
        return self._call(
            "shares_of_group",
            lambda: self._listing(
                project_id,
                [dict(view) for view in self._inside(group_id) if self._lists(view, project_id)],
            ),
        )

    def _many(
        self,
        method: str,
        kind: str,
        metadata: Mapping[str, str] | None,
        project_id: str | None,
    ) -> Listing:
        assert not metadata, "groups have no metadata"
        return self._call(
            method,
            lambda: self._listing(
                project_id,
                [
                    dict(view)
                    for view in self._settled(kind).values()
                    if self._lists(view, project_id)
                ],
            ),
        )

    def _inside(self, group_id: str) -> list[View]:
        every = self._settled("shares").values()
        return [view for view in every if view["share_group_id"] == group_id]

    # -- group snapshots ----------------------------------------------------------------------

    def create_share_group_snapshot(
        self, share_group_id: str, *, name: str, description: str
    ) -> View:
        def create() -> View:
            group = self._one("groups", share_group_id)
            if group is None:
                raise ManilaRefused("snapshot", 400, "Share group could not be found")
            if group["status"] != "available":
                raise ManilaRefused("snapshot", 409, "Share group status must be available")
            inside = self._inside(share_group_id)
            if any(share["status"] != "available" for share in inside):
                raise ManilaRefused("snapshot", 409, "Share in share group must be available")
            view = {
                "id": str(uuid.uuid4()),
                "name": name,
                "description": description,
                "share_group_id": share_group_id,
                "project_id": self._project,
                "status": "creating",
                "created_at": self._now(),
                "members": [
                    {"id": str(uuid.uuid4()), "share_id": share["id"], "size": share["size"]}
                    for share in inside
                ],
                "_texts": {share["id"]: share.get("_text", "") for share in inside},
            }
            self._begin("create_share_group_snapshot", view, share_group_id)
            self._cloud.group_snapshots[view["id"]] = view
            # No members yet: manila/api/v2/share_group_snapshots.py (_create).
            return dict(view) | {"members": [], "request_id": f"req-{view['id']}"}

        return self._call("create_share_group_snapshot", create)

    def delete_share_group_snapshot(self, snapshot_id: str) -> bool:
        def delete() -> bool:
            view = self._settled("group_snapshots").get(snapshot_id)
            if view is None or not self._reaches(view):
                return False
            if view["status"] not in ("available", "error"):
                raise ManilaRefused("delete", 409, f"group snapshot is {view['status']}")
            view["status"] = "deleting"
            self._begin("delete_share_group_snapshot", view, view["share_group_id"])
            for group in self._settled("groups").values():
                made_of = group["source_share_group_snapshot_id"] == snapshot_id
                if made_of and group["status"] == "creating":
                    group["_fails"] = True
                    for share in self._inside(group["id"]):
                        share["_fails"] = True
            return True

        return self._call("delete_share_group_snapshot", delete)

    # -- groups -------------------------------------------------------------------------------

    def create_share_group(self, **fields: Any) -> View:
        """From a group snapshot, as karbor-manila asks; tests make others in the cloud."""

        def create() -> View:
            source = self._one("group_snapshots", fields["source_share_group_snapshot_id"])
            if source is None:
                raise ManilaRefused("create", 400, "Share group snapshot could not be found")
            if source["status"] != "available":
                raise ManilaRefused("create", 409, "Share group snapshot must be available")
            original = self._cloud.groups[source["share_group_id"]]
            if fields["share_group_type_id"] != original["share_group_type_id"]:
                raise ManilaRefused("create", 400, "share types must be a subset")
            view = self._cloud.add_group(self._project, **fields | {"status": "creating"})
            self._begin("create_share_group", view, original["id"])
            for member in source["members"]:
                self._add_member(view, source, member)
            return dict(view) | {"request_id": f"req-{view['id']}"}

        return self._call("create_share_group", create)

    def _add_member(self, group: View, source: View, member: View) -> None:
        parent = self._cloud.shares[member["share_id"]]
        share = self._cloud.add_share(
            self._project,
            **{name: parent[name] for name in TAKEN_OVER},
            name=None,
            size=member["size"],
            status="creating",
            share_group_id=group["id"],
            source_share_group_snapshot_member_id=member["id"],
            _text=source["_texts"].get(member["share_id"], ""),
        )
        share["_until"], share["_fails"] = group["_until"], group["_fails"]

    def delete_share_group(self, group_id: str) -> bool:
        def delete() -> bool:
            view = self._settled("groups").get(group_id)
            if view is None or not self._reaches(view):
                return False
            if view["status"] not in ("available", "error"):
                raise ManilaRefused("delete", 409, f"share group is {view['status']}")
            kept = self._settled("group_snapshots").values()
            if any(snapshot["share_group_id"] == group_id for snapshot in kept):
                raise ManilaRefused("delete", 409, "Cannot delete a share group with snapshots")
            if self._inside(group_id):
                raise ManilaRefused("delete", 409, "Cannot delete a share group with shares")
            view["status"] = "deleting"
            self._begin("delete_share_group", view, group_id)
            return True

        return self._call("delete_share_group", delete)

    # -- the shares in them -------------------------------------------------------------------

    def update_share(self, share_id: str, **fields: Any) -> None:
        names = {"display_name": "name", "display_description": "description"}

        def update() -> None:
            share = self._changed(share_id)
            share |= {names.get(name, name): value for name, value in fields.items()}

        self._call("update_share", update)

    def set_share_metadata(self, share_id: str, metadata: Mapping[str, str]) -> None:
        def set_metadata() -> None:
            share = self._changed(share_id)
            share["metadata"] = {**share["metadata"], **metadata}

        self._call("set_share_metadata", set_metadata)

    def _changed(self, share_id: str) -> View:
        view = self._settled("shares").get(share_id)
        if view is None or not self._reaches(view):
            raise ManilaRefused("change", 404, "Share could not be found")
        return view

    def _check_deletion(self, share: View, share_group_id: str | None) -> None:
        """manila/api/v2/shares.py (delete), manila/share/api.py (delete)."""
        if share["share_group_id"] != share_group_id:
            raise ManilaRefused("delete", 400, "Must provide 'share_group_id'")
        for view in self._settled("group_snapshots").values():
            if share["id"] in {member["share_id"] for member in view["members"]}:
                raise ManilaRefused("delete", 403, "Share still has group snapshot members")
