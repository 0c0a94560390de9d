# SPDX-License-Identifier: Apache-2.0
"""The audit of group snapshots: any share of one accounts for it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.recovery.audit.finding import Action, Reason
from tests.fakes.manila import FakeManila
from tests.unit.karbor_stage import Service, started
from tests.unit.recovery.audit.stage import (
    find,
    fix_all,
    forget,
    give_up,
    mark_of,
    protected,
)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("default_driver = group",)) as service:
        yield service


def group_of(service: Service, number: int) -> list[str]:
    group = service.cloud.add_group(service.project_id)
    return [service.share(share_group_id=group["id"]) for _ in range(number)]


def planted(service: Service, shares: list[str], **fields: str) -> str:
    """A group snapshot that somebody made with a mark of ours."""
    group_id = service.cloud.shares[shares[0]]["share_group_id"]
    manila = FakeManila(service.cloud, service.project_id)
    mark = mark_of(service, fields.pop("resource", group_id), **fields)
    view = manila.create_share_group_snapshot(
        group_id, name="planted", description=mark.describe("text")
    )
    manila.share_group_snapshots()  # lets it become available
    return str(view["id"])


def erased(checkpoint: Any, share: str) -> None:
    section = checkpoint.get_resource_bank_section(share)
    section.delete_object("metadata")


def test_what_checkpoints_keep_is_no_orphan(service: Service) -> None:
    protected(service, *group_of(service, 3))
    assert find(service) == []


def test_one_record_of_a_group_snapshot_is_enough(service: Service) -> None:
    shares = group_of(service, 3)
    checkpoint = protected(service, *shares)
    for share in shares[:2]:
        erased(checkpoint, share)
    assert find(service) == []
    erased(checkpoint, shares[2])
    (finding,) = find(service)
    assert (finding.reason, finding.action) == (Reason.NO_RECORD, Action.NONE)


def test_the_group_snapshot_of_a_checkpoint_that_is_not_there_goes(service: Service) -> None:
    shares = group_of(service, 2)
    checkpoint = protected(service, *shares)
    (kept,) = service.cloud.group_snapshots
    orphan = planted(service, shares)
    give_up(service)
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.action) == (orphan, Action.REMOVE)
    assert fix_all(service) == ["removed"]
    assert set(service.cloud.group_snapshots) == {kept}
    service.delete(checkpoint.id)
    forget(service, checkpoint)
    assert service.cloud.group_snapshots == {}


def test_a_mark_of_another_group_is_left_alone(service: Service) -> None:
    shares = group_of(service, 2)
    protected(service, *shares)
    planted(service, shares, resource=str(uuid.uuid4()))
    (finding,) = find(service)
    assert (finding.reason, finding.action) == (Reason.OTHER_SHARE, Action.NONE)


def test_a_second_one_in_a_checkpoint_is_told_and_stays(service: Service) -> None:
    shares = group_of(service, 2)
    checkpoint = protected(service, *shares)
    second = planted(service, shares, checkpoint=checkpoint.id)
    (finding,) = find(service)
    assert (finding.snapshot_id, finding.reason) == (second, Reason.SECOND_SNAPSHOT)


def test_a_group_snapshot_that_is_gone_is_lost_for_each_of_its_shares(service: Service) -> None:
    shares = group_of(service, 2)
    protected(service, *group_of(service, 1))
    protected(service, *shares)
    (gone,) = [
        key for key, view in service.cloud.group_snapshots.items() if len(view["members"]) == 2
    ]
    del service.cloud.group_snapshots[gone]
    assert {finding.share_id for finding in find(service)} == set(shares)
    assert fix_all(service) == ["said so in the checkpoint"] * 2
