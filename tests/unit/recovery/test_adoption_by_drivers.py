# SPDX-License-Identifier: Apache-2.0
"""What other drivers keep is adopted, too; of a group what the plan names."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila.bank import identity
from karbor_manila.recovery.adoptable import Search
from karbor_manila.recovery.adoption import Adopted, Adoption
from tests.unit.karbor_stage import Service, started
from tests.unit.recovery.audit.stage import find, protected


@pytest.fixture
def service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Service]:
    options = (f"default_driver = {request.param}",)
    with started(tmp_path, monkeypatch, options=options) as service:
        yield service


def lost(service: Service, *shares: str, plan: Any = None) -> Any:
    """A checkpoint of these shares that the bank does not have any more."""
    identity.confirm(service.provider.bank, service.provider.id)
    bank, copy = service.folder / "bank", service.folder / "copy"
    shutil.copytree(bank, copy)
    made = service.protect(plan or service.plan(*shares))
    assert made.status == "available"
    shutil.rmtree(bank)
    copy.rename(bank)
    return made


def adopt(service: Service, checkpoint_id: str) -> Adopted:
    bank_id = identity.bank_id(service.provider.bank)
    search = Search(service.provider, bank_id)
    (found,) = search.find([checkpoint_id])
    claims, clock = service.manager.claims, service.cloud.clock
    return Adoption(service.provider, claims, search, bank_id, clock).adopt(found)


def in_the_database(service: Service, plan: Any, *resources: Any) -> None:
    """The plan as it is now: with these resources."""
    values = {name: plan[name] for name in ("id", "name", "provider_id", "project_id", "status")}
    more = {"parameters": "{}", "resources": [dict(each) for each in resources]}
    karbor_db.plan_create(service.context(), values | more)


def grouped(service: Service, number: int) -> list[str]:
    group = service.cloud.add_group(service.project_id)
    return [service.share(share_group_id=group["id"]) for _ in range(number)]


@pytest.mark.parametrize("service", ["group"], indirect=True)
def test_the_shares_of_a_group_are_adopted_with_what_keeps_them_together(service: Service) -> None:
    shares = grouped(service, 3)
    made = lost(service, *shares)
    assert set(adopt(service, made.id).shares) == set(shares)
    assert find(service) == []
    assert service.restore(made.id).status == "success"
    service.delete(made.id)
    assert service.cloud.group_snapshots == {}


@pytest.mark.parametrize("service", ["group"], indirect=True)
def test_of_a_group_only_the_shares_that_the_plan_names(service: Service) -> None:
    shares = grouped(service, 3)
    plan = service.plan(*shares[:2])
    in_the_database(service, plan, *plan.resources)
    made = lost(service, plan=plan)
    assert set(adopt(service, made.id).shares) == set(shares[:2])


@pytest.mark.parametrize("service", ["backup"], indirect=True)
def test_backups_are_adopted(service: Service) -> None:
    share = service.share()
    made = lost(service, share)
    assert set(adopt(service, made.id).shares) == {share}
    assert service.restore(made.id).status == "success"
    service.delete(made.id)
    assert service.cloud.backups == {}


@pytest.mark.parametrize("service", ["snapshot"], indirect=True)
def test_a_share_that_left_its_plan_since_is_in_its_checkpoint_all_the_same(
    service: Service,
) -> None:
    shares = [service.share(), service.share()]
    plan = service.plan(*shares)
    in_the_database(service, plan, plan.resources[0])
    made = lost(service, plan=plan)
    assert set(adopt(service, made.id).shares) == set(shares)


@pytest.mark.parametrize("service", ["snapshot"], indirect=True)
def test_a_copy_is_passed_over(service: Service) -> None:
    plan = service.plan(service.share())
    source = service.protect(plan)
    bank, before = service.folder / "bank", service.folder / "before"
    shutil.copytree(bank, before)
    (pair,) = service.call("copy", plan)
    service.run()
    shutil.rmtree(bank)
    before.rename(bank)
    search = Search(service.provider, identity.bank_id(service.provider.bank))
    (found,) = search.find()
    assert found.id == pair["checkpoint_copy_id"] != source.id
    assert found.why_not
    assert "copy" in str(found.passed_over)
    assert protected(service)
