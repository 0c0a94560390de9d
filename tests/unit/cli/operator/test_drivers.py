# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drivers``: which drivers are listed, what is said of each, what it answers."""

import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from karbor_manila.cli.operator import driver_probe
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.faulty import PLANNED
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila.errors import ManilaUnavailable
from karbor_manila.service import sessions
from tests.fakes.manila import transient
from tests.unit.cli.operator.acts import SECOND, Ran
from tests.unit.karbor_stage import OUR_PROJECT, OURS, Service, provider_file

COLUMNS = ["Provider", "Name", "Driver", "Configured", "Alive", "Latency", "Capabilities"]
COLUMNS += ["Share Types", "Unknown Types", "Health", "Orders", "Type Names"]
AWAY = ManilaUnavailable("list its services", 10.0, "no route to host")


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    yield
    PLANNED.clear()


@pytest.fixture
def configure(service: Service) -> Callable[..., None]:
    """Change the provider's file, as an operator does."""

    def configure(*options: str, provider_id: str = service.provider.id) -> None:
        provider_file(service.folder, provider_id, (OURS, OUR_PROJECT), options=options)

    return configure


@pytest.fixture
def listed(run: Callable[..., Ran]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """The exit code, and the lines by driver."""

    def listed(*argv: str) -> tuple[int, dict[str, Any]]:
        ran = run("drivers", "-f", "json", *argv)
        return ran.code, {str(row["Driver"]): row for row in ran.rows}

    return listed


def test_a_driver_that_works_is_listed_with_all_that_is_known_of_it(
    service: Service, run: Callable[..., Ran]
) -> None:
    ran = run("drivers", "-f", "json")
    (row,) = (row for row in ran.rows if row["Driver"] == "snapshot")
    assert (ran.code, ran.err) == (0, "")
    assert list(row) == COLUMNS
    assert 0 <= float(row.pop("Latency")) < 10
    assert row == {
        "Provider": service.provider.id,
        "Name": service.provider.name,
        "Driver": "snapshot",
        "Configured": True,
        "Alive": True,
        "Capabilities": ["browse", "copy", "delete", "protect", "restore", "revert", "verify"],
        "Share Types": ["every other"],
        "Unknown Types": [],
        "Health": {
            "endpoint": "http://manila.invalid/v2",
            "microversion": "2.98",
            "marks": "metadata",
        },
        "Orders": {"every other": ["snapshot"]},
        "Type Names": {},
    }


def test_it_prints_a_table(run: Callable[..., Ran]) -> None:
    ran = run("drivers", "--max-width", "0")
    header = ran.out.splitlines()[1]
    assert [cell.strip() for cell in header.strip("|").split("|")] == COLUMNS
    assert "microversion: 2.98" in ran.out
    assert "copy, delete, protect, restore, revert, verify" in ran.out


def test_one_for_tests_alone_is_listed_and_not_tried(
    listed: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    PLANNED.plan("is_alive", "forget")
    code, rows = listed()
    assert (code, rows["faulty"]["Configured"], rows["faulty"]["Alive"]) == (0, False, None)


def test_share_types_stand_with_the_driver_that_serves_them(
    service: Service,
    configure: Callable[..., None],
    listed: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    configure("share_type_drivers = gold:faulty,tin:snapshot,iron:faulty")
    service.cloud.share_types |= {"gold", "tin", "iron"}
    code, rows = listed()
    assert code == 0
    assert rows["faulty"]["Share Types"] == ["gold", "iron"]
    assert rows["snapshot"]["Share Types"] == ["tin", "every other"]
    assert rows["faulty"]["Health"] == {"wraps": "snapshot"}


def test_an_order_stands_with_each_driver_of_it_and_types_by_id_have_their_names(
    service: Service,
    configure: Callable[..., None],
    listed: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    configure("default_driver = faulty|snapshot", "share_type_drivers = id-of-secret:snapshot")
    service.cloud.share_types.add("secret")  # private ones are in an administrator's list
    code, rows = listed()
    assert code == 0
    assert rows["faulty"]["Share Types"] == ["every other"]
    assert rows["faulty"]["Orders"] == {"every other": ["faulty", "snapshot"]}
    assert rows["snapshot"]["Share Types"] == ["id-of-secret", "every other"]
    assert rows["snapshot"]["Orders"] == {
        "id-of-secret": ["snapshot"],
        "every other": ["faulty", "snapshot"],
    }
    assert rows["snapshot"]["Type Names"] == {"id-of-secret": "secret"}
    assert rows["snapshot"]["Unknown Types"] == []


def test_an_order_that_cannot_be_read_is_an_error_and_answers_1(
    configure: Callable[..., None], run: Callable[..., Ran]
) -> None:
    configure("default_driver = snapshot||faulty")
    ran = run("drivers", "-f", "json")
    assert (ran.code, ran.rows) == (1, [])
    assert "default_driver = snapshot||faulty: the name of a driver is missing" in ran.err


def test_a_share_type_that_manila_does_not_have_is_named_and_answers_3(
    service: Service,
    configure: Callable[..., None],
    listed: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    configure("share_type_drivers = gold:snapshot,tin:snapshot")
    service.cloud.share_types.add("tin")
    code, rows = listed()
    assert (code, rows["snapshot"]["Alive"]) == (3, True)
    assert rows["snapshot"]["Unknown Types"] == ["gold"]


def test_a_configured_driver_that_is_not_alive_answers_3(
    configure: Callable[..., None], listed: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    configure("default_driver = faulty")
    PLANNED.plan("is_alive", "forget")
    code, rows = listed()
    assert (code, rows["faulty"]["Configured"], rows["faulty"]["Alive"]) == (3, True, False)
    assert rows["snapshot"]["Configured"] is False


def test_one_that_is_not_configured_and_not_alive_is_no_work_for_anybody(
    configure: Callable[..., None],
    listed: Callable[..., tuple[int, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure("default_driver = faulty")
    monkeypatch.setattr(SnapshotDriver, "health", lambda _self: {"alive": False, "latency": 0.5})
    code, rows = listed()
    assert (code, rows["snapshot"]["Alive"], rows["snapshot"]["Latency"]) == (0, False, 0.5)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("default_driver = nosuch",), "default_driver = nosuch: share driver 'nosuch' is not in"),
        (
            ("default_driver = snapshot", "share_type_drivers = default:nosuch"),
            "share_type_drivers = default:nosuch: share driver 'nosuch' is not installed",
        ),
    ],
)
def test_a_driver_that_is_not_installed_is_listed_with_the_option_that_names_it(
    configure: Callable[..., None],
    listed: Callable[..., tuple[int, dict[str, Any]]],
    options: tuple[str, ...],
    why: str,
) -> None:
    configure(*options)
    code, rows = listed()
    assert (code, rows["nosuch"]["Configured"], rows["nosuch"]["Alive"]) == (3, True, False)
    assert rows["nosuch"]["Health"]["error"].startswith(why)
    assert rows["snapshot"]["Alive"] is True


def test_a_value_that_a_driver_does_not_take_is_listed_with_its_option(
    configure: Callable[..., None], listed: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    configure("default_driver = faulty", "[karbor_manila_driver_faulty]", "hang_seconds = -1")
    code, rows = listed()
    assert (code, rows["faulty"]["Alive"]) == (3, False)
    assert "[karbor_manila_driver_faulty] hang_seconds" in rows["faulty"]["Health"]["error"]


@pytest.mark.parametrize("error", [AWAY, OSError("strange")], ids=["ours", "a stranger's"])
@pytest.mark.parametrize("options", [(), ("share_type_drivers = default:snapshot",)])
def test_with_manila_away_each_driver_says_so_and_it_is_asked_once(
    configure: Callable[..., None],
    listed: Callable[..., tuple[int, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    options: tuple[str, ...],
) -> None:
    asked: list[float] = []

    def connect(_project_id: str, *, timeout: float, **_kwargs: Any) -> Any:
        asked.append(timeout)
        raise error

    monkeypatch.setattr(sessions, "connect_as_karbor", connect)
    configure(*options)
    configure(provider_id=SECOND)
    code, rows = listed("--timeout", "7")
    assert (code, asked) == (3, [7.0])
    assert (rows["snapshot"]["Alive"], rows["snapshot"]["Latency"]) == (False, None)
    assert rows["snapshot"]["Health"] == {"error": str(error)}
    assert rows["snapshot"]["Capabilities"]


def test_when_manila_does_not_list_its_types_that_is_said_and_answers_3(
    service: Service, configure: Callable[..., None], run: Callable[..., Ran]
) -> None:
    configure("share_type_drivers = default:snapshot")
    service.cloud.plan("share_types", transient)
    ran = run("drivers", "-f", "json")
    assert ran.code == 3
    assert "The share types are not known" in ran.err
    (row,) = (row for row in ran.rows if row["Driver"] == "snapshot")
    assert (row["Alive"], row["Unknown Types"]) == (True, [])


@pytest.mark.parametrize(
    ("health", "told"),
    [
        ({"alive": True, "latency": 1, "of": {1}}, {"of": "{1}"}),
        ({"alive": True}, {"error": "'latency'"}),
        (None, {"error": "'NoneType' object is not iterable"}),
    ],
)
def test_what_another_packages_driver_says_of_its_health_need_not_be_json(
    listed: Callable[..., tuple[int, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    health: Any,
    told: dict[str, str],
) -> None:
    monkeypatch.setattr(SnapshotDriver, "health", lambda _self: health)
    code, rows = listed()
    assert rows["snapshot"]["Health"] == told
    assert (code, rows["snapshot"]["Alive"]) == ((3, False) if "error" in told else (0, True))


def test_what_another_packages_driver_raises_hides_no_other(
    configure: Callable[..., None],
    listed: Callable[..., tuple[int, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure("share_type_drivers = default:faulty")

    def broken(_self: Any) -> Any:
        raise KeyError("tape")

    monkeypatch.setattr(SnapshotDriver, "health", broken)
    code, rows = listed()
    assert (code, rows["snapshot"]["Alive"]) == (3, False)
    assert rows["snapshot"]["Health"] == {"error": "'tape'"}
    assert rows["faulty"]["Alive"] is True


def test_each_provider_has_its_own_lines(
    service: Service, configure: Callable[..., None], run: Callable[..., Ran]
) -> None:
    configure("default_driver = faulty", provider_id=SECOND)
    ran = run("drivers", "-f", "json")
    found = {(row["Provider"], row["Driver"]): row["Configured"] for row in ran.rows}
    used = {service.provider.id: "snapshot", SECOND: "faulty"}
    assert found == {
        (provider, name): name == driver
        for provider, driver in used.items()
        for name in catalogue.names()
    }
    assert {name for _provider, name in found} == set(catalogue.names())


def test_a_provider_whose_option_cannot_be_read_does_not_hide_the_others(
    service: Service, configure: Callable[..., None], run: Callable[..., Ran]
) -> None:
    configure("share_type_drivers = gold", provider_id=SECOND)
    ran = run("drivers", "-f", "json")
    (line,) = ran.lines
    assert ran.code == 1
    assert f"Provider {SECOND}" in line
    assert "share_type_drivers" in line
    assert {row["Provider"] for row in ran.rows} == {service.provider.id}


def test_drivers_are_closed(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(SnapshotDriver, "close", lambda self: closed.append(self.name))
    assert run("drivers").code == 0
    assert closed == ["snapshot"]


@pytest.mark.parametrize("timeout", ["nan", "inf", "-1", "0", "soon", ""])
def test_a_timeout_that_is_no_number_of_seconds_is_wrong_usage(
    run: Callable[..., Ran], timeout: str
) -> None:
    ran = run("drivers", f"--timeout={timeout}")
    assert ran.code == 2
    assert "--timeout" in ran.err


def test_a_driver_that_hangs_is_listed_with_how_long_it_was_waited_for(
    listed: Callable[..., tuple[int, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(seconds: float, call: Callable[[], Any]) -> Any:
        result = call()
        if isinstance(result, dict):
            raise concurrent.futures.TimeoutError
        return result

    monkeypatch.setattr(driver_probe, "within", hangs)
    code, rows = listed("--timeout", "2.5")
    assert (code, rows["snapshot"]["Alive"]) == (3, False)
    assert rows["snapshot"]["Health"] == {"error": "'snapshot' did not answer within 2.5 s"}
