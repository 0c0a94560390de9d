# SPDX-License-Identifier: Apache-2.0
"""The random walk with each way to keep a share, two of them a third as long; and walks that have
failed once."""

import hypothesis

from tests.walk.conftest import SEED
from tests.walk.fate import MANILA, Trouble
from tests.walk.other_walks import BackupWalk, GroupWalk
from tests.walk.walk import Walk

TestWalk = hypothesis.seed(SEED)(Walk).TestCase
TestWalk.settings = usual = hypothesis.settings.get_profile("walk")
shorter = hypothesis.settings(usual, max_examples=max(1, usual.max_examples // 3))

TestBackupWalk = hypothesis.seed(SEED)(BackupWalk).TestCase
TestBackupWalk.settings = shorter

TestGroupWalk = hypothesis.seed(SEED)(GroupWalk).TestCase
TestGroupWalk.settings = shorter


# Walks that have failed once.


def test_a_user_deletes_what_a_dead_process_left() -> None:
    """The log of the dead protection stayed open."""
    walk = Walk()
    walk.begin(shares=3)
    walk.protect_the_project(met=[Trouble("late kill", MANILA, "create_snapshot", detail=0.05)])
    walk.delete(pick=0, met=[])
    walk.the_books_are_in_order()
    walk.teardown()


def test_a_share_is_extended_while_it_is_protected() -> None:
    """The record had the size from before, and Manila refused the restore."""
    walk = Walk()
    walk.begin(shares=1)
    change = Trouble("change", MANILA, "limits", after=True, detail="share extended")
    walk.protect(picks=[0], met=[change])
    walk.restore(pick=0, met=[])
    walk.the_books_are_in_order()
    walk.teardown()
