# SPDX-License-Identifier: Apache-2.0
"""Retention by Karbor's own schedule: the newest checkpoints remain, and nothing of the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait

RUNS = 5
KEPT = 2

# Karbor's crontab knows no seconds; its calendar does.
EVERY_TWELVE_SECONDS = "\n".join(
    (
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT",
        "RRULE:FREQ=SECONDLY;INTERVAL=12",
        "END:VEVENT",
        "END:VCALENDAR",
    )
)
OPTIONS = {
    "DEFAULT/time_format": "calendar",
    "DEFAULT/min_interval": 12,
    "DEFAULT/min_window_time": 4,
    "DEFAULT/max_window_time": 6,
    "DEFAULT/trigger_poll_interval": 1,
}


@pytest.fixture(scope="module")
def alpha(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    folder: Path = tmp_path_factory.mktemp("retention")
    with Stack(folder, karbor_options=OPTIONS) as stack:
        yield Tenant(stack.info, "alpha")


def test_five_runs_keep_the_newest_two_and_no_snapshot_of_the_others(alpha: Tenant) -> None:
    share = alpha.make_share("retention")
    plan = alpha.plan_of_shares([share])
    trigger = alpha.karbor.triggers.create(
        "often", "time", {"format": "calendar", "pattern": EVERY_TWELVE_SECONDS, "window": 5}
    )
    operation = alpha.karbor.scheduled_operations.create(
        "keep two",
        "retention_protect",
        trigger.id,
        {"provider_id": plan.provider_id, "plan_id": plan.id, "max_backups": KEPT},
    )
    made: dict[str, Any] = {}

    def seen() -> dict[str, Any]:
        """All that was ever listed, in the order of their making."""
        for checkpoint in reversed(alpha.checkpoints(plan)):
            made[checkpoint.id] = checkpoint
        return made

    wait("five runs", seen, lambda them: len(them) >= RUNS, RUNS * 60)
    alpha.karbor.scheduled_operations.delete(operation.id)
    alpha.karbor.triggers.delete(trigger.id)

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
