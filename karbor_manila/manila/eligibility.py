# SPDX-License-Identifier: Apache-2.0
"""Whether a share can be protected, by its view alone: the one place that decides it.

Drivers ask it in their preflight, with what its type allows them; so do the list of what can be
protected and the graph of a plan, without a connection.
"""

from karbor_manila.common.left_out import BROKEN, NOT_SUPPORTED
from karbor_manila.manila import marks, statuses
from karbor_manila.manila.errors import ShareGone, ShareNotProtectable
from karbor_manila.manila.views import View


def objection(
    share: View, by_type: ShareNotProtectable | None = None, project_id: str | None = None
) -> ShareNotProtectable | None:
    """Why a share cannot be protected; None when it can, now or in a moment.

    A busy share is no objection: its protection waits for it. What a share can never do comes
    before what is wrong with it just now: mending that would not help.

    :param by_type: what a driver has against its type
    :param project_id: whose it must be; None for any
    """
    share_id, status = str(share["id"]), share["status"]
    if gone := _gone(share, project_id):
        return gone
    purpose = (share.get("metadata") or {}).get(marks.PURPOSE)
    if purpose:
        # A snapshot of it would keep it from being removed.
        return ShareNotProtectable(
            share_id,
            f"karbor-manila made it itself, for a {purpose}, and removes it again",
            "Take it out of the plan.",
        )
    if by_type:
        return by_type
    if status in statuses.SHARE_FINAL:
        return ShareNotProtectable(
            share_id,
            f"its status is {status!r}",
            "Mend it or take it out of the plan, then protect again.",
            kind=BROKEN,
        )
    return None


def _gone(share: View, project_id: str | None) -> ShareGone | None:
    """Why a share that is still seen is not, or will not be, in its project any more."""
    share_id, status = str(share["id"]), share["status"]
    if project_id is not None and share.get("project_id") != project_id:
        return ShareGone(
            share_id,
            "it belongs to another project, and a snapshot would belong to this one",
            "Protect it from its own project.",
        )
    if share.get("is_soft_deleted"):
        return ShareGone(
            share_id,
            "it is in the recycle bin",
            "Take it out of there, or out of the plan.",
            kind=NOT_SUPPORTED,
        )
    if status in statuses.SHARE_GOING:
        return ShareGone(share_id, f"its status is {status!r}")
    return None
