# SPDX-License-Identifier: Apache-2.0
"""Drivers in an order of preference: the first that can keep a share does, by its view alone."""

from typing import Any

import pytest

from karbor_manila.common.left_out import BROKEN, NOT_SUPPORTED
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.catalogue import Catalogue, objection
from karbor_manila.drivers.errors import DriverOrderInvalid, NoDriverCan
from karbor_manila.drivers.order import Orders
from tests.contract.world import FakeWorld
from tests.unit.drivers.picky import Picky, install

TYPE_ID = "5c8e1a9e-6f0a-4bd0-9b0c-7a4f1f0a5f11"


@pytest.fixture(autouse=True)
def _picky(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


def share(**fields: Any) -> dict[str, Any]:
    return FakeWorld().make_share(**fields)


def test_a_type_is_named_by_its_id_or_its_name_and_the_id_counts() -> None:
    orders = Orders.of({TYPE_ID: "picky", "gold": "picky|snapshot"}, "snapshot")
    both = {"share_type": TYPE_ID, "share_type_name": "gold"}
    assert orders.of_share(both) == ("picky",)
    assert orders.of_share({"share_type": TYPE_ID, "share_type_name": None}) == ("picky",)
    assert orders.of_share(both | {"share_type": "another"}) == ("picky", "snapshot")
    assert orders.of_share({"share_type": None, "share_type_name": None}) == ("snapshot",)
    assert orders.of_share({}) == ("snapshot",)


def test_all_that_are_named_are_configured_each_once_and_those_of_the_default_first() -> None:
    catalogue = Catalogue({"gold": "picky | snapshot", "tin": "faulty"}, "snapshot|picky")
    assert catalogue.configured() == ["snapshot", "picky", "faulty"]
    assert list(catalogue.orders.named()) == [
        ("default_driver = snapshot|picky", "snapshot"),
        ("default_driver = snapshot|picky", "picky"),
        ("share_type_drivers = gold:picky|snapshot", "picky"),
        ("share_type_drivers = gold:picky|snapshot", "snapshot"),
        ("share_type_drivers = tin:faulty", "faulty"),
    ]


@pytest.mark.parametrize("order", ["", "|", "a|", "|a", "a||b", "a| |b", "a|a", "a|b| a "])
def test_what_is_no_order_is_refused_with_the_option(order: str) -> None:
    with pytest.raises(DriverOrderInvalid) as caught:
        Catalogue({}, order)
    assert str(caught.value).startswith(f"default_driver = {order}: ")
    with pytest.raises(DriverOrderInvalid, match="share_type_drivers = gold:"):
        Catalogue({"gold": order}, "snapshot")


def test_the_first_that_can_keeps_a_share() -> None:
    catalogue = Catalogue({}, "picky|snapshot")
    grouped, alone = share(share_group_id="group"), share()
    assert catalogue.name_for(grouped) == "picky"
    assert catalogue.name_for(alone) == "snapshot"
    assert catalogue.objection(grouped) is None
    assert catalogue.objection(alone) is None
    name, objections = catalogue.choose(alone)
    assert (name, [error.why for error in objections.values()]) == (
        "snapshot",
        ["it is in no share group"],
    )
    assert Catalogue({}, "snapshot|picky").name_for(grouped) == "snapshot"


def test_when_none_can_the_error_says_of_each_why() -> None:
    found = Catalogue({}, "picky|snapshot").objection(share(snapshot_support=False))
    assert isinstance(found, NoDriverCan)
    assert list(found.objections) == ["picky", "snapshot"]
    assert "'picky': it is in no share group; 'snapshot': its type default has no snap" in str(
        found
    )
    assert found.kind == NOT_SUPPORTED


def test_what_one_of_them_says_can_be_mended_is_broken() -> None:
    bad = share(snapshot_support=False, share_group_id="broken")
    found = Catalogue({}, "picky|snapshot").objection(bad)
    assert found is not None
    assert found.kind == BROKEN


def test_what_all_of_them_say_is_said_once() -> None:
    found = Catalogue({}, "snapshot|faulty").objection(share(snapshot_support=False))
    assert found is not None
    assert not isinstance(found, NoDriverCan)
    assert found.why == "its type default has no snapshot support"
    gone = share(share_group_id="g", is_soft_deleted=True)
    assert "recycle bin" in str(Catalogue({}, "picky|snapshot").objection(gone))


def test_whose_a_share_is_is_asked_of_each() -> None:
    mine = share(share_group_id="g")
    assert Catalogue({}, "picky|snapshot").objection(mine, mine["project_id"]) is None
    assert "another project" in str(Catalogue({}, "picky|snapshot").objection(mine, "other"))


def test_a_driver_that_has_a_share_is_the_only_one_that_is_asked() -> None:
    catalogue = Catalogue({}, "picky|snapshot")
    found = catalogue.objection(share(), chosen="picky")
    assert found is not None
    assert found.why == "it is in no share group"


def test_without_a_provider_all_installed_drivers_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "names", lambda: ["picky", "snapshot"])
    assert objection(share()) is None
    assert objection(share(share_group_id="g")) is None
    assert isinstance(objection(share(snapshot_support=False)), NoDriverCan)


def test_a_driver_that_fails_over_a_share_is_passed_over_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing(Picky):
        name = "failing"

        @classmethod
        def unsupported(cls, share: Any) -> Any:
            raise KeyError("of another package")

    install(monkeypatch, Failing)
    held = share()
    assert objection(held) is None
    assert Catalogue({}, "failing|snapshot").name_for(held) == "snapshot"
    alone = Catalogue({}, "failing")
    assert alone.name_for(held) == "failing"
    refused = alone.objection(held)
    assert refused
    assert refused.kind == BROKEN
    assert "'failing' failed over it (KeyError)" in refused.why
