# SPDX-License-Identifier: Apache-2.0
"""Our manager makes our plugin the protectable one for shares, whatever Karbor finds first."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor.services.protection import manager as karbor_manager
from karbor.services.protection.protectable_plugins.share import ShareProtectablePlugin
from oslo_config import cfg
from oslo_utils import importutils
from stevedore import extension

from karbor_manila import opts
from karbor_manila.manager import ProtectionManager
from karbor_manila.service.flows.worker import Worker
from karbor_manila.service.protectable import ShareProtectable
from tests.unit.karbor_stage import (
    NOOP,
    OUR_PROJECT,
    OURS,
    PROJECT,
    SHARE,
    configured,
    context_of,
    database,
    provider_file,
)

ORDERS = ["Karbor's first", "ours first"]
ENTRY_POINTS = ("share", "karbor-manila-share")
_ITERATE: Callable[..., Iterator[Any]] = extension.ExtensionManager.__iter__


@pytest.fixture(autouse=True)
def karbor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A configured Karbor with two providers and a file-system bank."""
    for number, plugins in enumerate([(OURS, OUR_PROJECT), (NOOP,)], start=1):
        provider_file(tmp_path, str(uuid.UUID(int=number)), plugins)
    with configured(tmp_path), database(monkeypatch):
        yield


@pytest.fixture(params=ORDERS)
def order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The order in which stevedore yields the two entry points for shares."""
    ours_last = request.param == "Karbor's first"

    def ordered(manager: Any) -> Iterator[Any]:
        shares = [item for item in _ITERATE(manager) if item.name in ENTRY_POINTS]
        rest = [item for item in _ITERATE(manager) if item not in shares]
        shares.sort(key=lambda item: ENTRY_POINTS.index(item.name), reverse=not ours_last)
        return iter(rest + shares)

    monkeypatch.setattr(extension.ExtensionManager, "__iter__", ordered)
    return str(request.param)


def the_one_for_shares(manager: Any) -> Any:
    return manager.protectable_registry.get_protectable_resource_plugin(SHARE)


def test_both_protectables_for_shares_are_installed() -> None:
    """Else the tests below show nothing."""
    found = extension.ExtensionManager("karbor.protectables", invoke_on_load=False)
    kinds = {item.plugin for item in found}
    assert {ShareProtectablePlugin, ShareProtectable} <= kinds


def test_karbors_own_manager_takes_whichever_comes_last(order: str) -> None:
    """The problem: which protectable serves is decided by the order of directories."""
    last = ShareProtectable if order == "Karbor's first" else ShareProtectablePlugin
    assert type(the_one_for_shares(karbor_manager.ProtectionManager())) is last


@pytest.mark.usefixtures("order")
def test_our_manager_takes_ours_in_any_order() -> None:
    assert type(the_one_for_shares(ProtectionManager())) is ShareProtectable


@pytest.mark.usefixtures("order")
def test_what_serves_requests_is_made_from_ours() -> None:
    """Karbor makes the instance that serves from the registered one, and keeps it."""
    registry = ProtectionManager().protectable_registry
    assert type(registry._get_protectable(context_of("p"), SHARE)) is ShareProtectable


def test_karbors_other_protectables_stay() -> None:
    types = ProtectionManager().protectable_registry.list_resource_types()
    assert set(types) == set(
        karbor_manager.ProtectionManager().protectable_registry.list_resource_types()
    )
    assert {PROJECT, "OS::Cinder::Volume", "OS::Nova::Server"} <= set(types)


def test_karbor_makes_our_manager_from_its_configured_name() -> None:
    """As karbor.service.Service does with ``[DEFAULT] protection_manager``."""
    made = importutils.import_class("karbor_manila.manager.ProtectionManager")(
        host="host", service_name=None
    )
    assert isinstance(made, karbor_manager.ProtectionManager)
    assert isinstance(made.worker, Worker)


def test_each_provider_keeps_its_own_plugins() -> None:
    providers = ProtectionManager().provider_registry.providers
    kinds = {provider_id: set(provider.plugins) for provider_id, provider in providers.items()}
    assert kinds[str(uuid.UUID(int=1))] == {SHARE, PROJECT}
    assert "OS::Cinder::Volume" in kinds[str(uuid.UUID(int=2))]


def test_our_options_stand_in_karbors_configuration() -> None:
    ProtectionManager()
    assert cfg.CONF[opts.GROUP].listing_timeout == 40.0


def test_two_managers_in_one_process_do_not_collide() -> None:
    """One process may hold several services (``oslo_config`` refuses an option twice)."""
    assert ProtectionManager() is not ProtectionManager()
