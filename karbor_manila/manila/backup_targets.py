# SPDX-License-Identifier: Apache-2.0
"""What a backup is restored into: a new share, as the protected one is now, or one that is there.

The rules are those of manila/share/api.py (restore_share_backup).
"""

from typing import Any

from karbor_manila.manila import marks, statuses
from karbor_manila.manila.client import Manila
from karbor_manila.manila.errors import (
    ManilaRefused,
    TargetBusy,
    TargetMissing,
    TargetNotAvailable,
    TargetNotYours,
    TargetTooSmall,
)
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.views import NewShare, Placement, View


def placement(parent: View | None, new: NewShare | None) -> Placement:
    """What a new share will have.

    :param parent: the protected share as it is now; None when it is not shown: then it is Manila's
        choice, as far as the user does not say it
    :param new: what the user asks for
    """
    known, asked = parent or {}, new.asked if new else {}
    kind = asked.get("share_type")
    same = kind in (None, known.get("share_type"), known.get("share_type_name"))
    return Placement(
        share_type=known.get("share_type") if same else kind,
        share_type_name=known.get("share_type_name") if same else kind,
        share_network_id=asked.get("share_network_id")
        or (known.get("share_network_id") if same else None),
        availability_zone=known.get("availability_zone"),
        encryption_key_ref=known.get("encryption_key_ref") if parent else _recorded_key(new),
        has_replicas=bool(known.get("has_replicas")),
    )


def _recorded_key(new: NewShare | None) -> str | None:
    """The key of a share that is not there any more, by its record."""
    return new.encryption_key_ref if new else None


def fields(placed: Placement, share_proto: str) -> dict[str, Any]:
    """The request for a new share, as Manila's API names its parts. No host is asked for
    (``scheduler_hints``): Manila would look for the share that is named there at every extension of
    the new one, for ever (manila/scheduler/filters/affinity.py)."""
    asked: dict[str, Any] = {
        "share_proto": share_proto,
        "share_type": placed.share_type,
        "share_network_id": placed.share_network_id,
        "availability_zone": placed.availability_zone,
    }
    return {name: value for name, value in asked.items() if value}


def check(client: FlowClient, share_id: str, project_id: str, *, needed: int | None) -> View:
    """The view of a share that a backup can be restored into now.

    :param project_id: whose it must be
    :param needed: GiB that the backup has, if that is known
    :raises RevertRefused: Manila would refuse it, or it is not for that
    """
    share = client.retry(lambda: client.manila.share(share_id))
    if share is None or share.get("project_id") != project_id:
        raise TargetMissing(share_id, endpoint=client.manila.endpoint)
    if share.get("is_soft_deleted"):
        raise TargetNotAvailable(share_id, "in the recycle bin")
    if purpose := (share.get("metadata") or {}).get(marks.PURPOSE):
        raise TargetNotYours(share_id, purpose)
    if share["status"] != statuses.AVAILABLE:
        raise TargetNotAvailable(share_id, share["status"])
    if share.get("task_state") in statuses.TASK_BUSY:
        raise TargetBusy(share_id, share["task_state"])
    if needed is not None and int(share["size"]) < needed:
        raise TargetTooSmall(share_id, int(share["size"]), needed)
    return share


def delete(manila: Manila, share_id: str, share_group_id: str | None = None) -> bool:
    """Ask for the deletion of a share, as :meth:`.client.Manila.delete_share`. What a failed
    restore from a backup leaves Manila deletes for an administrator alone, and by force."""
    try:
        return manila.delete_share(share_id, share_group_id)
    except ManilaRefused as refused:
        view = manila.share(share_id)
        if view is None or view["status"] != statuses.BACKUP_RESTORING_ERROR:
            raise
        try:
            return manila.delete_share(share_id, force=True)
        except ManilaRefused:
            raise refused from None  # this is no administrator
