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
KINDS = ("snapshots", "backups")
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
    "group",
    "group_snapshots",
    (),
    {
        "create_share_group_snapshot": 3.0,
        "delete_share_group_snapshot": 2.0,
        "create_share_group": 10.0,
        "delete_share_group": 2.0,
    },
)


def sizes(view: View) -> dict[str, int]:
    """The shares that something keeps, each with its size."""
    if "members" in view:
        return {member["share_id"]: member["size"] for member in view["members"]}
    return {view["share_id"]: view["size"]}


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
