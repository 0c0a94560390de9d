# SPDX-License-Identifier: Apache-2.0
"""An audit of a bank whose shares backups keep."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from karbor_manila.recovery.audit import LOST, ORPHAN
from tests.unit.karbor_stage import Service, started
from tests.unit.recovery.audit.stage import find, fix_all, give_up, mark_of, protected


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with started(tmp_path, monkeypatch, options=("default_driver = backup",)) as service:
        yield service


def test_nothing_is_found_when_all_agrees(service: Service) -> None:
    kept = protected(service, service.share(), service.share())
    service.restore(kept.id)
    service.delete(protected(service).id)
    assert find(service) == []


def test_a_backup_that_no_checkpoint_knows_is_removed(service: Service) -> None:
    kept = protected(service)
    known = set(service.cloud.backups)
    share = service.share()
    service.connect(service.context()).create_backup(
        share, name="lost", description=mark_of(service, share).describe("why")
    )
    give_up(service)
    (finding,) = find(service)
    assert finding.kind == ORPHAN
    assert fix_all(service) == ["removed"]
    assert set(service.cloud.backups) == known
    assert service.checkpoint(kept.id).status == "available"


def test_a_backup_that_is_gone_is_told_to_its_checkpoint(service: Service) -> None:
    share = service.share()
    protected(service, share)
    protected(service)
    (lost,) = [each for each, view in service.cloud.backups.items() if view["share_id"] == share]
    del service.cloud.backups[lost]
    (finding,) = find(service)
    assert (finding.kind, finding.snapshot_id) == (LOST, lost)
