# SPDX-License-Identifier: Apache-2.0
"""The background thread of the reconciliation: when it runs again, and how far it searches."""

from typing import Any

import pytest
from karbor import exception as karbor_exception

from karbor_manila.recovery.searched import Look
from tests.unit.karbor_stage import Service
from tests.unit.service.rpc import STRANGE


class Enough(Exception):
    """The test has seen enough pauses."""


def pauses(service: Service, monkeypatch: pytest.MonkeyPatch, outcomes: list[Any]) -> list[float]:
    """How long the reconciliation rests after each of these outcomes of a run."""
    rests: list[float] = []
    left = list(outcomes)

    def run(**_kwargs: Any) -> Any:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if not left:
            raise Enough

    monkeypatch.setattr(service.manager.reconciliation, "run", run)
    monkeypatch.setattr("karbor_manila.service.reconciling.eventlet.sleep", rest)
    with pytest.raises(Enough):
        service.manager.runtime.reconciling.run_for_ever()
    return rests


CLEAN: dict[str, str] = {"thing": "available"}


NOT_YET: dict[str, str] = {"thing": "available", "other": ""}


def test_what_could_not_be_ended_is_tried_again_after_a_growing_pause(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = pauses(service, monkeypatch, [NOT_YET] * 9)
    assert rests == [5, 10, 20, 40, 60, 60, 60, 60, 60]


def test_once_all_is_ended_the_next_look_is_at_its_time_and_pauses_begin_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = pauses(service, monkeypatch, [NOT_YET, NOT_YET, CLEAN, {}, NOT_YET, NOT_YET])
    assert rests == [5, 10, 60, 60, 5, 10]


@pytest.mark.parametrize(
    "error", [STRANGE, karbor_exception.BankListObjectsFailed(reason="503")], ids=type
)
def test_a_search_that_fails_is_repeated_and_ends_nothing_for_ever(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert pauses(service, monkeypatch, [error, error, CLEAN]) == [5, 10, 60]


def test_many_failures_do_not_make_the_pause_a_number_that_is_none(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(pauses(service, monkeypatch, [NOT_YET] * 2000)[7:]) == {60}


def test_the_banks_are_searched_at_the_start_and_now_and_then(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[Look] = []

    def run(*, where: Look, **_more: Any) -> dict[str, str]:
        searched.append(where)
        return {}

    def rest(_seconds: float) -> None:
        if len(searched) > 40:
            raise Enough

    monkeypatch.setattr(service.manager.reconciliation, "run", run)
    monkeypatch.setattr("karbor_manila.service.reconciling.eventlet.sleep", rest)
    with pytest.raises(Enough):
        service.manager.runtime.reconciling.run_for_ever()
    assert [turn for turn, whole in enumerate(searched) if whole is Look.BANKS] == [
        0,
        20,
        40,
    ]
