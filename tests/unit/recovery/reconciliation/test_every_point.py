# SPDX-License-Identifier: Apache-2.0
"""Killed, or with a service away, at every point: nothing is lost, and all is settled."""

import itertools
from typing import Any

import pytest
from karbor import objects
from oslo_db import exception as db_exception

from sandbox.faults import AFTER, BANK, DATABASE, MANILA, SIDES
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import (
    ENDS,
    MIDDLES,
    WORK,
    assert_at_its_end,
    assert_nothing_stays,
    born,
    everything,
    forget,
    left,
    reconcile,
    records,
)


@pytest.mark.parametrize("work", WORK)
def test_a_death_at_any_point_comes_to_an_end_and_nothing_is_lost(
    service: Service, points: Points, work: str
) -> None:
    WORK[work](service)()  # makes the bank's id and the table
    total = points.count(WORK[work](service))
    # Right before the next point is right after this one: nothing that lasts lies in between.
    sides = SIDES if work == "protect" else (AFTER,)
    for nth, side in ((nth, side) for nth in itertools.count(1) for side in sides):
        if not points.kill(WORK[work](service), nth, side):
            break
        service = born(service)
        assert "" not in reconcile(service), points.last
        assert_at_its_end(service)
        if work == "protect" or nth % 3 == 0:
            assert_nothing_stays(service)
        forget(service)
    assert nth > total * 0.8


@pytest.mark.parametrize("work", MIDDLES)
def test_a_reconciliation_that_dies_at_any_point_is_repeated_by_the_next_process(
    service: Service, points: Points, work: str
) -> None:
    service = left(service, work)
    total = points.count(lambda: reconcile(service))
    assert_at_its_end(service)
    for nth in itertools.count(1):
        forget(service)
        service = left(service, work)
        if not points.kill(lambda service=service: reconcile(service), nth):  # type: ignore[misc]
            break
        service = born(service)
        assert "" not in reconcile(service), points.last
        assert_at_its_end(service)
    # Which of several shares were cut short, and so how many points there are, hangs on their ids.
    assert nth > total * 0.6


@pytest.mark.parametrize("place", [MANILA, BANK, DATABASE])
@pytest.mark.parametrize("work", MIDDLES)
def test_what_is_away_at_any_point_of_a_reconciliation_only_makes_it_later(
    service: Service, points: Points, work: str, place: str
) -> None:
    points.reads = True
    service = left(service, work)
    total = points.count(lambda: reconcile(service))
    for nth in range(1, total + 1):
        if not points.names[nth - 1].startswith(place):
            continue
        if points.names[nth - 1].endswith(("get_object", "list_objects")) and nth % 5:
            continue  # there are many, and one is like the other
        names = list(points.names)
        forget(service)
        service = left(service, work)
        points.outage(lambda service=service: reconcile(service), place, nth, service.cloud.clock)  # type: ignore[misc]
        points.names[:] = names
        reconcile(service)
        (ended,) = [
            *(record.status for record in records(service)),
            *(each.status for each in everything(service) if work != "restore"),
        ]
        assert ended == ENDS[work], (nth, names[nth - 1])
        assert_at_its_end(service)


def test_a_database_that_is_away_while_a_restore_is_told_of_does_no_harm(
    service: Service, points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = left(service, "restore")
    original = objects.Restore.save
    failures = [db_exception.DBConnectionError() for _ in range(5)]  # it is asked five times

    def save(self: Any, *args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return original(self, *args, **kwargs)

    monkeypatch.setattr(objects.Restore, "save", save)
    assert reconcile(service) == ["success"]
    assert_at_its_end(service)
