# SPDX-License-Identifier: Apache-2.0
"""A hold, a release, an undelete or a purge whose process sleeps: what its record says is so."""

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects

from karbor_manila.bank import deletions, holding
from karbor_manila.operations import hold_parameters
from karbor_manila.recovery import settle_holding
from karbor_manila.service.requests import access, deferring, deletion
from karbor_manila.service.requests import holding as requests
from tests.unit.karbor_stage import SHARE, Service, started, told
from tests.unit.recovery.two_processes.stage import reason_of, refused, seems_dead
from tests.unit.service.held import WHY, asked, hold, says

HOLD = {"depth": "hold", "hold_why": WHY}
RELEASE = {"depth": "release"}
UNDELETE = {"depth": "undelete"}
PURGE = {"depth": "purge"}
ALL = pytest.mark.parametrize(
    "given", [HOLD, RELEASE, UNDELETE, PURGE], ids=lambda given: given["depth"]
)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("delete_grace = 3600",)) as service:
        # As late as it is by the database, which says how old a request is.
        late = datetime.datetime.now(datetime.UTC) - service.cloud.clock.utcnow()
        service.cloud.clock.sleep(late.total_seconds())
        yield service


@pytest.fixture
def checkpoint(service: Service) -> Any:
    return service.protect(service.plan(service.share()))


def request(service: Service, checkpoint: Any, given: dict[str, str]) -> Any:
    """One that Karbor's API has just accepted, of a checkpoint on which it can be carried out."""
    if given is RELEASE:
        hold(service, checkpoint.id)
    elif given in (UNDELETE, PURGE):
        service.delete(checkpoint.id)
    return service.record(objects.Verification, checkpoint.id, {SHARE: given})


def settled(other: Service) -> list[str]:
    """What the reconciliation of the other process makes of what it finds."""
    other.manager.reconciliation._grace = 0.0
    return list(other.manager.reconciliation.run().values())


def once(patch: pytest.MonkeyPatch, where: Any, name: str, act: Callable[[], Any]) -> None:
    """Whoever calls this function first sleeps right before, and ``act`` happens."""
    original = getattr(where, name)

    def late(*args: Any, **kwargs: Any) -> Any:
        patch.setattr(where, name, original)
        act()
        return original(*args, **kwargs)

    patch.setattr(where, name, late)


def stands(service: Service, checkpoint: Any) -> tuple[str, bool]:
    """The status of a checkpoint, and whether it is held."""
    now = service.checkpoint(checkpoint.id)
    return now.status, "hold" in told(now)


@ALL
@pytest.mark.parametrize("at", [(requests, "_asked"), (access, "claimed")])
def test_who_wakes_up_before_he_claims_does_nothing_of_what_was_told_as_failed(
    service: Service,
    other: Service,
    monkeypatch: pytest.MonkeyPatch,
    checkpoint: Any,
    given: dict[str, str],
    at: tuple[Any, str],
) -> None:
    record = request(service, checkpoint, given)
    before = stands(service, checkpoint)
    seen: list[str] = []

    def meanwhile() -> None:
        assert settled(other) == ["fail"]
        seen.append(reason_of(other.saved(record)))

    once(monkeypatch, *at, meanwhile)
    said = refused(service.call, "verification", record)
    service.run()
    assert f"stopped its work on {record.id}: it is fail already" in said
    assert stands(other, checkpoint) == before
    saved = other.saved(record)
    assert (saved.status, [reason_of(saved)]) == ("fail", seen)
    assert other.manager.claims.all() == []


def test_a_release_that_was_told_as_failed_does_not_end_the_hold_that_came_after(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    record = request(service, checkpoint, RELEASE)

    def meanwhile() -> None:
        assert settled(other) == ["fail"]
        assert says(hold(other, checkpoint.id))["way"] == "already"

    once(monkeypatch, requests, "_asked", meanwhile)
    refused(service.call, "verification", record)
    assert stands(other, checkpoint) == ("available", True)
    assert other.saved(record).status == "fail"


@pytest.mark.parametrize(
    ("given", "where", "name"),
    [
        (HOLD, holding, "write"),
        (RELEASE, holding, "write"),
        (UNDELETE, deferring, "take_back"),
        (PURGE, deletion, "_begin_flow"),
    ],
    ids=["hold", "release", "undelete", "purge"],
)
def test_what_a_living_process_is_at_is_not_told_as_failed_however_long_it_takes(
    service: Service,
    other: Service,
    monkeypatch: pytest.MonkeyPatch,
    checkpoint: Any,
    given: dict[str, str],
    where: Any,
    name: str,
) -> None:
    """Its bank hangs, for longer than it is waited for with what nobody has claimed."""
    record = request(service, checkpoint, given)
    once(monkeypatch, where, name, lambda: settled(other) == [""] or pytest.fail("settled"))
    service.call("verification", record)
    service.run()
    assert other.saved(record).status == "success"
    assert other.manager.claims.all() == []


@ALL
def test_who_was_taken_for_dead_under_his_claim_changes_nothing_when_he_wakes_up(
    service: Service,
    other: Service,
    monkeypatch: pytest.MonkeyPatch,
    checkpoint: Any,
    given: dict[str, str],
) -> None:
    record = request(service, checkpoint, given)
    before = stands(service, checkpoint)

    def meanwhile() -> None:
        seems_dead(service)
        service.cloud.clock.sleep(120)
        settled(other)
        assert other.saved(record).status == "fail"

    where, name = (deletion, "_begin_flow") if given is PURGE else (requests, "_act")
    once(monkeypatch, where, name, meanwhile)
    refused(service.call, "verification", record)
    service.run()
    assert stands(other, checkpoint) == before
    assert other.saved(record).status == "fail"
    assert other.manager.claims.all() == []


def test_who_is_suspended_before_he_tells_what_he_did_changes_no_word_of_who_told_it(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    record = request(service, checkpoint, RELEASE)
    seen: list[str] = []

    def meanwhile() -> None:
        seems_dead(service)
        service.cloud.clock.sleep(120)
        assert "success" in settled(other)
        seen.append(reason_of(other.saved(record)))
        assert says(hold(other, checkpoint.id))["way"] == "held"

    once(monkeypatch, hold_parameters, "dump", meanwhile)
    service.call("verification", record)
    assert [reason_of(other.saved(record))] == seen
    assert stands(other, checkpoint) == ("available", True)


def test_a_refusal_that_comes_late_does_not_take_the_place_of_what_was_told(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    given = {"depth": "hold", "hold_why": WHY, "hold_until": "1999-01-01"}
    record = request(service, checkpoint, given)
    once(monkeypatch, requests, "_asked", lambda: settled(other))
    assert "it is over" in refused(service.call, "verification", record)
    assert "died before it was done" in reason_of(other.saved(record))


def test_a_refusal_that_comes_while_it_is_settled_stands(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    """The reconciliation has looked, and its writer was not dead."""
    given = {"depth": "hold", "hold_why": WHY, "hold_until": "1999-01-01"}
    record = request(service, checkpoint, given)

    def refuse() -> None:
        assert "it is over" in refused(service.call, "verification", record)

    once(monkeypatch, settle_holding, "_standing", refuse)
    assert settled(other) == [""]
    assert "it is over" in reason_of(other.saved(record))
    assert settled(other) == ["fail"]
    assert "it is over" in reason_of(other.saved(record))
    assert other.manager.claims.all() == []


def test_karbors_api_that_gave_up_waiting_does_not_hide_what_was_done(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    """It writes that the request failed, and no reason, when the answer takes too long."""
    record = request(service, checkpoint, HOLD)

    def gives_up() -> None:
        api = service.saved(record)
        api.status = "fail"
        api.save()

    once(monkeypatch, holding, "write", gives_up)
    service.call("verification", record)
    assert (service.saved(record).status, stands(service, checkpoint)[1]) == ("success", True)


def test_a_purge_is_found_by_its_key_until_it_is_carried_out(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    record = request(service, checkpoint, PURGE)
    once(monkeypatch, requests, "_asked", lambda: settled(other))
    refused(service.call, "verification", record)
    found = deletions.entries(service.provider.bank, service.provider.id)
    assert [entry.checkpoint_id for entry in found] == [checkpoint.id]
    assert says(asked(other, checkpoint.id, None, depth="purge"))["way"] == "purged"
    assert service.checkpoint(checkpoint.id).status == "deleted"
