# SPDX-License-Identifier: Apache-2.0
"""Lists of checkpoints over RPC: their order, filters and pages."""

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.operationengine.operations.retention_operation import (
    RetentionProtectOperation,
)
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin
from oslo_serialization import jsonutils
from oslo_utils import timeutils

from tests.unit.karbor_stage import Service
from tests.unit.service.rpc import (
    UNKNOWN,
    listed,
    refusal,
)


@pytest.fixture
def made(service: Service) -> Iterator[list[str]]:
    """The ids of five checkpoints of one plan, a day apart, the oldest first."""
    plan = service.plan(service.share())
    start = datetime.datetime(2026, 11, 1, 12, 0)
    timeutils.set_time_override(start)
    ids = []
    for day in range(5):
        timeutils.set_time_override(start + datetime.timedelta(days=day))
        ids.append(service.provider.get_checkpoint_collection().create(plan).id)
    yield ids
    timeutils.clear_time_override()


@pytest.fixture(params=["as it is", "reversed", "shuffled"])
def bank_order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in which the bank lists its objects."""
    original = FileSystemBankPlugin.list_objects
    orders: dict[str, Callable[[list[str]], list[str]]] = {
        "as it is": list,
        "reversed": lambda keys: sorted(keys, reverse=True),
        "shuffled": lambda keys: sorted(keys)[1::2] + sorted(keys)[::2],
    }

    def ordered(self: Any, *args: Any, **kwargs: Any) -> list[str]:
        return orders[request.param](list(original(self, *args, **kwargs)))

    monkeypatch.setattr(FileSystemBankPlugin, "list_objects", ordered)


@pytest.mark.usefixtures("bank_order")
@pytest.mark.parametrize("by_plan", [False, True], ids=["by provider", "by plan"])
def test_a_list_begins_with_the_newest_unless_asked_otherwise(
    service: Service, made: list[str], by_plan: bool
) -> None:
    plan_id = service.checkpoint(made[0]).protection_plan["id"]
    filters = {"plan_id": plan_id} if by_plan else {}
    assert listed(service, filters=filters) == made[::-1]
    assert (
        listed(service, filters=filters, sort_keys=["created_at"], sort_dirs=["desc"])
        == (made[::-1])
    )
    assert listed(service, filters=filters, sort_keys=["created_at"], sort_dirs=["asc"]) == made


@pytest.mark.usefixtures("bank_order")
def test_a_list_goes_on_behind_its_marker(service: Service, made: list[str]) -> None:
    assert listed(service, limit=2) == made[:2:-1]
    assert listed(service, limit=2, marker=made[3]) == [made[2], made[1]]
    assert listed(service, marker=made[0]) == []


def test_an_unknown_marker_is_told(service: Service) -> None:
    error = refusal(listed, service, marker=UNKNOWN)
    assert isinstance(error, karbor_exception.CheckpointNotFound)


def test_a_list_knows_days(service: Service, made: list[str]) -> None:
    between = {"start_date": "2026-11-02", "end_date": "2026-11-03"}
    assert listed(service, filters=between) == [made[2], made[1]]
    assert listed(service, filters={"start_date": "2026-11-04"}) == [made[4], made[3]]
    assert listed(service, filters={"end_date": "2026-11-01"}) == [made[0]]


def test_what_is_no_day_is_a_400(service: Service) -> None:
    assert refusal(listed, service, filters={"start_date": "yesterday"}).code == 400


def test_a_day_without_dashes_is_a_day_or_a_400(service: Service, made: list[str]) -> None:
    try:
        assert listed(service, filters={"start_date": 20261105}) == [made[4]]
    except karbor_exception.Invalid as error:
        assert "20261105" in error.msg


def test_a_list_shows_the_requesters_project_alone(service: Service, made: list[str]) -> None:
    other = service.context(service.other_project)
    assert listed(service, context=other) == []
    assert listed(service, context=other, filters={"project_id": service.project_id}) == []
    plan_id = service.checkpoint(made[0]).protection_plan["id"]
    assert listed(service, context=other, filters={"plan_id": plan_id}) == []


def test_an_administrator_sees_all_projects_or_one(service: Service, made: list[str]) -> None:
    admin = service.context(service.other_project, is_admin=True)
    assert listed(service, context=admin) == []
    assert listed(service, context=admin, all_tenants=True) == made[::-1]
    for project, expected in ((service.project_id, made[::-1]), (service.other_project, [])):
        filters = {"project_id": project}
        assert listed(service, context=admin, all_tenants=True, filters=filters) == expected


def test_one_that_cannot_be_read_does_not_hide_the_others(
    service: Service, made: list[str]
) -> None:
    (service.folder / f"bank/karbor/checkpoints/{made[2]}/index.json").unlink()
    assert listed(service) == [made[4], made[3], made[1], made[0]]


def test_one_of_another_version_does_not_hide_the_others(service: Service, made: list[str]) -> None:
    checkpoint = service.checkpoint(made[2])
    checkpoint._md_cache["version"] = "2.0"
    checkpoint.commit()
    assert listed(service) == [made[4], made[3], made[1], made[0]]


@pytest.mark.usefixtures("bank_order")
def test_retention_keeps_the_newest(service: Service, made: list[str]) -> None:
    """Karbor's own retention on our list: with its own, the oldest were kept."""
    for checkpoint_id in made:
        checkpoint = service.checkpoint(checkpoint_id)
        checkpoint.status = "available"
        checkpoint.commit()

    class Checkpoints:
        """As much of karborclient as retention uses."""

        def list(self, provider_id: str, search_opts: Any, limit: Any, sort: Any) -> Any:
            (direction,) = sort.values()
            filters = {name: search_opts[name] for name in ("project_id", "plan_id")}
            return [
                service.checkpoint(item)
                for item in listed(
                    service, filters=filters, sort_keys=["created_at"], sort_dirs=[direction]
                )
            ]

        def delete(self, provider_id: str, checkpoint_id: str) -> None:
            service.delete(checkpoint_id)

    client = type("Client", (), {"checkpoints": Checkpoints()})()
    plan_id = service.checkpoint(made[0]).protection_plan["id"]
    RetentionProtectOperation._delete_old_backup_by_max_backups(
        RetentionProtectOperation, client, 2, service.project_id, service.provider.id, plan_id
    )
    assert listed(service) == [made[4], made[3]]


def test_a_list_can_be_sent_over_rpc(service: Service, checkpoint: Any) -> None:
    found = service.call("list_checkpoints", service.provider.id, filters={})
    assert jsonutils.loads(jsonutils.dumps(found))[0]["id"] == checkpoint.id


def test_a_list_tells_the_second_of_each_making(service: Service, made: list[str]) -> None:
    """Karbor has a field for the day alone. What is stored is as it was."""
    found = service.call("list_checkpoints", service.provider.id, filters={})
    times = [jsonutils.loads(item["extra_info"])["made_at"] for item in found]
    assert times == [f"2026-11-0{day}T12:00:00+00:00" for day in (5, 4, 3, 2, 1)]
    assert service.checkpoint(made[0]).extra_info is None
