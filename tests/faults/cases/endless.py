# SPDX-License-Identifier: Apache-2.0
"""What never ends: every wait has a deadline, and an unknown status is no success."""

from typing import TYPE_CHECKING, Any

from tests.crash.ways import IN_PASSING
from tests.faults import calls, plants
from tests.faults.case import Case
from tests.faults.cases import rules
from tests.faults.cases.rules import transient

if TYPE_CHECKING:
    from tests.faults.world import World


def unknown_snapshot(world: "World") -> dict[str, Any]:
    """A snapshot in a status that nobody knows."""
    share = world.shares[0]
    known = {"id": "?", "share_id": share.id, "project_id": share.project_id}
    return {"snapshot": {**known, "status": "levitating"}}


def unknown_share(world: "World") -> dict[str, Any]:
    """A share in a status that nobody knows."""
    known = world.shares[0].to_dict()
    return {"share": {**known, "status": "levitating"}}


def cases() -> list[Case]:
    """Every wait has a deadline; a status that nobody knows is neither success nor failure."""
    hasty = {"options": "hasty", "fails": True}
    return [
        Case(
            name="protect: the snapshot takes longer than protect_timeout",
            operations=("protect",),
            plant=plants.slow(create_snapshot=7),
            says=("Waited 2 seconds", "status 'creating'", "could not be removed"),
            then=backend_is_done,
            ours_only=True,
            **hasty,
        ),
        Case(
            name="protect: the snapshot is in a status that nobody knows",
            operations=("protect",),
            plant=plants.answered(*rules.SNAPSHOT, unknown_snapshot),
            says=("2 seconds", "'levitating'"),
            **hasty,
        ),
        Case(
            name="protect: the share is in a status that nobody knows",
            operations=("protect",),
            plant=plants.answered(*rules.SHARE, unknown_share),
            says=("2 seconds", "'levitating'"),
            **hasty,
        ),
        Case(
            name="protect: the share migrates for ever",
            operations=("protect",),
            plant=plants.share_is("migrating"),
            says=("Waited 2 seconds", "'migrating'"),
            **hasty,
        ),
        Case(
            name="restore: the new share takes longer than restore_timeout",
            operations=("restore",),
            plant=plants.slow(create_share_from_snapshot=7),
            says=("Waited 2 seconds", "'creating'", "could not be removed"),
            then=backend_is_done,
            ours_only=True,
            **hasty,
        ),
        Case(
            name="restore: the new share is in a status that nobody knows",
            operations=("restore",),
            plant=plants.answered(*rules.SHARE, unknown_share),
            says=("2 seconds", "'levitating'"),
            **hasty,
        ),
        Case(
            name="restore: the snapshot is in a status that nobody knows",
            operations=("restore",),
            plant=plants.answered(*rules.SNAPSHOT, unknown_snapshot),
            says=("'levitating'",),
            ours_only=True,
            **hasty,
        ),
        Case(
            name="verify: the snapshot is in a status that nobody knows",
            operations=("verify",),
            plant=plants.answered(*rules.SNAPSHOT, unknown_snapshot),
            says=("'levitating'",),
            **hasty,
        ),
        Case(
            name="delete: the snapshot takes longer than delete_timeout",
            operations=("delete",),
            plant=plants.slow(delete_snapshot=5),
            says=("Waited 2 seconds", "'deleting'"),
            then=backend_is_done,
            ours_only=True,
            **hasty,
        ),
        Case(
            name="delete: the snapshot is in a status that nobody knows",
            operations=("delete",),
            plant=plants.answered(*rules.SNAPSHOT, unknown_snapshot),
            says=("2 seconds", "'levitating'"),
            **hasty,
        ),
        Case(
            name="delete: the snapshot is being made for ever",
            operations=("delete",),
            plant=plants.kept_is("creating"),
            says=("Waited 2 seconds", "'creating'"),
            **hasty,
        ),
        *(
            Case(
                name=f"{operation}: 503 for ever on {call}",
                operations=(operation,),
                plant=plants.on_the_way(transient("503", call, times=None)),
                says=("HTTP 503",),
                **hasty,
            )
            for operation, call in (
                ("protect", calls.SHARE),
                ("protect", calls.MAKE_SNAPSHOT),
                ("protect", calls.SNAPSHOT),
                ("restore", calls.MAKE_SHARE),
                ("restore", calls.SHARE),
                ("verify", calls.SNAPSHOT),
                ("delete", calls.DROP_SNAPSHOT),
                ("delete", calls.SNAPSHOT),
            )
        ),
    ]


def backend_is_done(world: "World") -> None:
    """Wait until Manila has brought to its end what it was asked for."""
    world.await_manila(
        lambda: (
            not any(
                thing.status in IN_PASSING for thing in [*world.kept(), *world.site.alpha.shares()]
            )
        )
    )
