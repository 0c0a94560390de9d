# SPDX-License-Identifier: Apache-2.0
"""What a karbor-protection process does with the drivers and share types of its configuration when
it starts: what cannot work ends the start, what Manila does not know is a warning."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eventlet
import pytest
from oslo_config import cfg

from karbor_manila.drivers import catalogue, faulty
from karbor_manila.manila.errors import ManilaTransient
from karbor_manila.service import sessions
from tests.unit.karbor_stage import (
    KARBORS,
    OUR_PROJECT,
    OURS,
    Service,
    provider_file,
    started,
)

SECOND = "00000000-0000-0000-0000-000000000002"


def start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str, plugins: tuple[str, ...] = ()
) -> Any:
    return started(folder, monkeypatch, *plugins, options=options)


def the_refusal(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    with pytest.raises(cfg.Error) as caught, start(folder, monkeypatch, *options):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("default_driver = nosuch", "default_driver = nosuch"),
        ("share_type_drivers = gold:snapshot,tin:nosuch", "share_type_drivers = tin:nosuch"),
    ],
)
def test_a_driver_that_is_not_installed_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, named: str
) -> None:
    said = the_refusal(tmp_path, monkeypatch, line)
    assert "Provider 00000000-0000-0000-0000-000000000001" in said
    assert f"{named}: share driver 'nosuch' is not installed" in said
    assert f"there are: {', '.join(catalogue.names())}" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (dict, "is no karbor_manila.drivers.base.Driver"),
        (
            type("Claims", (faulty.FaultyDriver,), {"capabilities": frozenset({"protect", "fly"})}),
            "claims 'fly'",
        ),
    ],
    ids=["no driver", "capabilities"],
)
def test_a_class_that_is_no_fitting_driver_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Any, why: str
) -> None:
    class Manager:
        def __init__(self, _namespace: str, _name: str) -> None:
            self.driver = found

    monkeypatch.setattr(catalogue.stevedore, "DriverManager", Manager)
    catalogue.load.cache_clear()
    try:
        said = the_refusal(tmp_path, monkeypatch, "default_driver = faulty")
    finally:
        catalogue.load.cache_clear()
    assert "Provider 00000000-0000-0000-0000-000000000001" in said
    assert "default_driver = faulty: share driver 'faulty' cannot be used" in said
    assert why in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (
            ("default_driver = faulty", "[karbor_manila_driver_faulty]", "hang_seconds = -1"),
            "[karbor_manila_driver_faulty] hang_seconds: ",
        ),
        (("share_type_drivers = gold",), "share_type_drivers"),
        (("default_driver = faulty|",), "default_driver = faulty|: the name of a driver is miss"),
        (("default_driver =",), "default_driver = : the name of a driver is missing"),
        (("share_type_drivers = gold:",), "share_type_drivers = gold:: the name of a driver is m"),
        (("share_type_drivers = :snapshot",), "share_type_drivers"),
        (("share_type_drivers = gold:snapshot,gold:faulty",), "share_type_drivers"),
        (
            ("share_type_drivers = gold:snapshot|faulty|snapshot",),
            "share_type_drivers = gold:snapshot|faulty|snapshot: it names 'snapshot' more than",
        ),
        (
            ("default_driver = snapshot|nosuch",),
            "default_driver = snapshot|nosuch: share driver 'nosuch' is not installed",
        ),
    ],
    ids=[
        "a driver's own",
        "no pair",
        "an empty part",
        "an empty default",
        "an empty order",
        "an empty type",
        "a type twice",
        "a driver twice",
        "one of two not installed",
    ],
)
def test_a_value_that_an_option_does_not_take_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], named: str
) -> None:
    said = the_refusal(tmp_path, monkeypatch, *options)
    assert said.startswith("Provider 00000000-0000-0000-0000-000000000001")
    assert named in said


def test_a_second_provider_is_checked_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider_file(tmp_path, SECOND, (OURS, OUR_PROJECT), options=("default_driver = nosuch",))
    assert f"Provider {SECOND}" in the_refusal(tmp_path, monkeypatch)


def test_another_plugins_provider_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(tmp_path, monkeypatch, "default_driver = nosuch", plugins=(KARBORS,)) as service:
        assert service.provider.id


TYPED = ("default_driver = snapshot", "share_type_drivers = gold:snapshot,default:snapshot")


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with start(tmp_path, monkeypatch, *TYPED) as service:
        yield service


@pytest.fixture
def warnings_of(caplog: pytest.LogCaptureFixture) -> Callable[[Service], list[str]]:
    """What a start logs of share types, when its green thread has had its turn."""

    def warnings_of(service: Service) -> list[str]:
        with caplog.at_level(logging.INFO, "karbor_manila"):
            service.manager.init_host()
            assert "share_type_drivers" not in caplog.text, "the start waited for Manila"
            while not service.manager.runtime._types.dead:
                eventlet.sleep(0)
            service.manager.cleanup_host()
        return [
            f"{record.levelname} {record.getMessage()}"
            for record in caplog.records
            if "share_type_drivers" in record.getMessage()
        ]

    return warnings_of


def test_a_share_type_that_manila_does_not_have_is_a_warning(
    typed: Service, warnings_of: Callable[[Service], list[str]]
) -> None:
    (line,) = warnings_of(typed)
    assert line.startswith(f"WARNING Provider {typed.provider.name} ({typed.provider.id}): ")
    assert "share_type_drivers = gold:snapshot: Manila has no share type 'gold'" in line


def test_share_types_that_manila_has_are_no_warning(
    typed: Service, warnings_of: Callable[[Service], list[str]]
) -> None:
    typed.cloud.share_types.add("gold")
    assert warnings_of(typed) == []
    assert "share_types" in typed.cloud.calls


def test_without_share_types_manila_is_not_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    warnings_of: Callable[[Service], list[str]],
) -> None:
    with start(tmp_path, monkeypatch) as service:
        assert warnings_of(service) == []
        assert "share_types" not in service.cloud.calls


@pytest.mark.parametrize(
    "error",
    [ManilaTransient("list its share types", "no answer"), OSError("strange")],
    ids=["ours", "a stranger's"],
)
def test_a_manila_that_is_away_does_not_stop_the_start(
    typed: Service, warnings_of: Callable[[Service], list[str]], error: Exception
) -> None:
    typed.cloud.plan("share_types", lambda: error)
    (line,) = warnings_of(typed)
    assert line.startswith("INFO ")
    assert str(error) in line


def test_manila_is_asked_with_a_timeout(
    typed: Service,
    monkeypatch: pytest.MonkeyPatch,
    warnings_of: Callable[[Service], list[str]],
) -> None:
    given: list[float] = []

    def connect(project_id: str, *, timeout: float, parallel: int) -> Any:
        given.append(timeout)
        raise OSError("away")

    monkeypatch.setattr(sessions, "connect_as_karbor", connect)
    warnings_of(typed)
    assert given == [10.0]


def test_a_stop_ends_what_still_waits_for_manila(
    typed: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(_project_id: str, **_kwargs: Any) -> Any:
        while True:
            eventlet.sleep(0)

    monkeypatch.setattr(sessions, "connect_as_karbor", connect)
    typed.manager.init_host()
    eventlet.sleep(0)
    typed.manager.cleanup_host()
    assert typed.manager.runtime._types.dead
