# SPDX-License-Identifier: Apache-2.0
"""The table: every fault, and how what is done under it has to end.

The promise: whatever fails, no snapshot or share of ours is left that no checkpoint accounts for,
no checkpoint is stuck, and the user can read why. What is transient is retried.
"""

import re
import time
from typing import TYPE_CHECKING, Any

from oslo_serialization import jsonutils

from sandbox.karbor.providers import OURS
from sandbox.proxy.rules import Rule
from tests.faults import calls, plants
from tests.faults.calls import CALLS, ONCE, Calls, path_of
from tests.faults.case import Case

if TYPE_CHECKING:
    from tests.faults.world import World

RETRY_AFTER = {"Retry-After": "1"}
OPERATIONS = ("protect", "restore", "verify", "delete")
SNAPSHOT = path_of(calls.SNAPSHOT)
SHARE = path_of(calls.SHARE)
MAKE_SNAPSHOT = path_of(calls.MAKE_SNAPSHOT)
MAKE_SHARE = path_of(calls.MAKE_SHARE)
DROP_SNAPSHOT = path_of(calls.DROP_SNAPSHOT)


def passing(kind: str, call: str, **more: Any) -> Rule:
    """A transient error on a call."""
    method, path = path_of(call)
    if kind.isdigit():
        headers = RETRY_AFTER if kind == "429" else {}
        return Rule.answer(method, path, int(kind), headers=headers, **more)
    return {"reset": Rule.reset, "lost": Rule.lose_reply}[kind](method, path, **more)


def refused(method: str, path: str, status: int, name: str, message: str, **more: Any) -> Rule:
    """A refusal as Manila words it."""
    body = {name: {"code": status, "message": message}}
    return Rule.answer(method, path, status, body, **more)


# -- what passes --------------------------------------------------------------------------------


def ridden_out(of: Calls, *, fresh: bool = False) -> list[Case]:
    """Each kind of transient error, once on the first of each call that the operation makes."""
    return [
        Case(
            name=f"{of.name}: {kind} on {call}",
            operations=(of.operation,),
            plant=_with_failing_backend(of, plants.on_the_way(passing(kind, call, nth=nth))),
            fails=bool(of.undone),
            says=("is in status 'error'", "Manila says") if of.undone else (),
            fresh=fresh,
        )
        for call, nth in of.targets
        for kind in _kinds(of, call)
    ]


def _kinds(of: Calls, call: str) -> tuple[str, ...]:
    if of.undone:
        # The ways to answer are the same as in doing: one in which nothing was done, one in which
        # everything was.
        return ("503", "lost")
    throttled = call in (calls.MAKE_SNAPSHOT, calls.MAKE_SHARE, calls.DROP_SNAPSHOT, calls.SNAPSHOT)
    return ("500", "503", "reset", "lost", *(("429",) if throttled else ()))


def _with_failing_backend(of: Calls, plant: Any) -> Any:
    return plants.all_of(plants.backend(of.undone), plant) if of.undone else plant


def in_a_row(operation: str, call: str, kind: str, slow: dict[str, float]) -> Case:
    """One call fails four times in a row."""
    return Case(
        name=f"{operation}: {kind} on {call}, four times in a row",
        operations=(operation,),
        plant=plants.all_of(plants.slow(**slow), plants.on_the_way(passing(kind, call, times=4))),
    )


def passing_cases(provider: str) -> list[Case]:
    """Transient errors on any call of any operation."""
    cases = [case for of in CALLS[provider] for case in ridden_out(of)]
    cases += ridden_out(ONCE, fresh=True) if provider == OURS else []
    polls = {"protect": calls.SNAPSHOT, "restore": calls.SHARE, "delete": calls.SNAPSHOT}
    cases += [
        in_a_row(operation, call, kind, {})
        for operation, call in polls.items()
        for kind in ("500", "reset")
    ]
    return [
        *cases,
        Case(
            name="protect: lost replies to two POSTs, one after the other",
            operations=("protect",),
            plant=plants.on_the_way(Rule.lose_reply(*MAKE_SNAPSHOT, times=2)),
            shares=2,
        ),
        Case(
            name="protect of three: 503 on the list of their shares",
            operations=("protect",),
            plant=plants.on_the_way(passing("503", calls.SHARES)),
            shares=3,
            ours_only=True,
        ),
        Case(
            name="protect of three: 503 on the list that polls their snapshots",
            operations=("protect",),
            plant=plants.all_of(
                plants.slow(create_snapshot=1),
                plants.on_the_way(passing("503", calls.SNAPSHOTS, nth=2, times=2)),
            ),
            shares=3,
            ours_only=True,
        ),
        Case(
            name="protect: the reply to the POST is lost and the next look for it fails",
            operations=("protect",),
            plant=plants.on_the_way(
                Rule.lose_reply(*MAKE_SNAPSHOT),
                *([passing("503", calls.SNAPSHOTS, nth=2)] if provider == OURS else []),
            ),
        ),
        Case(
            name="restore: a POST fails twice, once with and once without a share made",
            operations=("restore",),
            plant=plants.on_the_way(
                Rule.answer(*MAKE_SHARE, 500), Rule.lose_reply(*MAKE_SHARE, nth=2)
            ),
            ours_only=True,
        ),
    ]


# -- what is final ------------------------------------------------------------------------------


def refusals() -> list[Case]:
    """A 4xx that cannot pass is final at once, and Manila's words are told."""
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
    cases = [
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
        *cases,
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


# -- the backend --------------------------------------------------------------------------------


def good_ones_come_back(world: "World") -> None:
    """The bad share is named, and what the checkpoint has can be had once it is declared usable."""
    bad, *good = (share.id for share in world.job.shares)
    reasons = jsonutils.loads(world.job.reason or "{}")
    if [key.partition("#")[2] for key in reasons] != [bad]:
        raise AssertionError(f"the share that failed is {bad}, and the reasons say {reasons}")
    restore = world.restore_rest(world.job)
    given = [status for status in restore.resources_status.values() if status == "available"]
    if len(given) != len(good):
        raise AssertionError(f"{len(given)} of {len(good)} good shares came back")
    if bad not in str(restore.resources_reason):
        raise AssertionError(f"the restore does not name {bad}: {restore.resources_reason}")


def failing_backend() -> list[Case]:
    """The backend fails in the middle."""
    made = {"protect": "create_snapshot", "restore": "create_share_from_snapshot"}
    drop = {"protect": "delete_snapshot", "restore": "delete_share"}
    failing = [
        Case(
            name=f"{operation}: the backend fails {when} the work",
            operations=(operation,),
            plant=plants.backend(method, when=when),
            fails=True,
            says=("is in status 'error'", "Manila says"),
        )
        for operation, method in made.items()
        for when in ("before", "after")
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
                name=f"delete: the backend fails {when} the work, and an administrator mends it",
                operations=("delete",),
                plant=plants.all_of(plants.mended, plants.backend("delete_snapshot", when=when)),
                fails=True,
                says=("'error_deleting'", "an administrator", "openstack share snapshot"),
            )
            for when in ("before", "after")
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


# -- what never ends ----------------------------------------------------------------------------


def unknown_snapshot(world: "World") -> dict[str, Any]:
    """A snapshot in a status that nobody knows."""
    share = world.shares[0]
    known = {"id": "?", "share_id": share.id, "project_id": share.project_id}
    return {"snapshot": {**known, "status": "levitating"}}


def unknown_share(world: "World") -> dict[str, Any]:
    """A share in a status that nobody knows."""
    known = world.shares[0].to_dict()
    return {"share": {**known, "status": "levitating"}}


def endless() -> list[Case]:
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
            plant=plants.answered(*SNAPSHOT, unknown_snapshot),
            says=("Waited 2 seconds", "'levitating'"),
            **hasty,
        ),
        Case(
            name="protect: the share is in a status that nobody knows",
            operations=("protect",),
            plant=plants.answered(*SHARE, unknown_share),
            says=("Waited 2 seconds", "'levitating'"),
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
            plant=plants.answered(*SHARE, unknown_share),
            says=("Waited 2 seconds", "'levitating'"),
            **hasty,
        ),
        Case(
            name="restore: the snapshot is in a status that nobody knows",
            operations=("restore",),
            plant=plants.answered(*SNAPSHOT, unknown_snapshot),
            says=("'levitating'",),
            ours_only=True,
            **hasty,
        ),
        Case(
            name="verify: the snapshot is in a status that nobody knows",
            operations=("verify",),
            plant=plants.answered(*SNAPSHOT, unknown_snapshot),
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
            plant=plants.answered(*SNAPSHOT, unknown_snapshot),
            says=("Waited 2 seconds", "'levitating'"),
            **hasty,
        ),
        Case(
            name="delete: the snapshot is being made for ever",
            operations=("delete",),
            plant=plants.snapshot_is("creating"),
            says=("Waited 2 seconds", "'creating'"),
            **hasty,
        ),
        *(
            Case(
                name=f"{operation}: 503 for ever on {call}",
                operations=(operation,),
                plant=plants.on_the_way(passing("503", call, times=None)),
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
                thing.status.startswith("creating") or thing.status == "deleting"
                for thing in [*world.snapshots(), *world.site.alpha.shares()]
            )
        )
    )


# -- the statuses of things, and what others do --------------------------------------------------


def extending(world: "World") -> None:
    """The owner has the share extended."""
    shares = world.site.alpha.manila.shares
    shares.extend(world.shares[0].id, 2)
    world.await_manila(lambda: shares.get(world.shares[0].id).status == "extending")


def share_is_mended(world: "World") -> None:
    """As soon as Karbor has seen the share, its migration ends."""
    world.await_call(calls.SHARE)
    world.site.admin.manila.shares.reset_state(world.shares[0].id, "available")


def snapshot_is_mended(world: "World") -> None:
    """As soon as Karbor was refused the deletion, the snapshot becomes available."""
    world.await_call(calls.DROP_SNAPSHOT)
    world.set_snapshots("available")


def cloning(world: "World") -> None:
    """The owner has a share made of the snapshot."""
    (snapshot,) = world.snapshots()
    shares = world.site.alpha.manila.shares
    world.owned.add(shares.create("NFS", 1, snapshot_id=snapshot.id, name="clone").id)


def clone_is_whole(world: "World") -> None:
    """The owner's new share was not spoilt by the end of its snapshot."""
    (clone,) = world.owned
    shares = world.site.alpha.manila.shares
    world.await_manila(lambda: not shares.get(clone).status.startswith("creating"))
    status = shares.get(clone).status
    if status != "available":
        raise AssertionError(f"the share that was being made of the snapshot is {status}")


def statuses() -> list[Case]:
    """What is to be protected, restored or deleted is not as it should be."""
    return [
        *(
            Case(
                name=f"protect: the share is {status}",
                operations=("protect",),
                plant=plants.share_is(status),
                fails=True,
                says=(f"its status is {status!r}",),
            )
            for status in ("error", "deleting", "error_deleting")
        ),
        Case(
            name="protect: the share is gone",
            operations=("protect",),
            plant=plants.share_gone,
            fails=True,
            says=("no such share",),
        ),
        Case(
            name="protect: the share is being extended, and is soon ready",
            operations=("protect",),
            plant=plants.all_of(plants.slow(extend_share=2), plants.beforehand(extending)),
            ours_only=True,
        ),
        Case(
            name="protect: the share migrates, and is soon there",
            operations=("protect",),
            plant=plants.share_is("migrating"),
            meanwhile=share_is_mended,
            ours_only=True,
        ),
        *(
            Case(
                name=f"{operation}: the snapshot is gone",
                operations=(operation,),
                plant=plants.snapshot_gone,
                fails=True,
                says=("does not show it in this project any more",),
            )
            for operation in ("restore", "verify")
        ),
        *(
            Case(
                name=f"{operation}: the snapshot is {status}",
                operations=(operation,),
                plant=plants.snapshot_is(status),
                fails=True,
                says=(f"its status is {status!r}",),
            )
            for operation in ("restore", "verify")
            for status in ("error", "error_deleting")
        ),
        Case(
            name="delete: the snapshot is gone", operations=("delete",), plant=plants.snapshot_gone
        ),
        Case(
            name="delete: the snapshot is error",
            operations=("delete",),
            plant=plants.snapshot_is("error"),
        ),
        Case(
            name="delete: the snapshot is error_deleting until an administrator mends it",
            operations=("delete",),
            plant=plants.snapshot_is("error_deleting", mended="error"),
            fails=True,
            says=("openstack share snapshot", "Delete the checkpoint again"),
        ),
        Case(
            name="delete: the snapshot is being made, and is soon there",
            operations=("delete",),
            plant=plants.snapshot_is("creating"),
            meanwhile=snapshot_is_mended,
            ours_only=True,
        ),
        Case(
            name="delete: a share is being made of the snapshot",
            operations=("delete",),
            plant=plants.all_of(
                plants.slow(create_share_from_snapshot=2), plants.beforehand(cloning)
            ),
            then=clone_is_whole,
        ),
    ]


# -- outages ------------------------------------------------------------------------------------


def keystone_goes(world: "World") -> None:
    """Once all operations are at work, Keystone is away for twenty seconds."""
    world.await_call(calls.DROP_SNAPSHOT)
    world.await_call(calls.MAKE_SNAPSHOT)
    world.await_call(calls.MAKE_SHARE)
    world.site.stack.kill("keystone")
    time.sleep(20)
    world.site.stack.start_service("keystone")


def manila_goes(world: "World") -> None:
    """Once all operations are at work, Manila is away for twenty seconds."""
    world.await_call(calls.DROP_SNAPSHOT)
    world.await_call(calls.MAKE_SNAPSHOT)
    world.await_call(calls.MAKE_SHARE)
    world.site.proxy.outage(20)


BUSY = plants.slow(create_snapshot=4, create_share_from_snapshot=4, delete_snapshot=4)


def outages() -> list[Case]:
    """Manila or Keystone are away for twenty seconds, in four operations at once."""
    at_work = ("protect", "restore", "delete")
    return [
        Case(
            name="all: Manila is away for 20 s before they begin",
            operations=OPERATIONS,
            plant=plants.beforehand(lambda world: world.site.proxy.outage(20)),
        ),
        Case(
            name="all: Manila is away for 20 s while they are at work",
            operations=at_work,
            plant=BUSY,
            meanwhile=manila_goes,
        ),
        Case(
            name="all: Keystone is away for 20 s before they begin",
            operations=OPERATIONS,
            plant=plants.keystone_away(20),
        ),
        Case(
            name="all: Keystone is away for 20 s while they are at work",
            operations=at_work,
            plant=BUSY,
            meanwhile=keystone_goes,
        ),
    ]


# -- the bank -----------------------------------------------------------------------------------

RECORD = r"/resource-data/.+/metadata$"
INTENT = r"/resource-data/.+/intent$"
STATUS = r"/resource-data/.+/status$"
RESTORES = r"/resource-data/.+/restores/"
INDEX = r"^/checkpoints/[^/]+/index\.json$"


def bank() -> list[Case]:
    """The bank fails to take, to give or to remove something."""
    once = [
        ("protect", "update", STATUS, 1),
        ("protect", "update", INTENT, 1),
        ("protect", "update", INTENT, 2),
        ("protect", "update", RECORD, 1),
        ("protect", "delete", INTENT, 1),
        ("restore", "get", RECORD, 1),
        ("restore", "update", RESTORES, 1),
        ("restore", "delete", RESTORES, 1),
        ("verify", "get", RECORD, 1),
        ("delete", "get", RECORD, 1),
        ("delete", "delete", RECORD, 1),
        ("delete", "update", STATUS, 1),
    ]
    for_ever = [
        ("protect", "update", INTENT, 1, "The bank failed to take 'intent'"),
        ("protect", "update", INTENT, 2, "The bank failed to take 'intent'"),
        ("protect", "update", RECORD, 1, "The bank failed to take 'metadata'"),
        ("restore", "get", RECORD, 1, "The bank failed to give 'metadata'"),
        ("restore", "update", RESTORES, 1, "The bank failed to take 'restores/"),
        ("verify", "get", RECORD, 1, "The bank failed to give 'metadata'"),
        ("delete", "get", RECORD, 1, "The bank failed to give 'metadata'"),
        ("delete", "delete", RECORD, 1, "The bank failed to remove 'metadata'"),
    ]
    return [
        *(
            Case(
                name=f"{operation}: the bank fails once to {call} {_page(key)}, number {nth}",
                operations=(operation,),
                plant=plants.bank(call, key, nth),
                ours_only=True,
            )
            for operation, call, key, nth in once
        ),
        *(
            Case(
                name=f"{operation}: the bank fails for ever to {call} {_page(key)}, from {nth} on",
                operations=(operation,),
                plant=plants.bank(call, key, nth, times=None),
                fails=True,
                says=(words,),
                ours_only=True,
            )
            for operation, call, key, nth, words in for_ever
        ),
    ]


def _page(key: str) -> str:
    """The name of a page, from the pattern that finds its key."""
    return re.sub(r".*/([a-z.]+)/?$", r"\1", key.replace("\\", "").rstrip("$"))


def table(provider: str = OURS) -> dict[str, list[Case]]:
    """The whole table for a provider, by promise."""
    groups = {
        "passing": passing_cases(provider),
        "final": refusals(),
        "backend": failing_backend(),
        "endless": endless(),
        "statuses": statuses(),
        "outages": outages(),
        "bank": bank(),
    }
    if provider == OURS:
        return groups
    # Karbor's own plugin has no verification.
    return {
        group: [case for case in cases if not case.ours_only and case.operations != ("verify",)]
        for group, cases in groups.items()
    }
