# SPDX-License-Identifier: Apache-2.0
"""Karbor's own manager and tables, made by Karbor's own migrations, on a real MariaDB and
PostgreSQL: what we write into them and ask of them holds there."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from karbor import objects
from karbor.db import migration
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila.bank import identity
from karbor_manila.database import columns, known_banks
from tests.contract.database.servers import MARIADB, Database
from tests.unit import karbor_stage
from tests.unit.karbor_stage import SHARE, Service, started

FACE = "\U0001f600"


@pytest.fixture
def service(served: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    migration.db_sync(engine=served.engine())
    monkeypatch.setattr(identity, "KNOWN", known_banks.KnownBanks())
    with started(tmp_path, monkeypatch, connection=served.url) as service:
        # It stands in for what is real here.
        engine = karbor_db.get_engine()
        sqlalchemy.event.remove(engine, "do_execute", karbor_stage._as_mariadb_would)
        yield service


def test_the_main_job(service: Service) -> None:
    checkpoint = service.protect(service.plan(service.share(), service.share()))
    assert checkpoint.status == "available"
    for record, good in (
        (service.verify(checkpoint.id), "success"),
        (service.restore(checkpoint.id), "success"),
    ):
        saved = service.saved(record)
        assert (saved.status, len(saved.resources_status)) == (good, 2)
    assert identity.missing(service.provider.bank, service.provider.id) == []
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.manager.claims.all() == []
    assert all(log.ended_at for log in service.logs())


def test_what_a_dead_process_left_is_settled(service: Service) -> None:
    share = service.share()
    checkpoint_id = service.call("protect", service.plan(share))
    heir = service.die()
    heir.manager.reconciliation.run()
    heir.run()
    assert heir.checkpoint(checkpoint_id).status in ("error", "available")
    assert heir.manager.claims.all() == []


def test_a_bank_that_was_put_back_lacks_what_the_database_knows(service: Service) -> None:
    kept, gone = (service.protect(service.plan(service.share())) for _each in range(2))
    bank = service.provider.bank
    for key in bank.list_objects("/"):
        if gone.id in key:
            bank.delete_object(key)
    assert identity.missing(bank, service.provider.id) == [gone.id]
    assert identity.missing(bank, service.provider.id, checkpoint_id=kept.id) == []


def test_what_a_column_does_not_take_is_known_as_refused_and_ours_fits(
    service: Service, served: Database
) -> None:
    """What the tests on SQLite take for MariaDB's answer (karbor_stage) is its answer."""
    for told in (FACE, "x" * 70_000, "\u20ac" * 30_000):
        refuses_and_fits(service, served, told)


def refuses_and_fits(service: Service, served: Database, told: str) -> None:
    record = service.record(objects.Restore, str(uuid.uuid4()))
    record.update_resource_status(SHARE, "s", "error", told)
    assert record.resources_reason == {f"{SHARE}#s": told}
    report = columns.Report(record)
    report.fit(record)
    columns.save(record, report)
    saved = service.saved(record)
    assert saved.resources_status == {f"{SHARE}#s": "error"}
    log = log_of(service, columns.text(told))
    if served.kind == MARIADB:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - what it is, is asked below
            log_of(service, told)
        assert columns.is_refused(caught.value)
    assert log.error_info == columns.text(told)


def log_of(service: Service, told: str) -> Any:
    log = objects.OperationLog(
        context=service.context(),
        project_id=service.project_id,
        operation_type="protect",
        checkpoint_id=str(uuid.uuid4()),
        plan_id=str(uuid.uuid4()),
        provider_id=service.provider.id,
        status="protecting",
    )
    log.create()
    log.error_info = told
    log.save()
    (found,) = [each for each in service.logs() if each.id == log.id]
    return found
