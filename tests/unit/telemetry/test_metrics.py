# SPDX-License-Identifier: Apache-2.0
"""The counters of events."""

import threading

import pytest

from karbor_manila.telemetry.dispatch import Counts, Delivery
from karbor_manila.telemetry.events import CheckpointEvent, Event, ReconcileEvent
from karbor_manila.telemetry.metrics import BUCKETS, Kind, Metrics, MetricsListener, result_of
from tests.unit.telemetry.listeners import event

PROTECT = Kind("protect", "")
IDS = {"provider_id": "a", "checkpoint_id": "b", "project_id": "c"}


@pytest.mark.parametrize(
    ("told", "result"),
    [
        (event(phase="start"), "begun"),
        (event(phase="end"), "done"),
        (event(phase="end", left_out=True), "left_out"),
        (event(phase="error"), "failed"),
        (event(phase="error", followed=True), "followed"),
        (
            CheckpointEvent(operation="checkpoint", phase="end", flow="copy", left_out=3, **IDS),
            "done",
        ),
    ],
)
def test_each_event_has_one_result(told: Event, result: str) -> None:
    assert result_of(told) == result


def test_events_are_counted_by_what_they_are_about_and_their_result() -> None:
    metrics = Metrics()
    listener = MetricsListener(name="metrics", settings=None, metrics=metrics)
    told = [
        event(phase="start"),
        event(phase="end"),
        event(phase="end"),
        CheckpointEvent(operation="checkpoint", phase="start", flow="protect", **IDS),
        ReconcileEvent(operation="reconcile", phase="end", item="restore", item_id="d", **IDS),
    ]
    listener.deliver([Delivery(each, None) for each in told])
    assert metrics.read().events == {
        (PROTECT, "begun"): 1,
        (PROTECT, "done"): 2,
        (Kind("checkpoint", "protect"), "begun"): 1,
        (Kind("reconcile", "restore"), "done"): 1,
    }


def test_durations_are_in_buckets_of_minutes() -> None:
    metrics = Metrics()
    for seconds in (1.0, 60.0, 61.0, 86400.0, 90000.0):
        metrics.note(event(seconds=seconds))
    durations = metrics.read().durations[PROTECT]
    up_to = dict(zip(BUCKETS, durations.up_to, strict=True))
    assert (up_to[1], up_to[2], up_to[720], up_to[1440]) == (2, 3, 3, 4)
    assert (durations.number, durations.seconds) == (5, 176522.0)


def test_what_has_no_duration_is_in_no_bucket() -> None:
    metrics = Metrics()
    metrics.note(event(phase="start"))
    assert metrics.read().durations == {}


def test_they_tell_what_became_of_the_events_for_each_listener() -> None:
    metrics = Metrics()
    counts = {"zaqar": Counts(delivered=1, dropped=2, failed=3, waiting=4)}
    metrics.watch(lambda: counts)
    assert metrics.read().listeners == counts


def test_what_was_read_does_not_change() -> None:
    metrics = Metrics()
    metrics.note(event())
    before = metrics.read()
    metrics.note(event())
    assert before.events[PROTECT, "done"] == 1


def test_many_threads_count_together() -> None:
    metrics = Metrics()
    told = event(seconds=1.0)
    go = threading.Barrier(4)

    def count() -> None:
        go.wait()
        for _ in range(1000):
            metrics.note(told)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    figures = metrics.read()
    assert figures.events[PROTECT, "done"] == figures.durations[PROTECT].number == 4000
