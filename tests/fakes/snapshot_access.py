# SPDX-License-Identifier: Apache-2.0
"""The part of the fake Manila that mounts snapshots: their access rules and export locations.

The rules are those of Manila 23 (manila/api/v2/share_snapshots.py, manila/share/api.py). They lie
in the snapshot and go with it. What the backend refuses ends in error.
"""

import ipaddress
import uuid
from typing import Any

from karbor_manila.manila.errors import ManilaRefused

View = dict[str, Any]

MOUNTABLE = {"mount_snapshot_support": True}
INHERITS = MOUNTABLE | {"snapshot_inherit_share_access_support": True}


class FakeSnapshotAccess:
    """Mixed into :class:`tests.fakes.manila.FakeManila`."""

    def snapshot_access_rules(self, snapshot_id: str) -> list[View] | None:
        def rules() -> list[View] | None:
            snapshot = self._one("snapshots", snapshot_id)
            if snapshot is None:
                return None
            self._check_mountable(snapshot)
            return [
                {name: rule[name] for name in ("id", "access_type", "access_to", "state")}
                for rule in self._settled_rules(snapshot_id)
            ]

        return self._call("snapshot_access_rules", rules)

    def allow_snapshot_access(self, snapshot_id: str, access_type: str, access_to: str) -> View:
        def allow() -> View:
            snapshot = self._one("snapshots", snapshot_id)
            if snapshot is None:
                raise ManilaRefused("allow", 404, "snapshot could not be found")
            if access_type not in ("ip", "user", "cert"):
                raise ManilaRefused("allow", 400, "Only 'ip', 'user' or 'cert' are supported")
            if access_type == "ip":
                ipaddress.ip_network(access_to)
            self._check_mountable(snapshot, changes=True)
            known = self._settled_rules(snapshot_id)
            if any(_is_there(rule, access_type, access_to) for rule in known):
                raise ManilaRefused("allow", 400, "Share snapshot access rule exists")
            if snapshot["status"] != "available":
                raise ManilaRefused("allow", 400, "New access rules cannot be applied")
            fails = f"allow_snapshot_access {access_to}" in self._cloud.failing
            rule = {
                "id": str(uuid.uuid4()),
                "access_type": access_type,
                "access_to": access_to,
                "state": "queued_to_apply",
                "_until": self._until("allow_snapshot_access"),
                "_then": "error" if fails else "active",
            }
            known.append(rule)
            return {**rule, "request_id": f"req-{rule['id']}"}

        return self._call("allow_snapshot_access", allow)

    def deny_snapshot_access(self, snapshot_id: str, rule_id: str) -> bool:
        def deny() -> bool:
            snapshot = self._one("snapshots", snapshot_id)
            if snapshot is None:
                return False
            self._check_mountable(snapshot, changes=True)
            rules = [r for r in self._settled_rules(snapshot_id) if r["id"] == rule_id]
            if not rules:
                return False
            if snapshot["status"] != "available":
                raise ManilaRefused("deny", 400, "Access rules cannot be denied")
            fails = f"deny_snapshot_access {rules[0]['access_to']}" in self._cloud.failing
            rules[0] |= {
                "state": "queued_to_deny",
                "_until": self._until("deny_snapshot_access"),
                "_then": "error" if fails else "gone",
            }
            return True

        return self._call("deny_snapshot_access", deny)

    def snapshot_export_locations(self, snapshot_id: str) -> list[str]:
        return self._call(
            "snapshot_export_locations", lambda: [f"127.0.0.1:/snapshots/{snapshot_id}"]
        )

    def snapshots_inherit_access(self, share_id: str) -> bool:
        return self._call(
            "snapshots_inherit_access",
            lambda: bool(self._existing(share_id).get("snapshot_inherit_share_access_support")),
        )

    def _until(self, method: str) -> float:
        return self._cloud.clock.now() + self._cloud.seconds.get(method, 0.0)

    def _settled_rules(self, snapshot_id: str) -> list[View]:
        rules: list[View] = self._cloud.snapshots[snapshot_id].setdefault("_access", [])
        for rule in list(rules):
            if "_until" in rule and self._cloud.clock.now() >= rule["_until"]:
                del rule["_until"]
                rule["state"] = rule.pop("_then")
                if rule["state"] == "gone":
                    rules.remove(rule)
        return rules

    def _check_mountable(self, snapshot: View, *, changes: bool = False) -> None:
        share = self._cloud.shares[snapshot["share_id"]]
        if not share["mount_snapshot_support"]:
            raise ManilaRefused("access", 400, "the share does not support mounting its snapshots")
        if changes and share.get("snapshot_inherit_share_access_support"):
            raise ManilaRefused("access", 400, "rules are inherited from the base share")


def _is_there(rule: View, access_type: str, access_to: str) -> bool:
    """Networks that are the same are one rule (manila/db/sqlalchemy/api.py)."""
    if rule["access_type"] != access_type or access_type != "ip":
        return (rule["access_type"], rule["access_to"]) == (access_type, access_to)
    return ipaddress.ip_network(rule["access_to"]) == ipaddress.ip_network(access_to)
