# SPDX-License-Identifier: Apache-2.0
"""Killed at every point of a hold or a release: it is done or not, and can be asked for again."""

import itertools
from typing import Any

import pytest
from karbor import objects

from tests.unit.karbor_stage import SHARE, Service, told
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import assert_at_its_end, born, forget, reconcile

HOLD = {SHARE: {"depth": "hold", "hold_why": "the auditor looks at it"}}
RELEASE = {SHARE: {"depth": "release"}}


@pytest.mark.parametrize(("before", "after"), [(None, HOLD), (HOLD, RELEASE)])
def test_a_death_at_any_point_leaves_it_done_or_not(
    service: Service, points: Points, before: Any, after: Any
) -> None:
    service.protect(service.plan(service.share()))  # makes the bank's id and the table
    for nth in itertools.count(1):
        forget(service)
        checkpoint = service.protect(service.plan(service.share()))
        if before:
            service.verify(checkpoint.id, before)
        record = service.record(objects.Verification, checkpoint.id, after)

        def act(service: Service = service, record: Any = record) -> None:
            service.call("verification", record)

        if not points.kill(act, nth):
            break
        service = born(service)
        assert "" not in reconcile(service), points.last
        assert_at_its_end(service)
        assert service.checkpoint(checkpoint.id).status == "available"
        stands = ("hold" in told(service.checkpoint(checkpoint.id))) == (after is HOLD)
        assert service.saved(record).status == ("success" if stands else "fail"), points.last
        assert service.verify(checkpoint.id, after).status == "success", points.last
        assert ("hold" in told(service.checkpoint(checkpoint.id))) == (after is HOLD)
        if after is HOLD:
            service.verify(checkpoint.id, RELEASE)
        service.delete(checkpoint.id)
    assert nth > 3
