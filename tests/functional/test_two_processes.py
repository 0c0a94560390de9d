# SPDX-License-Identifier: Apache-2.0
"""Two Karbor processes: one is taken over and wakes up; or both act on one checkpoint at once.

Some points of ``python -m tests.crash --pauses`` and ``--actors``, which find all of them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.stack import Stack
from sandbox.state import SECOND_KARBOR
from tests.crash import pauses, report
from tests.crash.actors import Actors, Pair
from tests.crash.points import BANK, MANILA, Call, Point
from tests.crash.ways import WAYS

SETTLE_SECONDS = 90

NEW_SNAPSHOT = Call(MANILA, "POST", "/v2/snapshots")
NEW_SHARE = Call(MANILA, "POST", "/v2/shares")
REVERT = Call(MANILA, "POST", "/v2/shares/{id}/action")
NO_SNAPSHOT = Call(MANILA, "DELETE", "/v2/snapshots/{id}")
RECORD = Call(BANK, "update", "/checkpoints/{id}/resource-data/{id}/metadata")

PAUSES = [
    Point("protect", NEW_SNAPSHOT, 1, "before"),
    Point("protect", RECORD, 1, "after"),
    Point("restore", NEW_SHARE, 1, "after"),
    Point("in place", REVERT, 1, "before"),
    Point("in place", REVERT, 1, pauses.LATE),
    Point("delete", NO_SNAPSHOT, 1, "after"),
]

NEW_GROUP_SNAPSHOT = Call(MANILA, "POST", "/v2/share-group-snapshots")
NEW_GROUP = Call(MANILA, "POST", "/v2/share-groups")
NO_GROUP = Call(MANILA, "DELETE", "/v2/share-groups/{id}")
NO_GROUP_SNAPSHOT = Call(MANILA, "DELETE", "/v2/share-group-snapshots/{id}")
NEW_BACKUP = Call(MANILA, "POST", "/v2/share-backups")
FROM_BACKUP = Call(MANILA, "POST", "/v2/share-backups/{id}/action")
NO_BACKUP = Call(MANILA, "DELETE", "/v2/share-backups/{id}")

PAUSES_OF_OTHERS = [
    ("group", Point("protect", NEW_GROUP_SNAPSHOT, 1, "before")),
    ("group", Point("restore of one", NEW_GROUP, 1, "after")),
    ("group", Point("restore of one", NO_GROUP, 1, "before")),
    ("group", Point("delete", NO_GROUP_SNAPSHOT, 1, "after")),
    ("backup", Point("protect", NEW_BACKUP, 1, "after")),
    ("backup", Point("restore", FROM_BACKUP, 1, "after")),
    ("backup", Point("in place", FROM_BACKUP, 1, pauses.LATE)),
    ("backup", Point("delete", NO_BACKUP, 1, "before")),
]

PAIRS = [
    Pair(Point("in place with safety copy", NEW_SHARE, 1, "before"), "DELETE of the oldest"),
    Pair(Point("in place", REVERT, 1, "after"), "a restore in place"),
    Pair(Point("restore", NEW_SHARE, 1, "before"), "reset-state"),
    Pair(Point("protect", NEW_SNAPSHOT, 1, "after"), "audit --fix"),
    Pair(Point("copy", NEW_SHARE, 1, "after"), "DELETE of the oldest"),
    Pair(Point("delete", NO_SNAPSHOT, 1, "before"), "another restore"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("two") / "state"
    stack = Stack(
        folder,
        mortal_bank=True,
        second_karbor=True,
        karbor_options=pauses.KARBOR_OPTIONS,
        share_options=pauses.SHARE_OPTIONS,
    )
    with stack:
        yield stack
    stack.destroy()


@pytest.mark.parametrize("point", PAUSES, ids=str)
def test_who_wakes_up_after_a_takeover_changes_nothing_that_was_told(
    stack: Stack, point: Point
) -> None:
    outcome = pauses.Pauses.on(stack, SETTLE_SECONDS).run(point)
    assert not outcome.findings, report.line(outcome)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_two_who_act_at_once_are_both_told_the_truth(stack: Stack, pair: Pair) -> None:
    outcome = Actors.on(stack, SETTLE_SECONDS).run(pair)  # type: ignore[arg-type]
    assert not outcome.findings, report.line(outcome)


# Last, because they need Karbors with other options.
@pytest.mark.parametrize(("driver", "point"), PAUSES_OF_OTHERS, ids=str)
def test_nor_does_it_with_other_drivers(stack: Stack, driver: str, point: Point) -> None:
    options = {**pauses.SHARE_OPTIONS, **WAYS[driver].share_options()}
    if stack.state.settings().share_options != options:
        for karbor in ("karbor", SECOND_KARBOR):
            stack.restart(karbor, share_options=options)
    outcome = pauses.Pauses.on(stack, SETTLE_SECONDS, driver).run(point)
    assert not outcome.findings, report.line(outcome)
