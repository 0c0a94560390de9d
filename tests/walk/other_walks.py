# SPDX-License-Identifier: Apache-2.0
"""The walk with other ways to keep a share, and what only their drivers can do."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from karbor import objects

from tests.walk import troubles, ways
from tests.walk.fate import Trouble
from tests.walk.walk import PICK, Walk
from tests.walk.world import SHARE


class BackupWalk(Walk):
    """Shares are kept by backups."""

    way = ways.BACKUP

    @rule(pick=PICK, into=PICK, met=troubles.SOME)
    def restore_into_others(self, pick: int, into: int, met: list[Trouble]) -> None:
        """Each share of a checkpoint into another one that is there."""
        world, checkpoint = self.world, self._checkpoint(pick)
        if not checkpoint:
            return
        with world.fate.aside():
            sources = world.shares_of(checkpoint)
        there = [each for each in world.texts if each in world.cloud.shares]
        others = [each for each in there if each not in sources]
        if not others:
            return
        turned = [others[(into + each) % len(others)] for each in range(len(others))]
        given = {
            f"{SHARE}#{source}": {"share_id": other}
            for source, other in zip(sources, turned, strict=False)
        }
        self._restore_with(checkpoint, given, met)


class GroupWalk(Walk):
    """Shares of two groups are kept together, and others by snapshots."""

    way = ways.GROUP

    @rule(pick=PICK, whole=st.booleans(), met=troubles.SOME)
    def restore_as_a_group(self, pick: int, whole: bool, met: list[Trouble]) -> None:
        """All shares of a checkpoint, or one of them, as asked for rightly or wrongly."""
        world, checkpoint = self.world, self._checkpoint(pick)
        if not checkpoint or len(world.cloud.shares) > 12:
            return
        given: dict[str, Any] = {SHARE: {"as_group": True}}
        if not whole:
            with world.fate.aside():
                given |= {
                    f"{SHARE}#{each}": {"include": False}
                    for each in world.shares_of(checkpoint)[1:]
                }
        record = world.service.record(objects.Restore, checkpoint, given)
        self._do(lambda: self._carried_out(record), met)
