# SPDX-License-Identifier: Apache-2.0
"""A share whose type names the outside driver is protected, restored and deleted by Karbor."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.karbor_stage import Service, started


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    options = ("share_type_drivers = gold:mirror", "[karbor_manila_driver_mirror]", "site = hill")
    with started(tmp_path, monkeypatch, options=options) as service:
        yield service


def test_it_protects_restores_and_deletes(service: Service) -> None:
    gold, other = service.share(share_type_name="gold"), service.share()
    checkpoint = service.protect(service.plan(gold, other))
    assert checkpoint.status == "available"
    records = {
        share: checkpoint.get_resource_bank_section(share).get_object("metadata")
        for share in (gold, other)
    }
    assert {share: record["driver"] for share, record in records.items()} == {
        gold: "mirror",
        other: "snapshot",
    }
    kept = records[gold]["kept"]
    assert kept["data"] == {"of": kept["id"], "site": "hill"}
    before = set(service.cloud.shares)
    restore = service.restore(checkpoint.id)
    assert restore.status == "success"
    assert len(set(service.cloud.shares) - before) == 2
    service.delete(checkpoint.id)
    assert service.checkpoints() == []
    assert service.cloud.snapshots == {}
