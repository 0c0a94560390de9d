# SPDX-License-Identifier: Apache-2.0
"""Two Karbor processes: one is taken over and wakes up; or both act on one checkpoint at once.

Some points of ``python -m tests.crash --pauses`` and ``--actors``, which find all of them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.stack import Stack
from tests.crash import pauses, report
from tests.crash.actors import Actors, Pair
from tests.crash.points import BANK, MANILA, Call, Point

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
