# SPDX-License-Identifier: Apache-2.0
"""Access rules of shares, and of snapshots that can be mounted."""

import hashlib

from manila import exception
from manila.common import constants

from sandbox.manila import access
from sandbox.manila.backend.places import Places
from sandbox.manila.backend.turning import turnable


class AccessRules(Places):
    """Keeps the rules; nobody enforces them, see access.py."""

    @turnable
    def update_access(
        self,
        context,
        share,
        access_rules,
        add_rules,
        delete_rules,
        update_rules=(),  # not of Manilas before 2024.2
        share_server=None,
    ):
        """Keep the rules of a share; answer ``error`` for each that is refused.

        Refused are those of a type that is none of the share's protocol and those that the faults
        file names. Who is let in by cephx gets a key, as from Ceph.
        """
        self.share(share)
        known = access.types(share["share_proto"])
        refused = self.rules.replace(
            share["id"], access_rules, refused=self._unwanted, of_types=known
        )
        keys = {
            rule["access_id"]: {"access_key": _key_of(rule["access_to"])}
            for rule in access_rules
            if rule["access_type"] == "cephx"
        }
        return keys | {rule: {"state": constants.STATUS_ERROR} for rule in refused}

    @turnable
    def snapshot_update_access(
        self, context, snapshot, access_rules, add_rules, delete_rules, share_server=None
    ):
        """Keep the rules of a snapshot, all of them read-only.

        :raises InvalidSnapshotAccess: a rule is refused; Manila has no other way to refuse one
            rule of a snapshot (manila/share/snapshot_access.py)
        """
        self.snapshot(snapshot)
        refused = self.rules.replace(
            snapshot["id"],
            access_rules,
            level=constants.ACCESS_LEVEL_RO,
            refused=self._unwanted,
        )
        if refused:
            raise exception.InvalidSnapshotAccess(
                reason=f"only rules of the types {', '.join(access.TYPES)} are supported"
            )

    def _unwanted(self, rule) -> bool:
        return self.knobs.refuses(rule["access_to"])


def _key_of(name: str) -> str:
    """Answer the key of one who is let in: the same on each share, as Ceph's clients have one."""
    return f"AQ{hashlib.sha256(name.encode()).hexdigest()[:36]}=="
