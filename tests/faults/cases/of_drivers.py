# SPDX-License-Identifier: Apache-2.0
"""The same faults for a driver that keeps shares by something else than their snapshots."""

from dataclasses import dataclass

from sandbox.faults import SIDES
from tests.faults import calls, plants
from tests.faults import driver_calls as own
from tests.faults.calls import path_of
from tests.faults.case import Case
from tests.faults.cases import bank, outages, transient
from tests.faults.cases.backend import good_ones_come_back
from tests.faults.cases.endless import backend_is_done
from tests.faults.cases.rules import refused
from tests.faults.cases.rules import transient as fault

_FORBIDDEN = "Policy does not allow it"


@dataclass(frozen=True)
class Subject:
    """A driver under faults.

    :ivar thing: what it keeps shares by, as errors name it
    :ivar make, look, drop: the calls by which that is made, polled and removed
    :ivar made, dropped: the methods of the backend that do it
    :ivar restored: the method of the backend by which a share comes back
    :ivar final: the calls of each operation that Manila may forbid
    :ivar command: what an administrator mends it by
    :ivar quota: the error of Manila's when there is no more room for it
    """

    driver: str
    thing: str
    make: str
    look: str
    drop: str
    made: str
    dropped: str
    restored: str
    final: dict[str, tuple[str, ...]]
    command: str
    quota: str


GROUP = Subject(
    driver="group",
    thing="Group snapshot",
    make=own.MAKE_GROUP_SNAPSHOT,
    look=own.GROUP_SNAPSHOT,
    drop=own.DROP_GROUP_SNAPSHOT,
    made="create_share_group_snapshot",
    dropped="delete_share_group_snapshot",
    restored="create_share_group_from_share_group_snapshot",
    final={
        "protect": (
            calls.SHARE,
            own.GROUP,
            own.MAKE_GROUP_SNAPSHOT,
            own.GROUP_SNAPSHOT,
        ),
        "restore": (
            own.GROUP_SNAPSHOT,
            own.MAKE_GROUP,
            calls.MAKE_SNAPSHOT,
            calls.MAKE_SHARE,
        ),
        "verify": (own.GROUP_SNAPSHOT,),
        "delete": (own.GROUP_SNAPSHOTS, own.GROUP_SNAPSHOT),
    },
    command="manila share-group-snapshot-reset-state",
    quota="ShareGroupSnapshotsLimitExceeded",
)

BACKUP = Subject(
    driver="backup",
    thing="Backup",
    make=own.MAKE_BACKUP,
    look=own.BACKUP,
    drop=own.DROP_BACKUP,
    made="create_backup",
    dropped="delete_backup",
    restored="restore_backup",
    final={
        "protect": (
            calls.SHARE,
            own.BACKUPS,
            own.MAKE_BACKUP,
            own.BACKUP,
        ),
        "restore": (
            own.BACKUP,
            calls.MAKE_SHARE,
            calls.SHARE,
            own.RESTORE_BACKUP,
        ),
        "verify": (own.BACKUP,),
        "delete": (own.BACKUPS, own.BACKUP),
    },
    command="openstack share backup",
    quota="BackupsLimitExceeded",
)


def cases(subject: Subject) -> dict[str, list[Case]]:
    """The table of a driver, by promise."""
    return {
        "transient": _transient(subject),
        "permanent": _permanent(subject),
        "backend": _backend(subject),
        "endless": _endless(subject),
        "statuses": _statuses(subject),
        "outages": outages.cases(
            (subject.make, subject.drop), (subject.made, subject.restored, subject.dropped)
        ),
        "bank": bank.cases(),
    }


def _transient(subject: Subject) -> list[Case]:
    found = [case for of in own.CALLS[subject.driver] for case in transient.retried(of)]
    return [
        *found,
        *(
            transient.in_a_row(operation, subject.look, kind, {})
            for operation in ("protect", "delete")
            for kind in ("500", "reset")
        ),
        *(
            Case(
                name=f"{operation}: lost replies to two of {call}, one after the other",
                operations=(operation,),
                plant=plants.on_the_way(fault("lost", call, times=2)),
            )
            for operation, call in (("protect", subject.make), ("delete", subject.drop))
        ),
    ]


def _permanent(subject: Subject) -> list[Case]:
    quota = f"{subject.quota}: no more"
    return [
        *(
            Case(
                name=f"{operation}: 403 on {call}",
                operations=(operation,),
                plant=plants.on_the_way(refused(*path_of(call), 403, "forbidden", _FORBIDDEN)),
                fails=True,
                says=(f"HTTP 403, {_FORBIDDEN}",),
            )
            for operation, asked in subject.final.items()
            for call in asked
        ),
        Case(
            name=f"protect: 413 on {subject.make}",
            operations=("protect",),
            plant=plants.on_the_way(refused(*path_of(subject.make), 413, "overLimit", quota)),
            fails=True,
            says=("HTTP 413", quota),
        ),
        Case(
            name=f"protect: 409 on {subject.make}, which passes",
            operations=("protect",),
            plant=plants.on_the_way(
                refused(*path_of(subject.make), 409, "conflictingRequest", "In use")
            ),
        ),
        Case(
            name=f"delete: 409 on {subject.drop}, which passes",
            operations=("delete",),
            plant=plants.on_the_way(
                refused(*path_of(subject.drop), 409, "conflictingRequest", "In use")
            ),
        ),
    ]


def _backend(subject: Subject) -> list[Case]:
    failing = [
        Case(
            name=f"{operation}: the backend fails {side} the work",
            operations=(operation,),
            # No tenant gets a share out of a restore from a backup that failed.
            plant=plants.all_of(plants.mended, plants.backend(method, anything=True, side=side)),
            fails=True,
            says=("is in status",),
        )
        for operation, method in (("protect", subject.made), ("restore", subject.restored))
        for side in SIDES
    ]
    mended = [
        Case(
            name=f"delete: the backend fails {side} the work, and an administrator mends it",
            operations=("delete",),
            plant=plants.all_of(plants.mended, plants.backend(subject.dropped, side=side)),
            fails=True,
            says=("an administrator", subject.command),
        )
        for side in SIDES
    ]
    # Manila says of a group snapshot that it could not delete what it says of every other that
    # failed (manila/share/manager.py, delete_share_group_snapshot): it may be asked again.
    again = Case(
        name="delete: the backend fails twice, and Manila is asked again",
        operations=("delete",),
        plant=plants.backend(subject.dropped, times=2),
    )
    several = Case(
        name="protect: one share of five fails",
        operations=("protect",),
        plant=plants.backend(subject.made),
        fails=True,
        says=(subject.thing,),
        shares=5,
        then=good_ones_come_back,
    )
    return [*failing, *([*mended, several] if subject is BACKUP else [again])]


def _endless(subject: Subject) -> list[Case]:
    slow = [
        ("protect", subject.made, 7),
        ("restore", subject.restored, 7),
        ("delete", subject.dropped, 5),
    ]
    away = [
        ("protect", subject.make),
        ("protect", subject.look),
        ("verify", subject.look),
        ("delete", subject.drop),
        ("delete", subject.look),
    ]
    return [
        *(
            Case(
                name=f"{operation}: the backend takes longer for it than it may",
                operations=(operation,),
                plant=plants.slow(**{method: seconds}),
                options="hasty",
                fails=True,
                says=("Waited 2 seconds",),
                then=backend_is_done,
            )
            for operation, method, seconds in slow
        ),
        *(
            Case(
                name=f"{operation}: 503 for ever on {call}",
                operations=(operation,),
                plant=plants.on_the_way(fault("503", call, times=None)),
                options="hasty",
                fails=True,
                says=("HTTP 503",),
            )
            for operation, call in away
        ),
    ]


def _statuses(subject: Subject) -> list[Case]:
    return [
        *(
            Case(
                name=f"protect: the share is {status}",
                operations=("protect",),
                plant=plants.share_is(status),
                fails=True,
                says=(status,),
            )
            for status in ("error", "error_deleting")
        ),
        *(
            Case(
                name=f"{operation}: what keeps the share is gone",
                operations=(operation,),
                plant=plants.kept_gone,
                fails=True,
                says=("does not show it in this project any more",),
            )
            for operation in ("restore", "verify")
        ),
        *(
            Case(
                name=f"{operation}: what keeps the share is error",
                operations=(operation,),
                plant=plants.kept_is("error"),
                fails=True,
                says=("its status is 'error'",),
            )
            for operation in ("restore", "verify")
        ),
        Case(
            name="delete: what keeps the share is gone",
            operations=("delete",),
            plant=plants.kept_gone,
        ),
        Case(
            name="delete: what keeps the share is error",
            operations=("delete",),
            plant=plants.kept_is("error"),
        ),
    ]
