# SPDX-License-Identifier: Apache-2.0
"""The share backups of the fake Manila: the rules of manila/api/v2/share_backups.py and of
manila/share/api.py (create_share_backup, delete_share_backup, restore_share_backup)."""

import uuid
from collections.abc import Mapping
from typing import Any

from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.manila.marks import read as read_mark
from karbor_manila.manila.paging import Listing

View = dict[str, Any]

_QUOTAS = (("TotalShareBackups", 1), ("TotalBackupGigabytes", None))


class FakeBackups:
    """What a :class:`tests.fakes.manila.FakeManila` has besides shares and snapshots.

    A backup is whole ``seconds["create_backup"]`` after it was asked for, and ``failing`` knows
    ``create_backup SHARE`` and ``restore_backup SHARE`` (of which the backup is). ``stuck`` are
    shares whose backups, and the restores from them, never end; their progress stays.
    """

    def backups(self: Any, *, text: str = "", every_project: bool = False) -> Listing:
        self._require_backups()
        every = every_project and self._administrator
        return self._call(
            "backups",
            lambda: Listing(
                _shown(view)
                for view in self._settled_backups().values()
                if (every or view["_project"] == self.own_project_id)
                and text in str(view["description"])
                and view["id"] not in self._cloud.hidden
            ),
        )

    def backup(self: Any, backup_id: str) -> View | None:
        self._require_backups()

        def one() -> View | None:
            view = self._settled_backups().get(backup_id)
            seen = view and (self._administrator or view["_project"] == self.own_project_id)
            return _shown(view) if seen else None

        return self._call("backup", one)

    def create_backup(
        self: Any, share_id: str, *, name: str, description: str, backup_type: str = ""
    ) -> View:
        self._require_backups()

        def create() -> View:
            share = self._settled("shares").get(share_id)
            if share is None or not self._reaches(share):
                raise ManilaRefused("back up", 400, "No share exists with that ID")
            if share["task_state"]:
                raise ManilaRefused("back up", 409, "Share is busy as part of an active task")
            if share["status"] != "available":
                raise ManilaRefused("back up", 400, f"it is in {share['status']!r} state")
            kept = self._settled("snapshots").values()
            if any(view["share_id"] == share_id for view in kept):
                raise ManilaRefused("back up", 400, "Cannot backup share while it has snapshots")
            if share.get("has_replicas"):
                raise ManilaRefused("back up", 400, "Cannot backup share while it has replicas")
            self._check_backup_quota(int(share["size"]))
            self._check_backup_type(share, backup_type)
            view = {
                "id": str(uuid.uuid4()),
                "name": name,
                "description": description,
                "share_id": share_id,
                "size": share["size"],
                "status": "creating",
                "created_at": self._now(),
                "availability_zone": share["availability_zone"],
                "progress": "0",
                "restore_progress": "0",
                "_project": self._project,
                "_text": share.get("_text", ""),
                "_type": backup_type or None,
                "_began": self._cloud.clock.now(),
            }
            if self.features.backup_types:
                view["backup_type"] = backup_type or None
            self._begin("create_backup", view, share_id)
            view["_stuck"] = share_id in self._cloud.stuck
            share["status"] = "backup_creating"
            self._cloud.backups[view["id"]] = view
            return _shown(view) | {"request_id": f"req-{view['id']}"}

        return self._call("create_backup", create)

    def delete_backup(self: Any, backup_id: str) -> bool:
        self._require_backups()

        def delete() -> bool:
            view = self._settled_backups().get(backup_id)
            if view is None or not (self._administrator or view["_project"] == self._project):
                return False
            if view["status"] not in ("available", "error"):
                raise ManilaRefused("delete", 400, "status must be available or error")
            view["status"] = "deleting"
            self._begin("delete_backup", view, view["share_id"])
            return True

        return self._call("delete_backup", delete)

    def restore_backup(self: Any, backup_id: str, share_id: str | None = None) -> None:
        self._require_backups()

        def restore() -> None:
            view = self._settled_backups().get(backup_id)
            if view is None or not (self._administrator or view["_project"] == self._project):
                raise ManilaRefused("restore", 404, "No backup exists with that ID")
            # Before 2.91 the body is ignored.
            other = share_id if self.features.backups_into_other_shares else None
            if view["status"] != "available":
                raise ManilaRefused("restore", 400, "Backup status must be available.")
            share = self._settled("shares").get(other or view["share_id"])
            if share is None or not self._reaches(share):
                raise ManilaRefused("restore", 404, "Share could not be found")
            if share["status"] != "available":
                raise ManilaRefused("restore", 400, "Share to be restored to must be available.")
            if view["size"] > share["size"]:
                raise ManilaRefused("restore", 400, "Share size is too small")
            view["status"], share["status"] = "restoring", "backup_restoring"
            share["source_backup_id"] = backup_id
            # A note of its own: the fake's shares end by themselves otherwise.
            probe: View = {"id": share["id"]}
            self._begin("restore_backup", probe, view["share_id"])
            view["_restore"] = probe | {"_began": self._cloud.clock.now()}
            view["_restore"]["_stuck"] = view["share_id"] in self._cloud.stuck

        return self._call("restore_backup", restore)

    def _create_empty_share(self: Any, fields: Mapping[str, Any]) -> View:
        """manila/api/v2/shares.py (_create): types and networks are looked for."""
        asked = dict(fields)
        wanted = asked.pop("share_type", "default")
        kinds = {
            (view["share_type"], view["share_type_name"]) for view in self._cloud.shares.values()
        }
        kind = next((each for each in {("type-id", "default"), *kinds} if wanted in each), None)
        if kind is None:
            raise ManilaRefused("create", 404, "Share type could not be found.")
        known = {"share_type": kind[0], "share_type_name": kind[1], "status": "creating"}
        view = self._cloud.add_share(self._project, **asked | known | {"_text": ""})
        mark = read_mark(view)
        self._begin("create_share", view, mark.resource if mark else view["id"])
        return dict(view) | {"request_id": f"req-{view['id']}"}

    def _require_backups(self: Any) -> None:
        """As to every path that a microversion does not have."""
        if not self.features.backups:
            raise ManilaRefused("ask about backups", 404, "The resource could not be found.")

    def _check_backup_quota(self: Any, size: int) -> None:
        mine = [view for view in self._cloud.backups.values() if view["_project"] == self._project]
        for name, one in _QUOTAS:
            most = self._cloud.limits.get(f"max{name}", -1)
            used = len(mine) if one else sum(view["size"] for view in mine)
            if 0 <= most < used + (one or size):
                raise ManilaRefused("back up", 413, "Requested backup exceeds allowed quota")

    def _check_backup_type(self: Any, share: View, backup_type: str) -> None:
        if not backup_type and share["share_proto"] != "NFS":
            raise ManilaRefused("back up", 400, "The generic approach only supports NFS")
        for view in self._settled_backups().values():
            of_it = view["share_id"] == share["id"] and view["status"] == "available"
            if of_it and backup_type and view["_type"] and view["_type"] != backup_type:
                raise ManilaRefused("back up", 400, "Share has existing backups with another type")

    def _settled_backups(self: Any) -> dict[str, View]:
        backups: dict[str, View] = self._cloud.backups
        for backup_id, view in list(backups.items()):
            self._settle_restore(view)
            if view.get("_stuck") and view["status"] == "creating":
                continue
            if "_until" not in view:
                continue
            if self._cloud.clock.now() < view["_until"]:
                _step(view, "progress", view, self._cloud.clock.now())
                continue
            del view["_until"]
            if view["status"] == "deleting" and not view["_fails"]:
                del backups[backup_id]
            elif view["status"] == "deleting":
                view["status"] = "error_deleting"
            else:
                self._cloud.shares[view["share_id"]]["status"] = "available"
                view["status"] = "error" if view["_fails"] else "available"
                view["progress"] = "0" if view["_fails"] else "100"
        return backups

    def _settle_restore(self: Any, view: View) -> None:
        """A failed restore leaves the share to an administrator, and the backup in error
        (manila/share/manager.py, restore_backup)."""
        under_way: View | None = view.get("_restore")
        if under_way is None or under_way["_stuck"]:
            return
        if self._cloud.clock.now() < under_way["_until"]:
            _step(view, "restore_progress", under_way, self._cloud.clock.now())
            return
        del view["_restore"]
        share = self._cloud.shares.get(under_way["id"], {})
        failed = under_way["_fails"]
        view["status"] = "error" if failed else "available"
        view["restore_progress"] = "0" if failed else "100"
        share["status"] = "backup_restoring_error" if failed else "available"
        if not failed:
            share["_text"] = view["_text"]


def _step(view: View, name: str, under_way: Mapping[str, Any], now: float) -> None:
    """How far it is."""
    if view["status"] in ("creating", "restoring"):
        began, until = under_way["_began"], under_way["_until"]
        view[name] = str(int(100 * (now - began) / max(until - began, 0.001)))


def _shown(view: Mapping[str, Any]) -> View:
    """As the API shows it: without its project."""
    return {name: value for name, value in view.items() if not name.startswith("_")}
