# SPDX-License-Identifier: Apache-2.0
"""A share that goes between the list of its project and its snapshot is left out and named; one
that a plan names fails."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.manila import FakeManila
from tests.unit.karbor_stage import PROJECT, SHARE, Service, told

Away = Callable[[Service, str], None]


def deleted(service: Service, share: str) -> None:
    service.cloud.shares.pop(share, None)


AWAY: dict[str, Away] = {
    "deleted": deleted,
    "deleting": lambda service, share: service.cloud.shares[share].update(status="deleting"),
    "binned": lambda service, share: service.cloud.shares[share].update(is_soft_deleted=True),
    "transferred": lambda service, share: service.cloud.shares[share].update(
        project_id=service.other_project
    ),
}


@pytest.fixture(params=AWAY.values(), ids=AWAY)
def away(request: pytest.FixtureRequest) -> Away:
    found: Away = request.param
    return found


def of_project(service: Service, *named: str) -> Any:
    resources = [{"type": PROJECT, "id": service.project_id, "name": "p"}]
    return service.plan(*named, resources=resources)


def protect(service: Service, plan: Any, between: Callable[[], None]) -> Any:
    """Protect a plan; something happens once the graph is there and before the flow runs."""
    checkpoint_id = service.call("protect", plan)
    between()
    service.run()
    return service.checkpoint(checkpoint_id)


def ids(checkpoint: Any) -> set[str]:
    """The shares that a checkpoint holds."""
    found: set[str] = set()
    nodes = list(checkpoint.resource_graph)
    while nodes:
        node = nodes.pop()
        nodes += node.child_nodes
        found |= {node.value.id} if node.value.type == SHARE else set()
    return found


def test_a_share_that_goes_meanwhile_is_left_out_of_its_project_and_named(
    service: Service, away: Away
) -> None:
    gone, *kept = (service.share(name="g"), service.share(), service.share())
    checkpoint = protect(service, of_project(service), lambda: away(service, gone))
    assert checkpoint.status == "available"
    assert ids(checkpoint) == set(kept)
    (left,) = told(checkpoint)["left_out"]
    assert (left["type"], left["id"], left["name"]) == (SHARE, gone, "g")
    assert left["reason"]
    assert "reasons" not in told(checkpoint)
    assert checkpoint.get_resource_bank_section(gone).list_objects() == []
    assert service.restore(checkpoint.id).status == "success"
    service.delete(checkpoint.id)
    assert service.cloud.snapshots == {}


def test_a_share_that_goes_before_its_snapshot_is_asked_for_is_left_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the preflight, that is; its intent goes, too."""
    gone, kept = service.share(), service.share()
    create = FakeManila.create_snapshot

    def late(self: Any, share_id: str, **fields: Any) -> Any:
        service.cloud.shares.pop(gone, None)
        return create(self, share_id, **fields)

    monkeypatch.setattr(FakeManila, "create_snapshot", late)
    checkpoint = service.protect(of_project(service))
    assert checkpoint.status == "available"
    assert ids(checkpoint) == {kept}
    assert [item["id"] for item in told(checkpoint)["left_out"]] == [gone]
    assert checkpoint.get_resource_bank_section(gone).list_objects() == []


def test_a_share_that_goes_while_it_is_waited_for_is_left_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = service.share(status="extending"), service.share()
    look = FakeManila.share

    def goes(self: Any, share_id: str) -> Any:
        found = look(self, share_id)
        service.cloud.shares.pop(gone, None)
        return found

    monkeypatch.setattr(FakeManila, "share", goes)
    checkpoint = service.protect(of_project(service))
    assert checkpoint.status == "available"
    assert ids(checkpoint) == {kept}


def test_a_share_that_a_plan_names_fails_as_ever(service: Service, away: Away) -> None:
    gone, kept = service.share(), service.share()
    checkpoint = protect(service, service.plan(gone, kept), lambda: away(service, gone))
    assert checkpoint.status == "error"
    assert set(told(checkpoint)["reasons"]) == {f"{SHARE}#{gone}"}


def test_a_share_that_a_plan_names_beside_its_project_fails(service: Service) -> None:
    gone = service.share()
    service.share()
    plan = of_project(service, gone)
    assert protect(service, plan, lambda: deleted(service, gone)).status == "error"


def test_a_checkpoint_of_which_nothing_is_left_is_no_success(service: Service) -> None:
    gone, also = service.share(), service.share()

    def both() -> None:
        deleted(service, gone)
        deleted(service, also)

    checkpoint = protect(service, of_project(service), both)
    assert checkpoint.status == "error"
    assert told(checkpoint)["reasons"]


def test_a_share_that_cannot_be_left_out_fails(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bank does not take it: the checkpoint then says that it fails, and holds what it did."""
    gone, _kept = service.share(), service.share()
    plugin = service.provider.bank._plugin
    update = type(plugin).update_object

    def full(self: Any, key: str, value: Any, context: Any = None) -> Any:
        if "left_out" in str(value):
            raise OSError("no space left on device")
        return update(self, key, value, context)

    monkeypatch.setattr(type(plugin), "update_object", full)
    checkpoint = protect(service, of_project(service), lambda: deleted(service, gone))
    assert checkpoint.status == "error"
    assert "left_out" not in told(checkpoint)
    assert f"{SHARE}#{gone}" in told(checkpoint)["reasons"]


def test_a_refusal_of_a_share_that_is_there_is_no_reason_to_leave_it_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share, _other = service.share(), service.share()
    checkpoint = protect(
        service,
        of_project(service),
        lambda: service.cloud.shares[share].update(status="error"),
    )
    assert checkpoint.status == "error"
    assert "its status is 'error'" in told(checkpoint)["reasons"][f"{SHARE}#{share}"]
