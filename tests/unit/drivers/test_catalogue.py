# SPDX-License-Identifier: Apache-2.0
"""The installed drivers: named without loading, compared with the contract, found by share type."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.base import BASIC, Driver
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.drivers.flow_drivers import FlowDrivers
from karbor_manila.drivers.snapshot import SnapshotDriver
from tests.contract.world import FakeWorld


class Claims(SnapshotDriver):
    name = "claims"
    capabilities = BASIC | {"revert", "fly"}


class Modest(SnapshotDriver):
    name = "modest"
    capabilities = BASIC


class Half(Driver):
    name = "half"
    capabilities = BASIC | {"revert"}


class Misnamed(SnapshotDriver):
    name = "other"


class Less(SnapshotDriver):
    name = "less"
    capabilities = frozenset({"revert", "protect"})


class Odd(SnapshotDriver):
    """One with an option of its own."""

    name = "odd"
    options: ClassVar[Any] = (cfg.IntOpt("depth", default=3, min=1, help="How deep, in levels."),)


INSTALLED = {
    "snapshot": SnapshotDriver,
    "claims": Claims,
    "modest": Modest,
    "half": Half,
    "misnamed": Misnamed,
    "less": Less,
    "odd": Odd,
    "thing": dict,
    "instance": object(),
}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    class Manager:
        def __init__(self, _namespace: str, name: str) -> None:
            self.driver = INSTALLED[name]

    monkeypatch.setattr(catalogue.stevedore, "DriverManager", Manager)
    monkeypatch.setattr(catalogue, "names", lambda: sorted(INSTALLED))
    catalogue.load.cache_clear()
    yield
    catalogue.load.cache_clear()


def configured(tmp_path: Path, *lines: str) -> tuple[cfg.ConfigOpts, Any]:
    path = tmp_path / "provider.conf"
    path.write_text("\n".join(lines))
    conf = cfg.ConfigOpts()
    conf(args=["--config-file", str(path)])
    return conf, opts.register_provider_opts(conf)


def test_the_names_are_known() -> None:
    assert {"snapshot", "faulty"} <= set(catalogue.names())
    assert catalogue.load("snapshot") is SnapshotDriver


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("thing", "no karbor_manila.drivers.base.Driver"),
        ("instance", "no karbor_manila.drivers.base.Driver"),
        ("claims", "claims 'fly', which this release does not know"),
        ("modest", "is Reverts without claiming 'revert'"),
        ("half", "claims 'revert' without being Reverts"),
        ("half", "lacks check, delete"),
        ("misnamed", "has the name 'other'"),
        ("less", "capabilities lack copy, delete, restore, verify"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_a_class_that_does_not_keep_the_contract_is_refused_by_name(name: str, why: str) -> None:
    with pytest.raises(DriverUnsuitable, match=why) as caught:
        catalogue.load(name)
    assert (caught.value.name, repr(name) in str(caught.value)) == (name, True)


def test_a_package_that_cannot_be_loaded_is_refused_with_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_args: Any) -> None:
        raise ImportError("no module named 'tape'")

    catalogue.load.cache_clear()
    monkeypatch.setattr(catalogue.stevedore, "DriverManager", broken)
    with pytest.raises(DriverUnsuitable, match="no module named 'tape'"):
        catalogue.load("snapshot")


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("default_driver = nosuch", "default_driver = nosuch"),
        ("share_type_drivers = gold:snapshot,silver:nosuch", "share_type_drivers = silver:nosuch"),
        ("default_driver = snapshot | nosuch", "default_driver = snapshot|nosuch"),
    ],
)
def test_an_unknown_driver_is_an_error_that_names_the_option_and_what_there_is(
    tmp_path: Path, line: str, option: str
) -> None:
    with pytest.raises(DriverUnknown) as caught:
        catalogue.of_provider(*configured(tmp_path, "[manila_share_protection]", line))
    assert str(caught.value).startswith(f"{option}: ")
    assert "there are: backup, faulty, group, snapshot" in str(caught.value)
    assert (caught.value.option, caught.value.name) == (option, "nosuch")


@pytest.mark.usefixtures("installed")
def test_a_driver_that_cannot_be_used_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    line = "share_type_drivers = gold:half"
    with pytest.raises(DriverUnsuitable, match=f"^{line}: share driver 'half' cannot be used"):
        catalogue.of_provider(*configured(tmp_path, "[manila_share_protection]", line))


@pytest.mark.usefixtures("installed")
def test_a_driver_gets_its_own_options(tmp_path: Path) -> None:
    conf, settings = configured(
        tmp_path,
        "[manila_share_protection]",
        "share_type_drivers = gold:odd",
        "[karbor_manila_driver_odd]",
        "depth = 7",
    )
    found = catalogue.of_provider(conf, settings)
    environment = FakeWorld().environment()

    def with_options(options: Any) -> Any:
        environment.options = options
        return environment

    assert found.make("odd", with_options).environment.options.depth == 7
    assert catalogue.default_options(Odd).depth == 3


@pytest.mark.usefixtures("installed")
def test_a_drivers_option_that_is_out_of_bounds_is_an_error_at_once(tmp_path: Path) -> None:
    conf, settings = configured(
        tmp_path,
        "[manila_share_protection]",
        "default_driver = odd",
        "[karbor_manila_driver_odd]",
        "depth = 0",
    )
    with pytest.raises(ValueError, match="depth"):
        catalogue.of_provider(conf, settings)


@pytest.mark.usefixtures("installed")
def test_the_options_of_all_drivers_that_can_be_loaded_are_in_the_sample() -> None:
    assert dict(catalogue.options_of_all()) == {"karbor_manila_driver_odd": list(Odd.options)}
    assert opts.list_provider_opts()[-1][0] == "karbor_manila_driver_odd"


def test_the_sample_has_nothing_of_what_tests_use() -> None:
    assert "karbor_manila_driver_faulty" not in dict(opts.list_provider_opts())


def test_a_share_goes_to_the_driver_of_its_type() -> None:
    found = catalogue.Catalogue({"gold": "faulty"}, "snapshot")
    assert found.name_for({"share_type_name": "gold"}) == "faulty"
    assert found.name_for({"share_type_name": "silver"}) == found.name_for({}) == "snapshot"
    assert found.configured() == ["snapshot", "faulty"]
    assert found.objection(FakeWorld().make_share()) is None
    assert found.objection(FakeWorld().make_share(snapshot_support=False)) is not None


def test_a_flow_makes_each_driver_once_and_closes_what_it_made() -> None:
    closed = []

    class Closing(FakeWorld):
        pass

    environment = Closing().environment()
    drivers = FlowDrivers(catalogue.Catalogue({}, "snapshot"), lambda _options: environment)
    made = drivers.driver("snapshot")
    assert drivers.driver("snapshot") is made
    made.close = lambda: closed.append(made)  # type: ignore[method-assign]
    drivers.close()
    assert closed == [made]
