# SPDX-License-Identifier: Apache-2.0
"""A 4xx that cannot pass: the operation ends at once, and gives Manila's words."""

from tests.faults import calls, plants
from tests.faults.calls import path_of
from tests.faults.case import Case
from tests.faults.cases.rules import DROP_SNAPSHOT, MAKE_SHARE, MAKE_SNAPSHOT, refused


def cases() -> list[Case]:
    """A 4xx that cannot pass is final at once, and Manila's words are given."""
    final: dict[str, tuple[str, ...]] = {
        "protect": (
            calls.SHARE,
            calls.LIMITS,
            calls.SNAPSHOTS,
            calls.MAKE_SNAPSHOT,
            calls.SNAPSHOT,
        ),
        "restore": (calls.SNAPSHOT, calls.SHARES, calls.MAKE_SHARE, calls.SHARE),
        "verify": (calls.SNAPSHOT,),
        "delete": (calls.SHARES, calls.SNAPSHOT),
    }
    refused_once = [
        Case(
            name=f"{operation}: 403 on {call}",
            operations=(operation,),
            plant=plants.on_the_way(
                refused(*path_of(call), 403, "forbidden", "Policy does not allow it")
            ),
            fails=True,
            says=("HTTP 403, Policy does not allow it",),
            ours_only=call in (calls.LIMITS, calls.SNAPSHOTS, calls.SHARES)
            or (operation, call) == ("restore", calls.SNAPSHOT),
        )
        for operation, asked in final.items()
        for call in asked
    ]
    quota = "SnapshotLimitExceeded: no more"
    return [
        *refused_once,
        Case(
            name="protect: 413 on POST /v2/snapshots",
            operations=("protect",),
            plant=plants.on_the_way(refused(*MAKE_SNAPSHOT, 413, "overLimit", quota)),
            fails=True,
            says=("HTTP 413", quota.rstrip(".")),
        ),
        Case(
            name="restore: 413 on POST /v2/shares",
            operations=("restore",),
            plant=plants.on_the_way(refused(*MAKE_SHARE, 413, "overLimit", "ShareLimitExceeded")),
            fails=True,
            says=("HTTP 413, ShareLimitExceeded",),
        ),
        Case(
            name="protect: 400 on POST /v2/snapshots though the share is available",
            operations=("protect",),
            plant=plants.on_the_way(refused(*MAKE_SNAPSHOT, 400, "badRequest", "No such thing")),
            fails=True,
            says=("HTTP 400, No such thing",),
        ),
        Case(
            name="delete: 409 on DELETE /v2/snapshots/{id}, which passes",
            operations=("delete",),
            plant=plants.on_the_way(refused(*DROP_SNAPSHOT, 409, "conflictingRequest", "In use")),
        ),
    ]
