# SPDX-License-Identifier: Apache-2.0
"""What a share's type lets come back from its snapshots: a new share, the share itself, or nothing.

The rules are those of Manila 23, manila/api/v2/shares.py (_create), manila/share/api.py (create):
a share that is made from a snapshot has the type and the network of the snapshot's share *as it is
now*, a migration may have changed them, and its zone unless Manila's scheduler is configured
otherwise. A request for something else gets a 400.
"""

from collections.abc import Mapping
from typing import Any

from karbor_manila.common.errors import InvalidParameter
from karbor_manila.manila.errors import (
    CloneUnsupported,
    NotRestorable,
    ParentMissing,
    ShareNotProtectable,
)
from karbor_manila.manila.views import Placement

#: Of a share whose type allows reverts but no new shares.
ONLY_IN_PLACE = (
    "It can only be restored in place (share_id): its type does not have "
    "create_share_from_snapshot_support, so that it can be neither restored into a new share nor "
    "drilled nor copied."
)

Share = Mapping[str, Any]


def refusal(share: Share) -> ShareNotProtectable | None:
    """Why a share's type makes a snapshot of it impossible or useless, if it does.

    :param share: its view in Manila
    """
    if not share.get("snapshot_support"):
        return ShareNotProtectable(
            str(share["id"]),
            f"its type {share.get('share_type_name')} has no snapshot support",
            "Leave it out of the plan, or migrate it to a share type with snapshot_support.",
        )
    if not _clonable(share) and not share.get("revert_to_snapshot_support"):
        return NotRestorable(str(share["id"]), share.get("share_type_name"))
    return None


def only_in_place(share: Share) -> bool:
    """Whether a share can be put back but no new one can be made from its snapshots."""
    return not _clonable(share) and bool(share.get("revert_to_snapshot_support"))


def check(
    parent: Share | None,
    snapshot_id: str,
    share_id: str,
    asked: Mapping[str, str],
    *,
    in_group: bool = False,
) -> Placement:
    """Whether Manila would make a new share from a snapshot, and where it would put it.

    :param parent: the view of the snapshot's share, None when there is none
    :param share_id: that share's
    :param asked: ``share_type`` (id or name) and ``share_network_id`` that the user asked for
    :param in_group: whether a whole group is made, which needs nothing of the types of its shares
    :raises ParentMissing, CloneUnsupported, InvalidParameter: it would not
    """
    if parent is None:
        raise ParentMissing(snapshot_id, share_id)
    placed = Placement(
        share_type=parent.get("share_type"),
        share_type_name=parent.get("share_type_name"),
        share_network_id=parent.get("share_network_id"),
        availability_zone=parent.get("availability_zone"),
        encryption_key_ref=parent.get("encryption_key_ref"),
        has_replicas=bool(parent.get("has_replicas")),
    )
    if in_group:
        _check_in_group(placed, asked)
    elif not _clonable(parent):
        raise CloneUnsupported(
            share_id,
            placed.share_type_name,
            revertible=bool(parent.get("revert_to_snapshot_support")),
        )
    _compare("share_type", asked, {placed.share_type, placed.share_type_name})
    _compare("share_network_id", asked, {placed.share_network_id})
    return placed


def _check_in_group(placed: Placement, asked: Mapping[str, str]) -> None:
    """Refuse what Manila gives no share that it makes with its group (manila/share_group/api.py,
    create)."""
    if name := asked.get("mount_point_name"):
        raise InvalidParameter(
            "mount_point_name", name, "Manila gives no share that comes back with its group a name"
        )
    if placed.encryption_key_ref:
        raise InvalidParameter(
            "as_group",
            True,
            "the share has an encryption key, and Manila gives no share that comes back with its "
            "group a key; leave as_group out",
        )


def _clonable(share: Share) -> bool:
    return bool(share.get("create_share_from_snapshot_support"))


def _compare(name: str, asked: Mapping[str, str], present: set[str | None]) -> None:
    if name in asked and asked[name] not in present:
        has = " or ".join(sorted(value for value in present if value)) or "none"
        raise InvalidParameter(
            name,
            asked[name],
            f"Manila makes a share from a snapshot with that of the snapshot's share alone, which "
            f"has {has} now",
        )
