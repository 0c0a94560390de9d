# SPDX-License-Identifier: Apache-2.0
"""A bank that is not there, or not whole, is no reason to take anybody for dead."""

import types
import uuid
from typing import Any

import pytest
from karbor import objects
from karbor.db.sqlalchemy import api as sqlalchemy_api

from tests.fakes.manila import Died
from tests.unit.banks import FaultyPlugin, open_bank, outage
from tests.unit.karbor_stage import (
    Service,
    told,
)
from tests.unit.points import Points
from tests.unit.recovery.reconciliation.stage import (
    DAMAGE,
    assert_at_its_end,
    assert_nothing_stays,
    born,
    forget,
    killed,
    left,
    reconcile,
    reconcile_whatever,
    the_checkpoint,
)


def test_a_bank_that_is_not_mounted_ends_nothing_and_frees_no_claim(service: Service) -> None:
    """The folder is there, and empty: everybody would seem dead, and every checkpoint gone."""
    service = left(service, "restore")
    (restore,) = objects.RestoreList.get_all(service.context(is_admin=True), None, None)
    folder = service.folder / "bank" / "karbor"
    folder.rename(service.folder / "elsewhere")
    folder.mkdir()
    with sqlalchemy_api.get_engine().begin() as connection:
        connection.execute("UPDATE karbor_manila_claims SET since = '2026-01-01 00:00:00'")
    reconcile_whatever(service)
    assert service.saved(restore).status == "in_progress"
    assert [claim.id for claim in service.manager.claims.all()] == [restore.id]
    assert list(folder.iterdir()) == []
    folder.rmdir()
    (service.folder / "elsewhere").rename(folder)
    assert reconcile(service) == ["success"]
    assert_at_its_end(service)


def test_a_living_process_is_not_robbed_by_one_whose_bank_is_not_mounted(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    record = service.record(objects.Restore, checkpoint.id)
    service.call("restore", record, None)
    (claim,) = service.manager.claims.all()
    other = Service(service.folder, service.cloud, type(service.manager))
    folder = service.folder / "bank" / "karbor"
    folder.rename(service.folder / "elsewhere")
    folder.mkdir()
    with sqlalchemy_api.get_engine().begin() as connection:
        connection.execute("UPDATE karbor_manila_claims SET since = '2026-01-01 00:00:00'")
    reconcile_whatever(other)
    assert [each.token for each in service.manager.claims.all()] == [claim.token]
    assert service.saved(record).status == "in_progress"
    folder.rmdir()
    (service.folder / "elsewhere").rename(folder)
    service.run()
    assert service.saved(record).status == "success"


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_checkpoint_does_not_keep_the_others_from_their_ends(
    service: Service, damage: Any
) -> None:
    bad = service.protect(service.plan(service.share()))
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    service.provider.bank.update_object(f"/checkpoints/{bad.id}/index.json", damage)
    assert reconcile(service) == ["available"]


@pytest.mark.parametrize("field", ["project_id", "provider_id", "owner_id", "timestamp", "status"])
def test_a_checkpoint_that_lacks_a_field_does_not_keep_the_others_from_their_ends(
    service: Service, field: str
) -> None:
    bad = service.protect(service.plan(service.share()))
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    key = f"/checkpoints/{bad.id}/index.json"
    index = service.provider.bank.get_object(key)
    index |= {"status": "protecting", "owner_id": str(uuid.uuid4()), "timestamp": 0}
    del index[field]
    service.provider.bank.update_object(key, index)
    assert "available" in reconcile(service)


def test_a_bank_that_is_away_does_not_keep_those_of_others_from_their_ends(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.cloud.plan("create_snapshot", Died, after=True)
    service = killed(service, "protect", service.plan(service.share()))
    away = types.SimpleNamespace(id="0", bank=open_bank(service.folder / "other", FaultyPlugin))
    outage(away.bank, "list", "get")
    registry = service.manager.provider_registry
    registry.providers = {"0": away, service.provider.id: service.provider}
    reconcile_whatever(service)
    assert the_checkpoint(service).status == "available"


@pytest.mark.parametrize("entries", [0, 1, 2])
def test_a_checkpoint_that_was_half_created_can_be_seen_and_deleted(
    service: Service, points: Points, entries: int
) -> None:
    service.protect(service.plan(service.share()))
    forget(service)
    collection = service.provider.get_checkpoint_collection()
    plan = service.plan(service.share())
    assert points.kill(lambda: collection.create(plan), entries + 1)
    service = born(service)
    assert reconcile(service) == ["error"]
    checkpoint = the_checkpoint(service)
    assert "died" in told(checkpoint)["reasons"][f"checkpoint#{checkpoint.id}"]
    assert checkpoint.resource_graph == []
    assert_at_its_end(service)
    assert_nothing_stays(service)
