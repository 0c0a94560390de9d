# SPDX-License-Identifier: Apache-2.0
"""How many requests an operation on a hundred shares sends to Manila when all run side by side: so
many a share, and a number that does not grow with the shares for all of them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from oslo_serialization import jsonutils

from karbor_manila.operations.delete import DeleteOperation
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.operations.restore import RestoreOperation
from tests.fakes.manila import FakeManila, refused, transient
from tests.unit.stage import Record
from tests.unit.together import Together

MANY = 100

#: For all of a flow: the look before, and polls, which grow rare with the time waited.
FOR_ALL = 40


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Together:
    monkeypatch.setattr(FakeManila, "parallel", 1)
    return Together(tmp_path)


@pytest.fixture
def shares(stage: Together) -> list[str]:
    return [stage.cloud.add_share(stage.project_id)["id"] for _ in range(MANY)]


@pytest.fixture
def kept(stage: Together, shares: list[str]) -> Any:
    """A checkpoint of the shares, and the requests that made it."""
    checkpoint = stage.checkpoint(*shares)
    return checkpoint, sent(stage, ProtectOperation, checkpoint, shares)


def sent(
    stage: Together, kind: type, checkpoint: Any, shares: list[str], **extras: Any
) -> Counter[str]:
    errors, requests = stage.side_by_side(kind, checkpoint, *shares, **extras)
    assert errors == []
    return requests


def test_a_protection_asks_for_each_snapshot_and_reads_each_shares_access_rules(kept: Any) -> None:
    _, requests = kept
    assert requests["create_snapshot"] == requests["access_rules"] == MANY
    assert requests.total() <= 2 * MANY + FOR_ALL, requests


def test_a_protection_without_access_rules_asks_for_each_snapshot(
    stage: Together, shares: list[str]
) -> None:
    given = {"record_access_rules": "false"}
    checkpoint = stage.checkpoint(*shares)
    requests = sent(stage, ProtectOperation, checkpoint, shares, given=given)
    assert (requests["create_snapshot"], requests["access_rules"]) == (MANY, 0)
    assert requests.total() <= MANY + FOR_ALL, requests


def test_a_restore_asks_for_each_share_and_by_lists_where_it_is_mounted(
    stage: Together, shares: list[str], kept: Any
) -> None:
    restore = Record()
    requests = sent(stage, RestoreOperation, kept[0], shares, restore=restore)
    assert (requests["create_share"], requests["export_locations"]) == (MANY, 0)
    assert requests.total() <= MANY + FOR_ALL, requests
    told = [jsonutils.loads(each) for each in restore["resources_reason"].values()]
    made = {key.partition("#")[2] for key in restore["resources_status"]}
    paths = {path for each in told for path in each["export_locations"]}
    assert paths == {f"127.0.0.1:/shares/{share}" for share in made}


@pytest.mark.parametrize("kind", [RestoreOperation, DeleteOperation])
def test_all_but_few_lists_of_snapshots_are_of_the_checkpoint_alone(
    stage: Together,
    kept: Any,
    shares: list[str],
    kind: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    original = FakeManila.snapshots

    def noted(self: FakeManila, **kwargs: Any) -> Any:
        asked.append(kwargs.get("metadata"))
        return original(self, **kwargs)

    monkeypatch.setattr(FakeManila, "snapshots", noted)
    extras = {"restore": Record()} if kind is RestoreOperation else {}
    sent(stage, kind, kept[0], shares, **extras)
    by_mark = {"karbor_manila_checkpoint": kept[0].id}
    assert {str(each) for each in asked if each} == {str(by_mark)}
    # What proves that all is gone does not go by marks.
    assert asked.count(None) <= (4 if kind is DeleteOperation else 0)


def test_of_several_paths_manila_is_asked_which_are_preferred(
    stage: Together, kept: Any, shares: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    several = ["10.0.0.1:/a", "10.0.0.2:/b"]
    monkeypatch.setattr(FakeManila, "_paths", staticmethod(lambda _share: several))
    requests = sent(stage, RestoreOperation, kept[0], shares, restore=Record())
    assert requests["export_locations"] == MANY


@pytest.mark.parametrize("error", [lambda: refused(406), transient])
def test_where_lists_have_no_paths_each_is_asked_for(
    stage: Together, kept: Any, shares: list[str], monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    """A Manila that does not speak 2.8 any more, or fails each time in it."""

    def refused_(self: FakeManila, *_args: Any, **_kwargs: Any) -> Any:
        raise error()

    monkeypatch.setattr(FakeManila, "mounted_shares", refused_)
    requests = sent(stage, RestoreOperation, kept[0], shares, restore=Record())
    assert requests["export_locations"] == MANY


def test_a_deletion_asks_for_the_end_of_each_snapshot_and_by_lists_whether_it_is_gone(
    stage: Together, shares: list[str], kept: Any
) -> None:
    requests = sent(stage, DeleteOperation, kept[0], shares)
    assert stage.cloud.snapshots == {}
    assert requests["delete_snapshot"] == MANY
    assert requests["snapshot"] <= 3  # the clients' probe, and one or two that are left over
    assert requests.total() <= MANY + FOR_ALL, requests


def test_without_the_number_of_entries_each_is_asked_for_before_it_counts_as_gone(
    stage: Together, shares: list[str], kept: Any
) -> None:
    stage.microversion = "2.78"
    requests = sent(stage, DeleteOperation, kept[0], shares)
    assert requests["snapshot"] >= MANY
