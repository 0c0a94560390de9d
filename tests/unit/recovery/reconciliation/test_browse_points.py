# SPDX-License-Identifier: Apache-2.0
"""Killed at every point while access to a snapshot is made longer, or goes with its checkpoint."""

import itertools
from typing import Any

from karbor import objects

from tests.unit.karbor_stage import Service
from tests.unit.points import Points
from tests.unit.recovery.browsed import (
    HOST,
    HOUR,
    asked,
    born_again,
    browse,
    checkpoint_of,
    left,
    opened,
)
from tests.unit.recovery.reconciliation.stage import forget, reconcile


def opening(service: Service) -> Any:
    """A checkpoint with access to its snapshot."""
    checkpoint = checkpoint_of(service)
    assert browse(service, checkpoint, browse_to=HOST, browse_for=HOUR).status == "success"
    return checkpoint


def test_a_death_at_any_point_of_an_extension_leaves_nothing_open_for_ever(
    service: Service, points: Points
) -> None:
    opening(service)  # makes the bank's id and the table
    for nth in itertools.count(1):
        forget(service)
        checkpoint = opening(service)
        given = asked(browse_to=HOST, browse_for=2 * HOUR)
        record = service.record(objects.Verification, checkpoint.id, given)

        def extend(service: Service = service, record: Any = record) -> None:
            service.call("verification", record)
            service.run()

        if not points.kill(extend, nth):
            break
        service = born_again(service)
        assert "" not in reconcile(service), points.last
        service.cloud.clock.sleep(HOUR - 100)
        reconcile(service)
        assert opened(service) == [HOST], points.last
        if service.saved(record).status == "success":
            service.cloud.clock.sleep(HOUR - 100)
            reconcile(service)
            assert opened(service) == [HOST], points.last
        service.cloud.clock.sleep(2 * HOUR)
        reconcile(service)
        assert opened(service) == [], points.last
        assert left(service, checkpoint) == ([], 0), points.last
        reconcile(service)
        assert service.manager.claims.all() == [], points.last
    assert nth > 15


def test_a_death_at_any_point_of_a_deletion_leaves_nothing_of_what_was_open(
    service: Service, points: Points
) -> None:
    opening(service)  # makes the bank's id and the table
    for nth in itertools.count(1):
        forget(service)
        checkpoint = opening(service)

        def delete(service: Service = service, checkpoint: Any = checkpoint) -> None:
            service.delete(checkpoint.id)

        if not points.kill(delete, nth):
            break
        service = born_again(service)
        assert "" not in reconcile(service), points.last
        if service.checkpoint(checkpoint.id).status != "deleted":
            service.delete(checkpoint.id)
        service.cloud.clock.sleep(2 * HOUR)
        reconcile(service)
        reconcile(service)
        assert service.cloud.snapshots == {}
        assert left(service, checkpoint) == ([], 0), points.last
        assert service.manager.claims.all() == [], points.last
    assert nth > 15
