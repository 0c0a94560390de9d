# SPDX-License-Identifier: Apache-2.0
"""A hold, a release or an undelete whose process died: its end says what stands in the bank."""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import objects

from karbor_manila.service.requests import holding
from tests.fakes.manila import Died
from tests.unit.karbor_stage import SHARE, Service, started
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import born, forget, reconcile
from tests.unit.service.held import WHY, hold, other_user, release, says

DAY = "2999-12-31"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("delete_grace = 3600",)) as service:
        yield service


@pytest.fixture
def checkpoint(service: Service) -> Any:
    return service.protect(service.plan(service.share()))


def cut_short(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    checkpoint: Any,
    *,
    at: str = "_report",
    **given: str,
) -> tuple[Service, Any]:
    """A request whose process dies: by default with all in the bank, and nothing in the record.

    Returns the process that comes after it, and the request.
    """
    record = service.record(objects.Verification, checkpoint.id, {SHARE: given})

    def dies(*_args: Any) -> None:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(holding, at, dies)
        service.call("verification", record)
    assert service.saved(record).status == "in_progress"
    return born(service), record


def test_a_hold_that_stands_is_a_success_and_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    given = {"depth": "hold", "hold_why": f" {WHY} ", "hold_until": DAY}
    service, record = cut_short(service, monkeypatch, checkpoint, **given)
    assert reconcile(service) == ["success"]
    saved = service.saved(record)
    assert saved.status == "success"
    told = says(saved)
    assert (told["depth"], told["way"]) == ("hold", "held")
    assert (told["hold"]["why"], told["hold"]["until"]) == (WHY, DAY)
    assert f"is held since {told['hold']['since']} by user user" in told["told"]


def test_a_release_that_stands_is_a_success(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    hold(service, checkpoint.id)
    service, record = cut_short(service, monkeypatch, checkpoint, depth="release")
    assert reconcile(service) == ["success"]
    assert says(service.saved(record))["way"] == "released"


def test_an_undelete_that_stands_is_a_success(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    service.delete(checkpoint.id)
    service, record = cut_short(service, monkeypatch, checkpoint, depth="undelete")
    assert reconcile(service) == ["success"]
    told = says(service.saved(record))
    assert (told["way"], told["status"]) == ("undeleted", "available")


def test_a_purge_that_began_is_a_success(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    service.delete(checkpoint.id)
    service, record = cut_short(service, monkeypatch, checkpoint, depth="purge")
    reconcile(service)
    assert says(service.saved(record))["way"] == "purged"
    assert service.checkpoint(checkpoint.id).status == "deleted"


def test_an_undelete_that_dies_at_any_point_is_a_success_when_the_checkpoint_is_back(
    service: Service, points: Points
) -> None:
    service.protect(service.plan(service.share()))  # makes the bank's id and the table
    seen = set()
    for nth in itertools.count(1):
        forget(service)
        checkpoint_id = service.protect(service.plan(service.share())).id
        service.delete(checkpoint_id)
        given = {SHARE: {"depth": "undelete"}}
        record = service.record(objects.Verification, checkpoint_id, given)
        if not points.kill(functools.partial(service.call, "verification", record), nth):
            break
        service = born(service)
        reconcile(service)
        is_back = service.checkpoint(checkpoint_id).status == "available"
        assert service.saved(record).status == ("success" if is_back else "fail"), points.last
        seen.add(is_back)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("given", "stands"),
    [
        ({"depth": "hold", "hold_why": WHY}, "is not held"),
        ({"depth": "undelete"}, "is pending-delete"),
        ({"depth": "purge"}, "is pending-delete"),
    ],
)
def test_what_was_not_done_fails_and_says_how_it_stands(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    checkpoint: Any,
    given: dict[str, str],
    stands: str,
) -> None:
    if given["depth"] != "hold":
        service.delete(checkpoint.id)
    service, record = cut_short(service, monkeypatch, checkpoint, at="_asked", **given)
    assert "fail" in reconcile(service)
    saved = service.saved(record)
    (reason,) = saved.resources_reason.values()
    assert saved.status == "fail"
    assert f"checkpoint {checkpoint.id} {stands}" in reason
    assert "died" in reason


def test_the_hold_of_somebody_else_is_not_taken_for_the_one_that_was_asked_for(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    given = {"depth": "hold", "hold_why": "another reason"}
    service, record = cut_short(service, monkeypatch, checkpoint, at="_asked", **given)
    hold(service, checkpoint.id, other_user(service))
    assert "fail" in reconcile(service)
    (reason,) = service.saved(record).resources_reason.values()
    assert "by user another" in reason
    assert WHY in reason


def test_a_release_that_was_not_done_says_by_whom_it_is_held(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    hold(service, checkpoint.id)
    service, record = cut_short(service, monkeypatch, checkpoint, at="_asked", depth="release")
    assert "fail" in reconcile(service)
    assert WHY in str(service.saved(record).resources_reason)
    assert release(service, checkpoint.id).status == "success"


def test_what_no_process_could_have_carried_out_fails(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    given = {"depth": "hold", "hold_why": WHY, "hold_until": "tomorrow"}
    service, record = cut_short(service, monkeypatch, checkpoint, at="_asked", **given)
    assert "fail" in reconcile(service)
    assert service.saved(record).status == "fail"


def test_a_checkpoint_that_is_gone_is_not_held(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    given = {"depth": "hold", "hold_why": WHY}
    service, record = cut_short(service, monkeypatch, checkpoint, at="_asked", **given)
    service.delete(checkpoint.id)
    service.verify(checkpoint.id, {SHARE: {"depth": "purge"}})
    assert "fail" in reconcile(service)
    assert f"checkpoint {checkpoint.id} is deleted" in str(service.saved(record).resources_reason)


def test_the_log_of_a_drill_that_is_under_way_stays_open(
    service: Service, monkeypatch: pytest.MonkeyPatch, checkpoint: Any
) -> None:
    """A hold has no log of its own, and Karbor's log does not name its verification."""
    given = {"depth": "hold", "hold_why": WHY}
    service, _record = cut_short(service, monkeypatch, checkpoint, **given)
    service.call("verification", service.record(objects.Verification, checkpoint.id))
    assert reconcile(service) == ["success"]
    (log,) = [log for log in service.logs() if log.operation_type == "verify"]
    assert log.ended_at is None
