# SPDX-License-Identifier: Apache-2.0
"""Through Karbor's manager: of the drivers for a share type the first that can keeps the share, and
preflight, lists and graph say the same."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eventlet
import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource

from karbor_manila.common import left_out
from karbor_manila.manila.errors import QuotaTooSmall
from tests.unit.drivers.picky import Picky, install
from tests.unit.karbor_stage import PROJECT, SHARE, Service, started, told

Started = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    install(monkeypatch)
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(started(tmp_path, monkeypatch, options=options))


@pytest.fixture
def service(start: Started) -> Service:
    return start("default_driver = picky|snapshot", "share_type_drivers = solid:picky")


def drivers(checkpoint: Any, *shares: str) -> list[str]:
    return [
        checkpoint.get_resource_bank_section(share).get_object("metadata")["driver"]
        for share in shares
    ]


def whole_project(service: Service) -> Any:
    project = {"type": PROJECT, "id": service.project_id, "name": "project"}
    return service.plan(resources=[project])


def test_each_share_is_kept_by_the_first_that_can_and_its_user_is_told(service: Service) -> None:
    grouped, alone = service.share(share_group_id="g"), service.share()
    checkpoint = service.protect(service.plan(grouped, alone))
    assert checkpoint.status == "available"
    assert drivers(checkpoint, grouped, alone) == ["picky", "snapshot"]
    assert told(checkpoint)["remarks"] == {
        f"{SHARE}#{alone}": "The driver 'snapshot' keeps it ('picky' cannot: it is in no share "
        "group)."
    }


def test_a_checkpoint_stays_with_its_driver(service: Service) -> None:
    grouped = service.share(share_group_id="g")
    checkpoint = service.protect(service.plan(grouped))
    service.cloud.shares[grouped]["share_group_id"] = None
    restore = service.restore(checkpoint.id)
    assert restore.status == "success"
    assert drivers(service.checkpoint(checkpoint.id), grouped) == ["picky"]
    service.delete(checkpoint.id)
    assert service.cloud.snapshots == {}


def test_a_driver_whose_preflight_refuses_is_not_passed_over(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Picky, "refuses", QuotaTooSmall("snapshots", 1, 0, 10))
    grouped = service.share(share_group_id="g")
    checkpoint = service.protect(service.plan(grouped))
    assert checkpoint.status == "error"
    assert "snapshots are needed" in str(told(checkpoint)["reasons"])
    assert service.cloud.snapshots == {}


def test_a_driver_that_has_said_yes_is_not_passed_over_later(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    grouped = service.share(share_group_id="g", status="extending")
    look = Picky.preflight

    def preflight(self: Any, *args: Any) -> Any:
        found = look(self, *args)
        service.cloud.shares[grouped].update(share_group_id=None, status="available")
        return found

    monkeypatch.setattr(Picky, "preflight", preflight)
    checkpoint = service.protect(service.plan(grouped))
    assert checkpoint.status == "error"
    assert "it is in no share group" in str(told(checkpoint)["reasons"])
    assert service.cloud.snapshots == {}


def test_a_share_that_none_can_keep_fails_with_the_reason_of_each(service: Service) -> None:
    share = service.share(snapshot_support=False)
    checkpoint = service.protect(service.plan(share))
    assert checkpoint.status == "error"
    reason = str(told(checkpoint)["reasons"])
    assert "it is in no share group" in reason
    assert "has no snapshot support" in reason


def test_the_graph_leaves_out_what_the_drivers_of_its_provider_cannot_keep(
    service: Service,
) -> None:
    """Another installed driver could keep it, and is none of the provider's for that type."""
    held, solid = service.share(), service.share(share_type_name="solid")
    checkpoint = service.protect(whole_project(service))
    assert checkpoint.status == "available"
    assert drivers(checkpoint, held) == ["snapshot"]
    (entry,) = told(checkpoint)[left_out.KEY]
    assert (entry["id"], entry["reason"]) == (solid, "it is in no share group")


def test_the_lists_say_which_driver_would_keep_a_share(service: Service) -> None:
    grouped, alone = service.share(share_group_id="g"), service.share()
    service.share(share_type_name="solid")
    found = service.call("list_protectable_instances", SHARE)
    assert {each["id"]: each["extra_info"] for each in found} == {
        grouped: {"driver": "picky"},
        alone: {"driver": "snapshot"},
    }
    shown = service.call("show_protectable_instance", SHARE, alone)
    assert shown["extra_info"] == {"driver": "snapshot"}
    assert Resource(SHARE, alone, "share") == Resource(SHARE, alone, "share", {"driver": "x"})


def test_what_no_provider_can_keep_is_not_shown(service: Service) -> None:
    share = service.share(share_type_name="solid")
    with pytest.raises(karbor_exception.InvalidProtectableInstance, match="in no share group"):
        service.call("show_protectable_instance", SHARE, share)


def test_a_share_type_that_stands_there_twice_is_a_warning(
    start: Started, caplog: pytest.LogCaptureFixture
) -> None:
    service = start("share_type_drivers = secret:snapshot,id-of-secret:picky,id-of-none:picky")
    service.cloud.share_types.add("secret")
    with caplog.at_level(logging.INFO, "karbor_manila"):
        service.manager.init_host()
        while not service.manager.runtime._types.dead:
            eventlet.sleep(0)
        service.manager.cleanup_host()
    twice, unknown = [r.getMessage() for r in caplog.records if "share_type_drivers" in r.message]
    assert "secret:snapshot: the same share type stands there by its id id-of-secret" in twice
    assert "id-of-none:picky: Manila has no share type 'id-of-none'" in unknown
