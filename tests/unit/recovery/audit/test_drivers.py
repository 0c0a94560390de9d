# SPDX-License-Identifier: Apache-2.0
"""An audit goes by the driver that keeps a share, and by none that is built in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from karbor_manila.drivers import catalogue
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.recovery.audit import ORPHAN
from karbor_manila.recovery.errors import ManilaSuspect
from tests.unit.karbor_stage import Service, started
from tests.unit.recovery.audit.stage import (
    audit_of,
    find,
    give_up,
    mark_of,
    protected,
    snapshots_of,
)


class Vault(SnapshotDriver):
    """A driver that keeps shares elsewhere than in Manila's snapshots."""

    name = "vault"
    kept: ClassVar[dict[str, Any]] = {}

    def everything(self) -> Any:
        return list(self.kept.values())

    def show(self, snapshot_id: str) -> Any:
        return self.kept.get(snapshot_id)

    def delete(self, kept: Any, mark: Any = None, **_kwargs: Any) -> None:
        self.kept.pop(kept.id, None)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    load = catalogue.load
    monkeypatch.setattr(Vault, "kept", {})
    monkeypatch.setattr(catalogue, "load", lambda name: Vault if name == "vault" else load(name))
    options = ("share_type_drivers = gold:vault",)
    with started(tmp_path, monkeypatch, options=options) as service:
        yield service


def in_vault(service: Service, share: str, identifier: str, **fields: Any) -> None:
    Vault.kept[identifier] = {
        "id": identifier,
        "share_id": share,
        "project_id": service.project_id,
        "created_at": "2020-01-01T00:00:00",
        "metadata": mark_of(service, share, **fields).metadata(),
    }


def test_an_orphan_is_removed_by_the_driver_that_listed_it(service: Service) -> None:
    kept = protected(service)
    in_vault(service, service.share(), "v-1")
    give_up(service)
    audit = audit_of(service)
    (finding,) = audit.find()
    assert (finding.kind, finding.driver, finding.snapshot_id) == (ORPHAN, "vault", "v-1")
    assert str(audit.fix(finding)) == "removed"
    assert Vault.kept == {}
    assert list(service.cloud.snapshots) == list(snapshots_of(service, kept).values())


def test_a_driver_that_answers_is_no_witness_for_another(service: Service) -> None:
    vaulted, gone = service.share(), service.share()
    checkpoint = protected(service, vaulted)
    section = checkpoint.get_resource_bank_section(vaulted)
    known = section.get_object("metadata")
    kept = known["kept"] | {"id": "v-1"}
    section.update_object(
        "metadata", known | {"driver": "vault", "snapshot_id": "v-1", "kept": kept}
    )
    in_vault(service, vaulted, "v-1", checkpoint=checkpoint.id)
    lost = protected(service, gone)
    service.cloud.snapshots.clear()
    service.cloud.shares.clear()
    with pytest.raises(ManilaSuspect):
        find(service)
    assert service.checkpoint(lost.id).status == "available"
