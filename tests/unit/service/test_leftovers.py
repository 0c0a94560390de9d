# SPDX-License-Identifier: Apache-2.0
"""The thread in which drivers remove what they left behind: when, and what it survives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.recovery import gc
from karbor_manila.recovery.claims import AUDIT
from karbor_manila.service.leftovers import LeftoversThread
from tests.fakes.manila import transient
from tests.unit.drivers.picky import install
from tests.unit.karbor_stage import Service, started
from tests.unit.recovery.audit.stage import protected
from tests.unit.recovery.leaving import Leaving, left_by


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    install(monkeypatch, Leaving)
    with started(tmp_path, monkeypatch, options=("default_driver = leaving",)) as service:
        monkeypatch.setattr(gc, "Clock", lambda: service.cloud.clock)
        yield service


def test_a_turn_of_the_service_removes_it_and_survives_what_is_away(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    share = service.share()
    checkpoint = protected(service, share)
    left = left_by(service, checkpoint, share)
    thread = service.manager.runtime.leftovers
    thread._grace = 0.0
    service.cloud.plan("snapshots", transient, times=10_000)
    thread.turn()
    assert left in service.cloud.snapshots
    assert "leaving" in caplog.text
    service.cloud.faults.clear()
    thread.turn()
    assert left not in service.cloud.snapshots


@pytest.mark.parametrize("interval", [0, 30])
def test_the_service_looks_from_time_to_time_unless_it_is_turned_off(
    service: Service, monkeypatch: pytest.MonkeyPatch, interval: int
) -> None:
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            raise StopIteration

    monkeypatch.setattr("karbor_manila.service.leftovers.eventlet.sleep", rest)
    turns: list[Any] = []
    monkeypatch.setattr(LeftoversThread, "turn", property(lambda thread: lambda: turns.append(1)))
    claims = service.manager.claims
    thread = LeftoversThread(lambda: [service.provider], claims, interval=interval, grace=0.0)
    thread.start()
    if not interval:
        assert thread._thread is None
        return
    thread.stop()
    with pytest.raises(StopIteration):
        thread.run_for_ever()
    assert (rests, len(turns)) == ([interval] * 3, 2)


@pytest.mark.parametrize("asked", ["restore", "delete"])
def test_a_users_request_waits_for_a_removal_that_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    checkpoint = protected(service, service.share())
    claims, bank, clock = service.manager.claims, service.provider.bank, service.cloud.clock
    named = {"provider_id": service.provider.id, "checkpoint_id": checkpoint.id, "bank": bank}
    claims.take(checkpoint.id, AUDIT, **named)
    sleep, removed_at = clock.sleep, clock.now() + 5

    def sleeping(seconds: float) -> None:
        sleep(seconds)
        if clock.now() >= removed_at:
            claims.release(checkpoint.id)

    monkeypatch.setattr(clock, "sleep", sleeping)
    if asked == "restore":
        assert service.saved(service.restore(checkpoint.id)).status == "success"
    else:
        service.delete(checkpoint.id)
        assert service.checkpoint(checkpoint.id).status == "deleted"
