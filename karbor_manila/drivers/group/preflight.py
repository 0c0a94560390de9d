# SPDX-License-Identifier: Apache-2.0
"""What a protection finds of the share groups of its shares, before anything is made."""

from collections import defaultdict
from collections.abc import Collection, Iterator

from karbor_manila.common.left_out import BROKEN
from karbor_manila.manila import groups as share_groups
from karbor_manila.manila.errors import ShareNotProtectable
from karbor_manila.manila.groups import Groups
from karbor_manila.manila.views import View

#: Of a share whose type lets nobody make a share of its own from a snapshot.
ONLY_AS_GROUP = (
    "It can only be restored with its whole group (as_group): its type does not have both "
    "snapshot_support and create_share_from_snapshot_support, so that it can be neither restored "
    "alone nor drilled nor copied."
)

#: Of a group of a backend that takes all shares at once, when there are several.
CONSISTENT = "It is kept as it was at one moment, together with the other shares of its group."

#: Of a group of a backend that takes one share after the other.
NOT_CONSISTENT = (
    "The shares of its group are not kept as they were at one moment: the group's backend has no "
    "consistent_snapshot_support."
)


def no_group(share: View) -> ShareNotProtectable | None:
    """Why a share that is in no group cannot be protected by one."""
    if share.get("share_group_id"):
        return None
    return ShareNotProtectable(
        str(share["id"]),
        "it is in no share group, and the driver 'group' keeps whole groups",
        "Manila takes a share into a group only when it is made: protect this one with another "
        "driver (share_type_drivers in the provider's file), or copy it into a share that is made "
        "in a group.",
    )


def clonable(share: View) -> bool:
    """Whether a share of its own can be made of a member of a group: by a snapshot of that."""
    return bool(share.get("snapshot_support") and share.get("create_share_from_snapshot_support"))


def look(
    groups: Groups, shares: Collection[View], *, refuse_others: bool
) -> tuple[dict[str, Exception], dict[str, str]]:
    """What is wrong with the groups of these shares, and what their user should know.

    :param shares: all of the flow that are in groups
    :param refuse_others: whether a group with shares besides is refused
    :returns: errors and sentences, by share id
    """
    by_group: dict[str, list[View]] = defaultdict(list)
    for share in shares:
        by_group[str(share["share_group_id"])].append(share)
    refused: dict[str, Exception] = {}
    caveats: dict[str, str] = {}
    for group_id, together in by_group.items():
        group = groups.of_flow(group_id)
        inside = groups.shares_in(group_id) if group else []
        wrong = share_groups.what_is_wrong(group_id, group, inside)
        others = sorted({str(view["id"]) for view in inside} - {str(s["id"]) for s in together})
        for share in together:
            share_id = str(share["id"])
            if wrong:
                refused[share_id] = broken(share_id, group_id, wrong)
            elif others and refuse_others:
                refused[share_id] = _with_others(share_id, group_id, others)
            else:
                moment = NOT_CONSISTENT
                if groups.is_consistent(group_id):
                    moment = CONSISTENT if len(inside) > 1 else ""
                if said := " ".join(_caveats(share, moment, others)):
                    caveats[share_id] = said
    return refused, caveats


def _caveats(share: View, moment: str, others: list[str]) -> Iterator[str]:
    if not clonable(share):
        yield ONLY_AS_GROUP
    if moment:
        yield moment
    if others:
        yield (
            f"Its group is kept whole, with share{'s' if len(others) > 1 else ''} "
            f"{', '.join(others)}: not protected with it, and kept all the same."
        )


def broken(share_id: str, group_id: str, why: str) -> ShareNotProtectable:
    """The error of a share whose group is not as Manila wants it."""
    return ShareNotProtectable(
        share_id,
        f"Manila makes no snapshot of its share group {group_id}: {why}",
        "Mend that, or remove what is broken, then protect again.",
        kind=BROKEN,
    )


def _with_others(share_id: str, group_id: str, others: list[str]) -> ShareNotProtectable:
    return ShareNotProtectable(
        share_id,
        f"its share group {group_id} has shares that are not protected with it "
        f"({', '.join(others)}), and the provider's file says other_members = refuse",
        "Put them into the plan, too, or ask the operator for other_members = capture.",
    )
