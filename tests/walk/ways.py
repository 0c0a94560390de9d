# SPDX-License-Identifier: Apache-2.0
"""The ways to keep a share, as a walk has to know them: what of the fake Manila keeps it, and the
options of its driver.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import Cloud

View = dict[str, Any]

#: What keeps shares, by the names that the cloud has for it.
KINDS = ("snapshots", "backups", "group_snapshots")
#: Statuses in which a share can be had back.
WHOLE = ("available", "restoring")
#: Statuses of a share that end together with those of its backup.
WITH_BACKUP = ("backup_creating", "backup_restoring")

#: Requests that do for other drivers what these do for the first one: what strikes one, strikes
#: the other.
SAME_AS = {
    "backups": "snapshots",
    "backup": "snapshot",
    "create_backup": "create_snapshot",
    "delete_backup": "delete_snapshot",
    "restore_backup": "create_share",
    "share_group_snapshots": "snapshots",
    "share_group_snapshot": "snapshot",
    "create_share_group_snapshot": "create_snapshot",
    "delete_share_group_snapshot": "delete_snapshot",
    "share_groups": "shares",
    "share_group": "share",
    "create_share_group": "create_share",
    "delete_share_group": "delete_share",
}


@dataclass(frozen=True)
class Way:
    """A driver in a walk.

    :ivar kind: what keeps shares, as the cloud calls it
    :ivar options: lines for the end of the provider's file
    :ivar seconds: how long Manila takes for what only this driver asks for
    """

    driver: str
    kind: str
    options: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


_USERS = "of a user"
_GROUPS = 2

SNAPSHOT = Way("snapshot", "snapshots")
BACKUP = Way(
    "backup",
    "backups",
    (
        "[karbor_manila_driver_backup]",
        "backup_timeout = 900",
        "progress_timeout = 300",
    ),
    {"create_backup": 10.0, "restore_backup": 15.0, "delete_backup": 2.0},
)
GROUP = Way(
    "group|snapshot",
    "group_snapshots",
    (),
    {
        "create_share_group_snapshot": 3.0,
        "delete_share_group_snapshot": 2.0,
        "create_share_group": 10.0,
        "delete_share_group": 2.0,
    },
)


def make(way: Way, cloud: Cloud, project_id: str, size: int) -> str:
    """A new share of the user's, which the driver can keep; of several some are in one group."""
    fields: View = {"size": size}
    if way is GROUP:
        own = [each for each, view in cloud.groups.items() if view["name"] == _USERS]
        if len(own) < _GROUPS:
            own.append(str(cloud.add_group(project_id, name=_USERS)["id"]))
        fields["share_group_id"] = own[len(cloud.shares) % len(own)]
    return str(cloud.add_share(project_id, **fields)["id"])


def together(cloud: Cloud, shares: list[str]) -> list[View]:
    """These shares and those that are kept together with them."""
    groups = {cloud.shares[share].get("share_group_id") for share in shares} - {None}
    return [
        view
        for share, view in cloud.shares.items()
        if share in shares or view.get("share_group_id") in groups
    ]


def sizes(view: View) -> dict[str, int]:
    """The shares that something keeps, each with its size."""
    if "members" in view:
        return {member["share_id"]: member["size"] for member in view["members"]}
    return {view["share_id"]: view["size"]}


def came_with_its_group(share: View) -> bool:
    """Whether a share is what Manila made of a group snapshot, and nobody has named it."""
    return bool(share.get("source_share_group_snapshot_member_id")) and not share.get("name")


def is_under_way(view: View) -> bool:
    """Whether it ends by itself."""
    return "_until" in view or "_restore" in view or view["status"] in WITH_BACKUP


def by_hand(way: Way, cloud: Cloud, share: str, project_id: str, description: str) -> View:
    """What somebody else keeps of a share, by the same means, whole."""
    thing = f"foreign-{len(getattr(cloud, way.kind))}"
    view: View = {
        "id": thing,
        "name": "by hand",
        "description": description,
        "project_id": project_id,
        "status": "available",
        "created_at": None,
    }
    more: dict[str, Callable[[], View]] = {
        "snapshots": lambda: {"share_id": share, "size": 1, "metadata": {}},
        "backups": lambda: {
            "share_id": share,
            "size": 1,
            "progress": "100",
            "restore_progress": "0",
            "_project": project_id,
            "_text": "",
            "_type": None,
        },
        "group_snapshots": lambda: {
            "share_group_id": cloud.shares[share]["share_group_id"],
            "members": [{"id": f"{thing}-member", "share_id": share, "size": 1}],
            "_texts": {},
        },
    }
    return view | more[way.kind]()
