# SPDX-License-Identifier: Apache-2.0
"""The access rules of the Manila in memory."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from karbor_manila.manila.errors import ManilaRefused
from tests.fakes.cloud import Cloud

View = dict[str, Any]

# Manila takes a rule of any type for any protocol (manila/api/common.py, validate_access). One that
# the backend has no use for ends in error.
TYPES = {"NFS": ("ip", "user", "cert"), "CIFS": ("ip", "user"), "CEPHFS": ("cephx",)}


#: What shares show after 2.8 alone, the last microversion whose lists have export locations
#: (manila/api/views/shares.py).
LATER = frozenset(
    {
        "create_share_from_snapshot_support",
        "encryption_key_ref",
        "is_soft_deleted",
        "mount_snapshot_support",
        "progress",
        "revert_to_snapshot_support",
        "share_group_id",
        "source_backup_id",
        "source_share_group_snapshot_member_id",
    }
)


class FakeAccess:
    """A part of FakeManila."""

    _cloud: Cloud
    _call: Callable[[str, Callable[[], Any]], Any]
    _existing: Callable[[str], View]
    _reaches: Callable[[View], bool]
    features: Any

    def access_rules(self, share_id: str) -> list[View]:
        def rules() -> list[View]:
            self._existing(share_id)
            return [
                {name: value for name, value in rule.items() if not name.startswith("_")}
                | {"metadata": dict(rule.get("metadata") or {})}
                for rule in self._settled_access(share_id)
            ]

        return self._call("access_rules", rules)

    def allow_access(self, share_id: str, rule: Mapping[str, Any]) -> View:
        def allow() -> View:
            share = self._existing(share_id)
            known = self._cloud.access.setdefault(share_id, [])
            same = [r for r in known if r["access_to"] == rule["access_to"]]
            if same:
                raise ManilaRefused("allow", 400, "Share access is already in effect")
            view = {"metadata": {}, "id": str(uuid.uuid4()), "state": "active", **rule}
            if rule["access_type"] not in TYPES[share["share_proto"]]:
                view["state"] = "error"
                self._cloud.shares[share_id]["access_rules_status"] = "error"
            known.append(view)
            return dict(view)

        return self._call("allow_access", allow)

    def set_access_level(self, rule_id: str, level: str) -> bool:
        """manila/api/v2/share_accesses.py, update; manila/share/api.py, update_access."""
        assert self.features.access_levels

        def change() -> bool:
            share, rule = self._rule(rule_id)
            if rule is None:
                return False
            if rule["access_level"] == level:
                return True
            if share["status"] not in ("available", "error"):
                raise ManilaRefused("update", 400, "Access rules cannot be updated")
            to = rule["access_to"]
            fails = {f"set_access_level {to}", f"set_access_level {level} {to}"}
            rule |= {
                "access_level": level,
                "state": "queued_to_update",
                "_until": self._cloud.clock.now() + self._cloud.seconds.get("set_access_level", 0),
                "_then": "error" if fails & self._cloud.failing else "active",
            }
            return True

        return self._call("set_access_level", change)

    def set_access_metadata(self, rule_id: str, key: str, value: str) -> bool:
        def change() -> bool:
            _share, rule = self._rule(rule_id)
            if rule is None:
                return False
            rule.setdefault("metadata", {})[key] = value
            return True

        return self._call("set_access_metadata", change)

    def delete_access_metadata(self, rule_id: str, key: str) -> bool:
        def change() -> bool:
            _share, rule = self._rule(rule_id)
            return rule is not None and rule["metadata"].pop(key, None) is not None

        return self._call("delete_access_metadata", change)

    def _rule(self, rule_id: str) -> tuple[View, View | None]:
        """A rule with its share, of one that the session reaches."""
        for share_id in list(self._cloud.access):
            share = self._cloud.shares.get(share_id)
            for rule in self._settled_access(share_id):
                if share and rule["id"] == rule_id and self._reaches(share):
                    return share, rule
        return {}, None

    def _settled_access(self, share_id: str) -> list[View]:
        rules: list[View] = self._cloud.access.get(share_id, [])
        for rule in list(rules):
            if "_until" in rule and self._cloud.clock.now() >= rule["_until"]:
                del rule["_until"]
                rule["state"] = rule.pop("_then")
                if rule["state"] == "gone":
                    rules.remove(rule)
        return rules
