# SPDX-License-Identifier: Apache-2.0
"""No record is erased because another Manila was asked than the one in which its share is kept."""

from typing import Any

import pytest

from karbor_manila.manila.errors import ManilaElsewhere
from tests.fakes.manila import FakeManila
from tests.unit.stage import Stage

ELSEWHERE = "https://manila.two.invalid/share/v2"


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch, checkpoint: Any) -> None:
    """After the protection the operator points at another URL."""
    monkeypatch.setattr(FakeManila, "endpoint", ELSEWHERE)


@pytest.fixture
def no_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share's type is not there."""
    monkeypatch.setattr(FakeManila, "share_type", lambda _self, _type_id: None)


def record_of(checkpoint: Any, share: dict[str, Any]) -> Any:
    return checkpoint.get_resource_bank_section(share["id"]).get_object("metadata")


def kept_elsewhere(stage: Stage) -> None:
    stage.cloud.snapshots.clear()
    stage.cloud.shares.clear()


def test_a_record_says_where_manila_answered(share: Any, checkpoint: Any) -> None:
    assert record_of(checkpoint, share)["endpoint"] == "http://manila.invalid/"


@pytest.mark.usefixtures("moved", "no_types")
def test_a_delete_that_asks_another_manila_erases_nothing(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    kept_elsewhere(stage)
    before = record_of(checkpoint, share)
    (error,) = stage.delete(checkpoint, share["id"])
    assert isinstance(error.__cause__, ManilaElsewhere)
    assert "http://manila.invalid/" in str(error.__cause__)
    assert ELSEWHERE in str(error.__cause__)
    assert record_of(checkpoint, share) == before


@pytest.mark.usefixtures("no_types")
def test_a_delete_goes_through_once_the_right_manila_is_asked_again(
    stage: Stage, share: Any, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots, shares = dict(stage.cloud.snapshots), dict(stage.cloud.shares)
    kept_elsewhere(stage)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(FakeManila, "endpoint", ELSEWHERE)
        assert stage.delete(checkpoint, share["id"])
    stage.cloud.snapshots.update(snapshots)
    stage.cloud.shares.update(shares)
    assert stage.delete(checkpoint, share["id"]) == []
    assert not stage.cloud.snapshots


@pytest.mark.usefixtures("moved")
@pytest.mark.parametrize("gone", ["nothing", "snapshots", "snapshots and shares"])
def test_under_another_url_the_same_manila_is_known_by_what_it_shows(
    stage: Stage, share: Any, checkpoint: Any, gone: str
) -> None:
    for kind in ("snapshots", "shares"):
        if kind in gone:
            getattr(stage.cloud, kind).clear()
    assert stage.delete(checkpoint, share["id"]) == []
    assert not stage.cloud.snapshots


@pytest.mark.usefixtures("moved", "no_types")
def test_a_share_alone_is_enough_to_know_manila_by(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.snapshots.clear()
    assert stage.delete(checkpoint, share["id"]) == []


@pytest.mark.usefixtures("no_types")
def test_what_is_gone_with_its_share_and_its_type_can_be_deleted_where_it_was(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    kept_elsewhere(stage)
    assert stage.delete(checkpoint, share["id"]) == []


@pytest.mark.usefixtures("moved", "no_types")
def test_a_record_of_an_earlier_release_is_deleted_as_before(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    section = checkpoint.get_resource_bank_section(share["id"])
    earlier = {k: v for k, v in section.get_object("metadata").items() if k != "endpoint"}
    section.update_object("metadata", earlier)
    kept_elsewhere(stage)
    assert stage.delete(checkpoint, share["id"]) == []
