# SPDX-License-Identifier: Apache-2.0
"""The backend fails in the middle of its work."""

from typing import TYPE_CHECKING

from oslo_serialization import jsonutils

from sandbox.faults import SIDES
from tests.faults import plants
from tests.faults.case import Case

if TYPE_CHECKING:
    from tests.faults.world import World


def good_ones_come_back(world: "World") -> None:
    """The bad share is named, and what the checkpoint has can be had once it is declared usable."""
    bad, *good = (share.id for share in world.job.shares)
    reasons = jsonutils.loads(world.job.reason or "{}")
    if [key.partition("#")[2] for key in reasons] != [bad]:
        raise AssertionError(f"the share that failed is {bad}, and the reasons say {reasons}")
    restore = world.restore_rest(world.job)
    given = [status for status in restore.resources_status.values() if status == "available"]
    if len(given) != len(good):
        why = restore.resources_reason
        raise AssertionError(f"{len(given)} of {len(good)} good shares came back: {why}")
    if bad not in str(restore.resources_reason):
        raise AssertionError(f"the restore does not name {bad}: {restore.resources_reason}")


def cases() -> list[Case]:
    """The backend fails in the middle."""
    made = {"protect": "create_snapshot", "restore": "create_share_from_snapshot"}
    drop = {"protect": "delete_snapshot", "restore": "delete_share"}
    failing = [
        Case(
            name=f"{operation}: the backend fails {side} the work",
            operations=(operation,),
            plant=plants.backend(method, side=side),
            fails=True,
            says=("is in status 'error'", "Manila says"),
        )
        for operation, method in made.items()
        for side in SIDES
    ]
    undoing = [
        Case(
            name=f"{operation}: the backend fails, and fails to undo it",
            operations=(operation,),
            plant=plants.all_of(
                plants.mended, plants.backend(method, drop[operation], anything=True)
            ),
            fails=True,
            says=("could not be removed", "which only an administrator can end"),
            ours_only=True,
        )
        for operation, method in made.items()
    ]
    return [
        *failing,
        *undoing,
        *(
            Case(
                name=f"delete: the backend fails {side} the work, and an administrator mends it",
                operations=("delete",),
                plant=plants.all_of(plants.mended, plants.backend("delete_snapshot", side=side)),
                fails=True,
                says=("'error_deleting'", "an administrator", "openstack share snapshot"),
            )
            for side in SIDES
        ),
        Case(
            name="protect: one share of twenty fails",
            operations=("protect",),
            plant=plants.backend("create_snapshot"),
            fails=True,
            says=("is in status 'error'",),
            shares=20,
            then=good_ones_come_back,
        ),
    ]
