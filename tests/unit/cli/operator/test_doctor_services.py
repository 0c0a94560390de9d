# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila doctor``: planted faults of Keystone, Manila, banks and clocks are found."""

import datetime
import shutil
from typing import Any

import pytest
import requests
from karbor.db.sqlalchemy import api as karbor_db
from karbor.db.sqlalchemy import models

from karbor_manila.bank import identity
from karbor_manila.cli import clock_reading
from karbor_manila.cli.errors import WrongUser
from karbor_manila.cli.operator.checks import banks
from karbor_manila.cli.operator.host import Host
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila.errors import ManilaUnavailable
from karbor_manila.recovery import lease
from karbor_manila.service import sessions
from tests.unit.cli.operator.doctoring import (
    KARBOR,
    KEYSTONE,
    MANILA,
    NOW,
    TOKEN,
    Look,
    at,
    keystone_says,
)
from tests.unit.database.plan_stage import made
from tests.unit.karbor_stage import OUR_PROJECT, OURS, PROJECT, SHARE, Service, provider_file


def configure(service: Service, *options: str) -> None:
    provider_file(service.folder, service.provider.id, (OURS, OUR_PROJECT), options=options)


# -- Keystone -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project": None}, "is for no project"),
        ({"roles": [{"name": "admin"}]}, "does not vouch for the users' tokens"),
    ],
)
def test_karbors_own_user_needs_a_project_and_the_role_service(
    look: Look, keystone: Any, changes: dict[str, Any], said: str
) -> None:
    keystone_says(keystone, **changes)
    (row,) = look("roles").of("roles", "bad")
    assert said in row["Seen"]


def test_karbors_own_user_needs_to_be_an_administrator_of_manila(
    look: Look, service: Service
) -> None:
    service.karbor_is_administrator = False
    found = look("roles", "endpoints")
    (row,) = found.of("roles", "bad")
    assert "administrator of Manila" in row["Seen"]
    assert [row["State"] for row in found.of("endpoints")] == ["good", "doubtful"]


def test_a_login_that_is_refused_is_one_bad_line(look: Look, keystone: Any) -> None:
    keystone.get(f"{KEYSTONE}/auth/tokens", status_code=401, json={"error": {"code": 401}})
    found = look("roles", "catalogue")
    assert found.wrong() == [("roles", "bad"), ("catalogue", "doubtful")]


def test_what_the_catalogue_lacks_is_bad(look: Look, keystone: Any) -> None:
    keystone_says(keystone, catalog=TOKEN["catalog"][1:])
    (row,) = look("catalogue").of("catalogue", "bad")
    assert (row["About"], "sharev2" in row["Seen"]) == ("Manila", True)
    keystone_says(keystone, catalog=TOKEN["catalog"][:1])
    (row,) = look("catalogue").of("catalogue", "bad")
    assert row["About"] == "Karbor"


def test_a_karbor_that_does_not_answer_is_bad(look: Look, keystone: Any) -> None:
    keystone.get(f"{KARBOR}/providers", status_code=500, json={})
    (row,) = look("endpoints").of("endpoints", "bad")
    assert (row["About"], "answers HTTP 500" in row["Seen"]) == ("Karbor, public", True)
    keystone.get(f"{KARBOR}/providers", exc=requests.exceptions.ConnectionError("refused"))
    (row,) = look("endpoints").of("endpoints", "bad")
    assert "does not answer" in row["Seen"]
    places = [
        {"interface": "public", "url": KARBOR, "region_id": "RegionOne"},
        {"interface": "internal", "url": "http://inside.example", "region_id": "RegionOne"},
    ]
    services = [TOKEN["catalog"][0], {"type": "data-protect", "endpoints": places}]
    keystone_says(keystone, catalog=services)
    keystone.get("http://inside.example/providers", json={"providers": []})
    assert look("endpoints").wrong() == [("endpoints", "doubtful")]


def test_two_regions_without_a_choice_are_doubtful(look: Look, keystone: Any) -> None:
    places = [{"interface": "public", "url": f"{MANILA}v2", "region_id": region} for region in "AB"]
    services = [{"type": "sharev2", "endpoints": places}, *TOKEN["catalog"][1:]]
    keystone_says(keystone, catalog=services)
    (row,) = look("catalogue").of("catalogue", "doubtful")
    assert "2 regions (A, B)" in row["Seen"]
    assert look("catalogue", manila_client__region_id="A").wrong() == []


def test_a_schedule_whose_trust_is_gone_is_bad(look: Look, keystone: Any, service: Service) -> None:
    with karbor_db.get_engine().begin() as connection:
        for user in ("gone", "here"):
            connection.execute(
                models.ScheduledOperation.__table__.insert().values(
                    id=f"op-{user}",
                    name=f"nightly of {user}",
                    operation_type="protect",
                    user_id=user,
                    project_id="p1",
                    trigger_id="t",
                    operation_definition="{}",
                    deleted=False,
                )
            )
            connection.execute(
                models.ScheduledOperationState.__table__.insert().values(
                    operation_id=f"op-{user}",
                    service_id=1,
                    trust_id=f"trust-{user}",
                    state="registered",
                )
            )
            keystone.get(f"{KEYSTONE}/users/{user}", json={"user": {"enabled": True}})
    keystone.get(f"{KEYSTONE}/projects/p1", json={"project": {"enabled": True}})
    keystone.get(f"{KEYSTONE}/OS-TRUST/trusts/trust-here", json={"trust": {"roles": []}})
    keystone.get(f"{KEYSTONE}/OS-TRUST/trusts/trust-gone", status_code=404, json={})
    keystone.get(f"{KEYSTONE}/role_assignments", json={"role_assignments": []})
    found = look("trusts")
    (row,) = found.of("trusts", "bad")
    assert (found.code, row["About"]) == (3, "project p1")
    assert "1 scheduled operations (nightly of gone) make no checkpoint" in row["Seen"]
    (row,) = found.of("trusts", "good")
    assert row["Seen"] == "Karbor may act for 1 users in their projects"


# -- Manila ---------------------------------------------------------------------------------------


def test_with_manila_away_that_is_one_bad_line_and_the_others_say_so(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = []

    def away(*_args: Any, **_kwargs: Any) -> Any:
        times.append(1)
        raise ManilaUnavailable("list its services", 10.0, "no route to host")

    monkeypatch.setattr(sessions, "connect_as_karbor", away)
    found = look()
    assert (found.code, len(times)) == (3, 1)
    assert [row["Check"] for row in found.rows if row["State"] == "bad"] == ["roles"]
    doubted = {row["Check"] for row in found.rows if row["State"] == "doubtful"}
    needing = {"endpoints", "microversions", "drivers", "share-types", "quota", "clocks"}
    assert doubted == needing
    (row,) = found.of("endpoints", "doubtful")
    assert "no route to host" in row["Seen"]


@pytest.mark.parametrize(
    ("spoken", "driver", "state", "said"),
    [
        ("2.72", "snapshot", "doubtful", "Snapshots have no metadata (2.73)"),
        ("2.79", "backup", "bad", "The driver backup needs 2.80"),
        ("2.80", "backup", "doubtful", "The driver backup restores in place alone"),
    ],
)
def test_what_a_driver_in_use_cannot_do_on_this_manila_is_named(
    look: Look, service: Service, spoken: str, driver: str, state: str, said: str
) -> None:
    service.microversion = spoken
    configure(service, f"default_driver = {driver}")
    (row,) = look("microversions").of("microversions", state)
    assert said in row["Seen"]


def test_a_driver_that_is_not_alive_or_not_installed_is_bad(
    look: Look, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SnapshotDriver, "health", lambda _self: {"alive": False, "latency": 0.5})
    (row,) = look("drivers").of("drivers", "bad")
    assert "It is not alive" in row["Seen"]
    configure(service, "default_driver = nosuch")
    found = look("drivers", "microversions", "share-types")
    assert found.wrong() == [
        ("drivers", "bad"),
        ("microversions", "doubtful"),
        ("share-types", "doubtful"),
    ]
    (row,) = found.of("drivers", "bad")
    assert "default_driver = nosuch: share driver 'nosuch' is not installed" in row["Seen"]


def test_each_share_type_stands_with_its_drivers_and_one_without_snapshots_is_doubtful(
    look: Look, service: Service
) -> None:
    service.cloud.share_types |= {"gold", "plain"}
    service.cloud.type_specs["id-of-plain"] = {"snapshot_support": "False"}
    configure(service, "share_type_drivers = gold:group|snapshot")
    found = {row["About"].rpartition(": ")[2]: row for row in look("share-types").rows}
    assert found["gold"]["Seen"] == "group|snapshot serves it"
    assert found["default"]["Seen"] == "snapshot serves it"
    assert found["plain"]["State"] == "doubtful"
    configure(service, "share_type_drivers = plain:backup|snapshot")
    assert look("share-types").wrong() == []


def quotas(number: int, gigabytes: int = -1) -> dict[str, Any]:
    return {
        "snapshots": {"limit": number, "in_use": 1, "reserved": 0},
        "snapshot_gigabytes": {"limit": gigabytes, "in_use": 0, "reserved": 1},
    }


def test_a_plan_that_does_not_fit_into_its_quota_is_bad(look: Look, service: Service) -> None:
    resources = [
        {"type": SHARE, "id": each, "name": "share"}
        for each in (service.share(), service.share(size=7))
    ]
    plan = made(name="both", resources=resources)
    service.cloud.quotas[service.project_id] = quotas(3, 9)
    assert look("quota").wrong() == []
    service.cloud.quotas[service.project_id] = quotas(2, 9)
    (row,) = look("quota").of("quota", "bad")
    said = f"plan both ({plan.id}) will be refused: it needs 2 snapshots, and 1 of 2 are left"
    assert said in row["Seen"]
    service.cloud.quotas[service.project_id] = quotas(3, 8)
    (row,) = look("quota").of("quota", "bad")
    assert "8 snapshot gigabytes, and 7 of 8 are left" in row["Seen"]


def test_plans_that_fit_alone_and_not_together_are_doubtful(look: Look, service: Service) -> None:
    share = service.share()
    whole = [{"type": PROJECT, "id": service.project_id, "name": "project"}]
    made(name="all", resources=[{"type": SHARE, "id": share, "name": "share"}])
    made(name="all", resources=whole)
    service.cloud.quotas[service.project_id] = quotas(2)
    (row,) = look("quota").of("quota", "doubtful")
    assert "Its 2 plans together need 2 snapshots, and 1 of 2 are left" in row["Seen"]


# -- hooks ----------------------------------------------------------------------------------------


def test_hooks_that_cannot_be_called_or_never_are_are_named(look: Look, service: Service) -> None:
    configure(service, "hook_drivers = nosuch", "enable_pre_hooks = true")
    (row,) = look("hooks").of("hooks", "bad")
    assert row["About"].endswith("nosuch")
    configure(service, "hook_drivers = command", "command_hook_pre = /bin/true")
    (row,) = look("hooks").of("hooks", "doubtful")
    assert "no hook is ever called" in row["Seen"]


# -- banks ----------------------------------------------------------------------------------------


def test_another_bank_is_bad_and_nothing_is_written_into_it(look: Look, service: Service) -> None:
    bank = service.provider.bank
    identity.confirm(bank, service.provider.id)
    bank.update_object(identity.KEY, {"id": "another"})
    before = bank.list_objects("/")
    found = look("bank")
    (row,) = found.of("bank")
    assert (found.code, row["State"]) == (3, "bad")
    assert "another" in row["Seen"]
    assert bank.list_objects("/") == before


def test_a_bank_that_is_not_mounted_is_bad(look: Look, service: Service) -> None:
    identity.confirm(service.provider.bank, service.provider.id)
    shutil.rmtree(service.folder / "bank")
    found = look("bank")
    assert (found.code, {row["State"] for row in found.rows}) == (3, {"bad"})


def test_a_bank_that_takes_nothing_is_bad_and_leaves_nothing(
    look: Look, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    bank = service.provider.bank
    assert look("bank").wrong() == []
    assert bank.list_objects(banks.PREFIX) == []
    monkeypatch.setattr(type(bank), "update_object", full)
    (row,) = look("bank").of("bank", "bad")
    assert "No space left on device" in row["Seen"]


def test_what_a_doctor_who_was_killed_has_left_is_removed_by_the_next_one(
    look: Look, service: Service
) -> None:
    bank = service.provider.bank
    for name, minutes in (("old", 90), ("new", 1)):
        when = NOW - datetime.timedelta(minutes=minutes)
        bank.update_object(f"{banks.PREFIX}{name}", {"at": when.isoformat()})
    bank.update_object(f"{banks.PREFIX}strange", ["not", "ours"])
    assert look("bank").wrong() == []
    left = [f"{banks.PREFIX}{name}" for name in ("new", "strange")]
    assert sorted(bank.list_objects(banks.PREFIX)) == left


def test_a_bank_of_another_user_is_left_alone(
    look: Look, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(provider: Any, command: str) -> None:
        raise WrongUser(provider.name, "/bank", "karbor", command)

    monkeypatch.setattr(Host, "check_user", staticmethod(refuse))
    (row,) = look("bank").of("bank", "doubtful")
    assert "sudo -u karbor karbor-manila doctor" in row["To Do"]
    assert service.provider.bank.list_objects(banks.PREFIX) == []


def test_a_bank_that_is_nearly_full_is_doubtful(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banks, "_SHARE_LEFT", 2.0)
    (row,) = look("bank").of("bank", "doubtful")
    assert "Make room" in row["To Do"]


def test_with_no_process_alive_that_is_doubtful(look: Look, service: Service) -> None:
    bank = service.provider.bank
    (key,) = bank.list_objects(f"{identity.PREFIX}/leases/")
    bank.update_object(key, bank.get_object(key) | {"ended": True})
    (row,) = look("workers").of("workers", "doubtful")
    assert "No karbor-protection has shown" in row["Seen"]


# -- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "state"), [(3, "good"), (-20, "doubtful"), (300, "bad")])
def test_a_clock_that_goes_wrong_is_named(
    look: Look, keystone: Any, ahead: float, state: str
) -> None:
    keystone.get(MANILA, json={}, headers=at(ahead))
    found = {row["About"]: row for row in look("clocks").rows}
    assert found["Manila"]["State"] == state
    assert found["Keystone"]["State"] == "good"


def test_another_hosts_clock_is_seen_by_its_lease(look: Look, service: Service) -> None:
    bank = service.provider.bank
    late = (NOW + datetime.timedelta(seconds=100)).isoformat()
    told = bank.get_object(lease.key_of(bank.get_owner_id())) | {"renewed": late, "host": "other"}
    bank.update_object(lease.key_of("somebody-else"), told)
    (row,) = look("clocks").of("clocks", "bad")
    assert (row["About"], "ahead of this host's by 100 s" in row["Seen"]) == ("host other", True)


def test_the_time_that_an_answer_takes_is_no_difference() -> None:
    moments = iter([NOW, NOW + datetime.timedelta(seconds=30)])
    theirs = NOW + datetime.timedelta(seconds=29)
    found = clock_reading.compared("Manila", lambda: theirs, lambda: next(moments))
    assert found
    assert found.seen == "Its clock agrees with this host's"


def test_a_bank_that_cannot_be_read_is_bad_for_each_check_that_needs_it_and_ends_none(
    look: Look, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_kwargs: Any) -> Any:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(type(service.provider.bank), "list_objects", away)
    monkeypatch.setattr(type(service.provider.bank), "get_object", away)
    found = look()
    assert found.code == 3
    assert found.of("bank", "bad")
    assert found.of("share-types", "good")
