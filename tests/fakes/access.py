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

    def access_rules(self, share_id: str) -> list[View]:
        def rules() -> list[View]:
            self._existing(share_id)
            return [dict(rule) for rule in self._cloud.access.get(share_id, [])]

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
