# SPDX-License-Identifier: Apache-2.0
"""An audit leaves alone what is young."""

from typing import Any

import pytest

from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.audit.stage import HOUR, actions, find, fix_all, orphaned, protected


def test_the_young_is_listed_and_left_alone_until_the_grace_is_over(service: Service) -> None:
    protected(service)
    orphan = orphaned(service)
    service.cloud.clock.sleep(HOUR - 1)
    (finding,) = find(service, grace=HOUR)
    assert (finding.snapshot_id, finding.action) == (orphan, "")
    assert "young" in finding.why
    assert fix_all(service, grace=HOUR) == ["left alone"]
    service.cloud.clock.sleep(2)
    assert fix_all(service, grace=HOUR) == ["removed"]


@pytest.mark.parametrize(
    "created_at", [None, "", "yesterday", 0, "2026-13-01T00:00:00", "9999-12-31T23:59:59.999999"]
)
def test_without_a_readable_time_nothing_is_old(service: Service, created_at: Any) -> None:
    protected(service)
    orphan = orphaned(service)
    service.cloud.snapshots[orphan]["created_at"] = created_at
    assert actions(find(service)) == {orphan: ""}
    del service.cloud.snapshots[orphan]["created_at"]
    assert actions(find(service)) == {orphan: ""}
    assert fix_all(service) == ["left alone"]


@pytest.mark.parametrize("offset", ["-10:00", "+00:00", "Z", "+10:00"])
def test_a_time_with_a_zone_is_taken_at_its_word(service: Service, offset: str) -> None:
    protected(service)
    orphan = orphaned(service)
    local = {"-10:00": "14:00", "+10:00": "10:00"}.get(offset, "00:00")
    day = "2025-12-31" if offset == "-10:00" else "2026-01-01"
    service.cloud.snapshots[orphan]["created_at"] = f"{day}T{local}:00{offset}"
    # All of these are midnight, UTC; by the clock of the test that is a quarter of an hour ago.
    assert actions(find(service, grace=HOUR)) == {orphan: ""}
