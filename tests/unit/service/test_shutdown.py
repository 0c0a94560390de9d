# SPDX-License-Identifier: Apache-2.0
"""A karbor-protection that is told to end finishes what it is at, or hands it over."""

import functools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from karbor import service as karbor_service

from karbor_manila.common.errors import ClaimLost
from karbor_manila.recovery import claim_table, lease
from karbor_manila.service.shutdown import Shutdown, install
from tests.unit.clock import FakeClock
from tests.unit.karbor_stage import Service

TIMEOUT = 30.0


class Later:
    """A green thread that runs when it is waited for, which is after the requests."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.wait = work


class Ending:
    """A started service, and its end."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.runtime = service.manager.runtime
        self.clock = FakeClock()
        self.begun: list[Later] = []
        self.conf = SimpleNamespace(graceful_shutdown_timeout=60)
        self.shutdown = Shutdown(
            self.runtime,
            service.manager.cleanup_host,
            TIMEOUT,
            conf=self.conf,
            clock=self.clock,
            spawn=self._spawn,
        )

    def _spawn(self, work: Callable[[], None]) -> Later:
        self.begun.append(Later(work))
        return self.begun[-1]

    def claim(self, thing: str = "c1") -> None:
        provider = self.service.provider
        self.runtime.claims.take(
            thing, "protect", provider_id=provider.id, checkpoint_id=thing, bank=provider.bank
        )

    def term(self) -> None:
        self.shutdown.note_term()
        self.shutdown.stop()

    def lease(self) -> lease.Lease:
        bank = self.service.provider.bank
        return lease.Lease(**bank.get_object(lease.key_of(bank.get_owner_id())))

    def after(self, seconds: float, action: Callable[[], Any]) -> None:
        """Something happens while the end waits."""
        at, sleep = self.clock.now() + seconds, self.clock.sleep

        def slept(pause: float) -> None:
            sleep(pause)
            if self.clock.now() >= at:
                self.clock.sleep = sleep  # type: ignore[method-assign]
                action()

        self.clock.sleep = slept  # type: ignore[method-assign]


@pytest.fixture
def ending(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ending]:
    service.manager.init_host()
    made = Ending(service)
    for keeper in made.runtime.leases.keepers.values():
        # Its thread, which the stage does not start.
        monkeypatch.setattr(keeper, "give_up", functools.partial(keeper._write, ended=True))
    yield made
    service.manager.cleanup_host()


def test_what_has_nothing_to_do_ends_at_once_and_says_so(ending: Ending) -> None:
    began = ending.clock.now()
    ending.term()
    ending.shutdown.wait()
    assert ending.clock.now() == began
    assert ending.lease().ended


def test_what_is_under_way_is_finished(ending: Ending) -> None:
    ending.claim()
    ending.after(12, lambda: ending.runtime.claims.release("c1"))
    began = ending.clock.now()
    ending.term()
    ending.shutdown.wait()
    assert 12 <= ending.clock.now() - began < 13
    assert ending.runtime.claims.all() == []


def test_what_takes_longer_than_the_limit_is_nobodys_then(ending: Ending) -> None:
    ending.claim()
    began = ending.clock.now()
    ending.term()
    ending.shutdown.wait()
    assert TIMEOUT <= ending.clock.now() - began < TIMEOUT + 5
    (left,) = ending.runtime.claims.all()
    assert left.owner == claim_table.NO_OWNER
    assert ending.lease().ended


def test_who_wakes_up_after_the_hand_over_does_nothing(ending: Ending) -> None:
    ending.claim()
    ending.after(TIMEOUT + 1, lambda: _refused(ending))
    ending.term()
    ending.shutdown.wait()
    with pytest.raises(ClaimLost, match="is ending"):
        ending.claim("c2")


def _refused(ending: Ending) -> None:
    with pytest.raises(ClaimLost, match="is ending"):
        ending.runtime.claims.check("c1")
    ending.runtime.claims.release("c1")  # a claim that is lost is left instead
    (left,) = ending.runtime.claims.all()
    assert left.owner == claim_table.NO_OWNER


def test_a_broker_that_is_away_keeps_nothing_from_being_handed_over(ending: Ending) -> None:
    """Karbor's service stops when its broker is there again, and the launcher stops and waits for
    nothing else before that (oslo_messaging, AMQPListener.stop; oslo_service, Services.stop)."""
    ending.claim()
    ending.shutdown.note_term()
    ending.shutdown.note_term()
    (end,) = ending.begun
    end.wait()
    (left,) = ending.runtime.claims.all()
    assert left.owner == claim_table.NO_OWNER
    assert ending.lease().ended


def test_a_request_without_a_claim_yet_is_under_way_as_well(ending: Ending) -> None:
    """Karbor makes a checkpoint before it asks for a flow."""
    ending.after(5, lambda: setattr(ending.shutdown, "_answered", True))
    ending.term()
    began = ending.clock.now()
    ending.shutdown.run()
    assert 5 <= ending.clock.now() - began < 6


def test_the_alarm_of_oslo_service_comes_after_the_hand_over(ending: Ending) -> None:
    for alarm, limit in [(60, 30), (35, 25), (12, 6), (0, 30)]:
        ending.conf.graceful_shutdown_timeout = alarm
        assert ending.shutdown._limit() == limit


def test_nothing_is_begun_any_more(ending: Ending, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    for name in ("reconciling", "leftovers", "periodic_hooks", "watched"):
        part = getattr(ending.runtime, name)
        monkeypatch.setattr(part, "stop", functools.partial(ended.append, name))
    ending.claim()
    ending.after(1, lambda: ended.append("finished") or ending.runtime.claims.release("c1"))
    ending.term()
    ending.shutdown.wait()
    assert sorted(ended[:4]) == ["leftovers", "periodic_hooks", "reconciling", "watched"]
    assert ended[4] == "finished"


def test_a_sighup_ends_nothing(ending: Ending) -> None:
    """oslo.service stops, resets and starts Karbor's service again, in the same process."""
    ending.claim()
    ending.shutdown.stop()
    ending.shutdown.reset()
    ending.shutdown.wait()
    assert ending.begun == []
    assert ending.runtime.claims.is_held("c1")


def test_a_bank_that_takes_no_lease_ends_nothing_but_the_wait(
    ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending.runtime.leases, "is_over", lambda: False)
    ending.claim()
    ending.term()
    ending.shutdown.wait()
    (left,) = ending.runtime.claims.all()
    assert left.owner == claim_table.NO_OWNER


def test_an_end_that_fails_ends_all_the_same(
    ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("a test asked for it")

    monkeypatch.setattr(ending.runtime, "begin_nothing", fail)
    ending.term()
    ending.shutdown.wait()
    monkeypatch.undo()


def test_karbors_launcher_runs_it(ending: Ending, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not install(ending.shutdown)
    launched: list[Any] = []
    launcher = type("Launcher", (), {"launch_service": lambda _self, it: launched.append(it)})()
    monkeypatch.setattr(karbor_service, "_launcher", launcher)
    assert install(ending.shutdown)
    assert launched == [ending.shutdown]
