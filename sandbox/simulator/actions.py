# SPDX-License-Identifier: Apache-2.0
"""What Manila 23 allows of shares and snapshots, in the order of its checks."""

from collections.abc import Mapping
from typing import Any

from sandbox.simulator.cloud import Cloud
from sandbox.simulator.errors import Refused
from sandbox.simulator.identity import Who
from sandbox.simulator.microversions import Version
from sandbox.simulator.objects import Rule, Share, Snapshot, type_id

_DELETABLE = ("available", "error")
_QUOTA = (
    "Maximum number of {} allowed ({}) either per project/user or share type quota is exceeded."
)

# What a share that is made from a snapshot has of the snapshot's share as that is then.
_TAKEN_OVER = (
    "type_name",
    "share_network_id",
    "availability_zone",
    "share_proto",
    "snapshot_support",
    "create_share_from_snapshot_support",
    "revert_to_snapshot_support",
    "mount_snapshot_support",
)


class Actions:
    """The requests that change something, and those that show one thing."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def share(self, who: Who, share_id: str, *, to_change: bool = False) -> Share:
        """A share that this user may see."""
        share = self._cloud.shares.get(share_id)
        seen = share and (who.reaches(share.project_id) or (share.is_public and not to_change))
        if share is None or not seen:
            raise Refused(404, f"Share {share_id} could not be found.")
        return share

    def snapshot(self, who: Who, snapshot_id: str) -> Snapshot:
        """A snapshot that this user may see."""
        snapshot = self._cloud.snapshots.get(snapshot_id)
        if snapshot is None or not who.reaches(snapshot.project_id):
            raise Refused(404, f"Snapshot {snapshot_id} could not be found.")
        return snapshot

    def create_snapshot(
        self, who: Who, asked: Mapping[str, Any], version: Version, request_id: str
    ) -> Snapshot:
        """manila/api/v2/share_snapshots.py, create, and manila/share/api.py, create_snapshot.

        ``force`` is ignored.
        """
        share = self.share(who, str(asked.get("share_id")))
        if not share.snapshot_support:
            raise Refused(
                422,
                f"Snapshots cannot be created for share '{share.id}' since it does not have that "
                "capability.",
            )
        if share.status != "available":
            raise Refused(
                400, f"Invalid share: Source share status must be available, not {share.status}."
            )
        self._within_quota(who.project_id, "snapshots", "snapshot_gigabytes", share.size)
        snapshot = self._cloud.add_snapshot(
            share,
            who.project_id,
            name=asked.get("name"),
            description=asked.get("description"),
            metadata=dict(asked.get("metadata") or {}) if version >= (2, 73) else {},
            status="creating",
            request_id=request_id,
        )
        self._cloud.begin("snapshot.create", snapshot, share)
        return snapshot

    def delete_snapshot(self, who: Who, snapshot_id: str) -> None:
        """manila/share/api.py, delete_snapshot. The 202 is not the end."""
        snapshot = self.snapshot(who, snapshot_id)
        if snapshot.status not in _DELETABLE:
            raise Refused(
                400,
                f"Invalid share snapshot: Share Snapshot status must be one of {_DELETABLE}.",
            )
        snapshot.status = "deleting"
        self._cloud.begin("snapshot.delete", snapshot, self._cloud.shares.get(snapshot.share_id))

    def create_share(self, who: Who, asked: Mapping[str, Any], request_id: str) -> Share:
        """manila/api/v2/shares.py, _create, and manila/share/api.py, create."""
        known: dict[str, Any] = {
            "name": asked.get("name"),
            "description": asked.get("description"),
            "metadata": dict(asked.get("metadata") or {}),
            "is_public": bool(asked.get("is_public")),
            "size": int(asked.get("size") or 0),
            "request_id": request_id,
        }
        if known["size"] < 1:
            raise Refused(400, "Invalid input received: Share size must be an integer above 0.")
        parent = None
        if asked.get("snapshot_id"):
            source = self._source(who, asked)
            parent = self._cloud.shares[source.share_id]
            self._check_clone(parent, asked)
            known |= {name: getattr(parent, name) for name in _TAKEN_OVER}
            known |= {"snapshot_id": source.id, "text": source.text}
            known["status"] = self._cloud.profile.data["clone_status"]
        else:
            known |= {"type_name": self._type_of(asked), "status": "creating"}
        self._within_quota(who.project_id, "shares", "gigabytes", known["size"])
        share = self._cloud.add_share(who.project_id, **known)
        name = "share.create_from_snapshot" if parent else "share.create"
        self._cloud.begin(name, share, parent or share)
        return share

    def delete_share(self, who: Who, share_id: str) -> None:
        """manila/share/api.py, delete: a share with snapshots cannot be deleted."""
        share = self.share(who, share_id, to_change=True)
        if share.status not in (*_DELETABLE, "inactive"):
            raise Refused(403, f"Share status must be one of {(*_DELETABLE, 'inactive')}.")
        if self._cloud.of_share.get(share_id):
            count = len(self._cloud.of_share[share_id])
            raise Refused(403, f"Share still has {count} dependent snapshots.")
        share.status = "deleting"
        self._cloud.begin("share.delete", share, share)

    def revert(self, who: Who, share_id: str, snapshot_id: str) -> None:
        """manila/api/v2/shares.py, _revert; the newest of all snapshots counts, of any status."""
        share = self.share(who, share_id, to_change=True)
        snapshot = self._cloud.snapshots.get(snapshot_id)
        if snapshot is None or not who.reaches(snapshot.project_id):
            raise Refused(400, f"Snapshot {snapshot_id} could not be found.")
        if not share.revert_to_snapshot_support:
            raise Refused(
                400,
                f"Share {share_id} may not be reverted to snapshot {snapshot_id}, because the "
                "share does not have that capability.",
            )
        if snapshot.share_id != share_id:
            raise Refused(400, f"Snapshot {snapshot_id} is not associated with share {share_id}.")
        for thing in (share, snapshot):
            if thing.status != "available":
                raise Refused(
                    409, f"{thing.id} is in '{thing.status}' state, but it must be in 'available'."
                )
        newest = next(reversed(self._cloud.of_share[share_id]))
        if newest != snapshot_id:
            raise Refused(
                409,
                f"Snapshot {snapshot_id} may not be restored because it is not the most recent "
                f"snapshot of share {share_id}. Currently the latest snapshot is {newest}.",
            )
        if share.access_rules_status != "active":
            raise Refused(
                409,
                f"Snapshot {snapshot_id} belongs to a share {share_id} which has access rules "
                "that are not active.",
            )
        share.status, snapshot.status = "reverting", "restoring"
        share.reverts_to = snapshot_id
        self._cloud.begin("share.revert", share, share)

    def allow_access(self, who: Who, share_id: str, asked: Mapping[str, Any]) -> Rule:
        """manila/share/api.py, allow_access: any type is taken, and may end in ``error``."""
        share = self.share(who, share_id, to_change=True)
        key = (asked["access_type"], asked["access_to"])
        if any((rule.access_type, rule.access_to) == key for rule in share.rules or ()):
            raise Refused(400, f"Share access {key[0]}:{key[1]} exists.")
        if share.status != "available":
            raise Refused(400, "New access rules cannot be applied while the share is not valid.")
        rule = Rule(
            self._cloud.new_id(),
            share_id,
            *key,
            str(asked.get("access_level") or "rw"),
            self._cloud.moment(),
            metadata=dict(asked.get("metadata") or {}),
        )
        share.rules = [*(share.rules or ()), rule]
        self._cloud.begin_rule(rule, share)
        return rule

    def deny_access(self, who: Who, share_id: str, access_id: str) -> None:
        """The rule goes at once."""
        share = self.share(who, share_id, to_change=True)
        share.rules = [rule for rule in share.rules or () if rule.id != access_id]

    def _source(self, who: Who, asked: Mapping[str, Any]) -> Snapshot:
        snapshot = self.snapshot(who, str(asked["snapshot_id"]))
        if snapshot.status != "available":
            raise Refused(
                400, f"Invalid share snapshot: status must be available, not {snapshot.status}."
            )
        if int(asked.get("size") or 0) < snapshot.size:
            raise Refused(
                400, f"Share size '{asked['size']}' must be equal or greater than snapshot size."
            )
        return snapshot

    def _check_clone(self, parent: Share, asked: Mapping[str, Any]) -> None:
        network, share_type = asked.get("share_network_id"), asked.get("share_type")
        zone = asked.get("availability_zone")
        if network and network != parent.share_network_id:
            raise Refused(400, "Share network ID should be the same as snapshot's parent share's.")
        if not parent.create_share_from_snapshot_support:
            raise Refused(400, "A new share may not be created from that snapshot.")
        if zone and zone != parent.availability_zone:
            raise Refused(400, "The specified availability zone must be the parent share's.")
        if share_type and share_type not in (parent.type_name, type_id(parent.type_name)):
            raise Refused(400, "Invalid share type specified: the requested share type must match.")

    def _type_of(self, asked: Mapping[str, Any]) -> str:
        wanted = asked.get("share_type") or self._cloud.profile.default_type
        for name in self._cloud.profile.share_types:
            if wanted in (name, type_id(name)):
                return name
        raise Refused(404, f"Share type {wanted} could not be found.")

    def _within_quota(self, project_id: str, number: str, gigabytes: str, size: int) -> None:
        used = self._cloud.used[project_id]
        for name, needed in ((number, 1), (gigabytes, size)):
            most = self._cloud.profile.quota[name]
            if 0 <= most < used[name] + needed:
                raise Refused(413, _QUOTA.format(name, most))
