# SPDX-License-Identifier: Apache-2.0
"""Retention by Karbor's own schedule: the newest checkpoints remain, and nothing of the others."""

import time
from typing import Any

from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.schedules import Schedule

RUNS = 5
KEPT = 2
#: Karbor's timestamps are whole seconds, and by them a checkpoint is newer than another.
SECOND = 1.1


def test_five_runs_keep_the_newest_two_and_no_snapshot_of_the_others(
    stack: Stack, alpha: Tenant
) -> None:
    share = alpha.make_share("retention")
    plan = alpha.plan_of_shares([share])
    schedule = Schedule(stack, alpha, plan, "retention_protect", max_backups=KEPT)
    made: dict[str, Any] = {}

    def seen() -> dict[str, Any]:
        """All that was ever listed, in the order of their making."""
        for checkpoint in reversed(alpha.checkpoints(plan)):
            made[checkpoint.id] = checkpoint
        return made

    try:
        for run in range(1, RUNS + 1):
            schedule.come_due()
            wait(f"run {run}", seen, lambda them, run=run: len(them) >= run, 60)
            wait("its end", lambda: states(alpha, plan), lambda them: them == {"available"}, 60)
            time.sleep(SECOND)
    finally:
        schedule.close()

    def left() -> list[Any]:
        return list(alpha.checkpoints(plan))

    settled = wait(
        "the end of the last run",
        left,
        lambda them: {c.status for c in them} == {"available"} and len(them) <= KEPT + 1,
        120,
    )
    newest = list(seen())[-len(settled) :]
    assert {checkpoint.id for checkpoint in settled} == set(newest)
    # Two, and that of the last run, which retention does not count while it is being made.
    assert KEPT <= len(settled) <= KEPT + 1
    assert len(alpha.snapshots(share.id)) == len(settled)


def states(tenant: Tenant, plan: Any) -> set[str]:
    return {checkpoint.status for checkpoint in tenant.checkpoints(plan)}
