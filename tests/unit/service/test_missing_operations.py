# SPDX-License-Identifier: Apache-2.0
"""Resources whose plugin lacks an operation are passed over and named where that does no harm, and
refused by name where it would."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource
from karbor.services.protection.graph import GraphNode
from karbor.services.protection.protection_plugin import Operation

from tests.unit.karbor_stage import (
    NOOP,
    OURS,
    PROJECT,
    SHARE,
    VOLUME,
    Foreign,
    Service,
    started,
    told,
)


class Half:
    """A plugin for volumes that can protect and delete, and no more; without a base class, as
    Karbor's provider takes it."""

    def __init__(self, config: Any = None) -> None:
        pass

    @classmethod
    def get_supported_resources_types(cls) -> list[str]:
        return [VOLUME]

    def get_protect_operation(self, resource: Any) -> Operation:
        return Operation()

    def get_delete_operation(self, resource: Any) -> Operation:
        return Operation()


HALF = f"{Half.__module__}.{Half.__qualname__}"


@pytest.fixture
def noop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A provider in which the noop plugin stands for projects, as many of Karbor's do."""
    with started(tmp_path, monkeypatch, NOOP, OURS) as service:
        yield service


@pytest.fixture
def half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A provider whose plugin for volumes can protect and delete, and nothing else."""
    with started(tmp_path, monkeypatch, HALF, NOOP, OURS) as service:
        monkeypatch.setitem(service.provider.plugins, VOLUME, Half)
        yield service


def whole(service: Service) -> Any:
    """A checkpoint of a plan on the project, with two shares."""
    for _ in range(2):
        service.share()
    of_project = [{"type": PROJECT, "id": service.project_id, "name": "project"}]
    return service.protect(service.plan(resources=of_project))


def with_volumes(service: Service, *volumes: str) -> Any:
    service.manager.protectable_registry.register_plugin(Foreign(list(volumes)))
    return whole(service)


@pytest.mark.parametrize("depth", ["record", "plan", "drill"])
def test_a_project_under_the_noop_plugin_is_passed_over_by_a_verification(
    noop: Service, depth: str
) -> None:
    checkpoint = whole(noop)
    record = noop.saved(noop.verify(checkpoint.id, {SHARE: {"depth": depth}}))
    assert record.status == "success", record.resources_reason
    project = f"{PROJECT}#{noop.project_id}"
    shares = {key: of for key, of in record.resources_status.items() if key != project}
    assert record.resources_status[project] == "undefined"
    assert set(shares.values()) == {"available"}
    assert len(shares) == 2
    assert record.resources_reason[project] == (
        f"Provider {noop.provider.name!r} has a plugin for {PROJECT} that knows no operation "
        f"'verify', and the checkpoint holds {PROJECT} {noop.project_id}. It is passed over."
    )


def test_what_is_passed_over_does_not_hide_a_bad_share(noop: Service) -> None:
    checkpoint = whole(noop)
    noop.cloud.snapshots.clear()
    record = noop.verify(checkpoint.id)
    assert record.status == "fail"
    assert record.resources_status[f"{PROJECT}#{noop.project_id}"] == "undefined"
    assert sorted(record.resources_status.values()) == ["error", "error", "undefined"]


def test_every_resource_that_is_passed_over_is_named(half: Service) -> None:
    checkpoint = with_volumes(half, *(f"vol-{number:02}" for number in range(30)))
    record = half.saved(half.verify(checkpoint.id))
    assert record.status == "success"
    volumes = [f"{VOLUME}#vol-{number:02}" for number in range(30)]
    assert {record.resources_status[key] for key in volumes} == {"undefined"}
    assert len(record.resources_reason) == 20, "the column is bounded"


def test_a_verification_that_could_look_at_nothing_is_no_success(noop: Service) -> None:
    """As an earlier release made them of projects without a share."""
    checkpoint = whole(noop)
    project = Resource(type=PROJECT, id=noop.project_id, name="project")
    checkpoint.resource_graph = [GraphNode(value=project, child_nodes=())]
    checkpoint.commit()
    with pytest.raises(karbor_exception.InvalidInput):
        noop.verify(checkpoint.id)
    (record,) = [log for log in noop.logs() if log.operation_type == "verify"]
    assert record.status == "fail"
    assert PROJECT in record.error_info


def test_a_plan_on_a_project_under_the_noop_plugin_lives_and_dies(noop: Service) -> None:
    checkpoint = whole(noop)
    assert noop.restore(checkpoint.id).status == "success"
    noop.delete(checkpoint.id)
    assert noop.checkpoint(checkpoint.id).status == "deleted"
    assert noop.cloud.snapshots == {}


def test_a_copy_passes_over_the_project_and_names_it(noop: Service) -> None:
    for _ in range(2):
        noop.share()
    plan = noop.plan(resources=[{"type": PROJECT, "id": noop.project_id, "name": "project"}])
    noop.protect(plan)
    ((pair),) = noop.call("copy", plan)
    noop.run()
    made = noop.checkpoint(pair["checkpoint_copy_id"])
    assert made.status == "available"
    (left,) = told(made)["left_out"]
    assert (left["type"], left["id"]) == (PROJECT, noop.project_id)
    assert left["kind"] == "not_supported"
    assert "'copy'" in left["reason"]


def test_a_volume_is_not_passed_over_by_a_copy(noop: Service) -> None:
    noop.manager.protectable_registry.register_plugin(Foreign(["vol"]))
    plan = noop.plan(resources=[{"type": PROJECT, "id": noop.project_id, "name": "project"}])
    noop.share()
    noop.protect(plan)
    with pytest.raises(karbor_exception.InvalidInput, match=f"{VOLUME} vol"):
        noop.call("copy", plan)
    noop.run()
    assert len(noop.checkpoints()) == 1


def test_a_restore_is_refused_by_name_before_anything(half: Service) -> None:
    checkpoint = with_volumes(half, "vol")
    shares = set(half.cloud.shares)
    with pytest.raises(karbor_exception.InvalidInput):
        half.restore(checkpoint.id)
    half.run()
    assert set(half.cloud.shares) == shares
    (log,) = [log for log in half.logs() if log.operation_type == "restore"]
    assert f"{VOLUME} vol" in log.error_info
    assert "knows no operation 'restore'" in log.error_info
    assert half.checkpoint(checkpoint.id).status == "available"


def test_a_delete_is_refused_by_name_and_leaves_the_checkpoint_as_it_is(
    half: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = with_volumes(half, "vol")
    monkeypatch.delattr(Half, "get_delete_operation")
    with pytest.raises(karbor_exception.InvalidInput, match=f"{VOLUME} vol"):
        half.delete(checkpoint.id)
    half.run()
    assert half.checkpoint(checkpoint.id).status == "available"
    assert len(half.cloud.snapshots) == 2


def test_a_protection_that_a_plugin_cannot_do_names_the_resource(
    half: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Half, "get_protect_operation")
    half.manager.protectable_registry.register_plugin(Foreign(["vol"]))
    plan = half.plan(resources=[{"type": PROJECT, "id": half.project_id, "name": "project"}])
    half.share()
    with pytest.raises(karbor_exception.FlowError, match=f"{VOLUME} vol"):
        half.call("protect", plan)
    half.run()
    assert half.cloud.snapshots == {}


def test_an_error_of_a_plugin_is_not_taken_for_a_lack(
    half: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, _resource: Any) -> Any:
        raise AttributeError("a bug")

    checkpoint = with_volumes(half, "vol")
    monkeypatch.setattr(Half, "get_verify_operation", broken, raising=False)
    with pytest.raises(karbor_exception.FlowError):
        half.verify(checkpoint.id)


def test_parameters_for_a_type_of_the_noop_plugin_are_no_error(noop: Service) -> None:
    """A dashboard sends an empty group for every type that the provider publishes."""
    checkpoint = whole(noop)
    published = noop.call("show_provider", noop.provider.id)["extended_info_schema"]
    for kind in ("options_schema", "restore_schema"):
        assert all("properties" in schema for schema in published[kind].values())
    of_all: dict[str, Any] = {of: {} for of in published["restore_schema"]}
    assert noop.restore(checkpoint.id, of_all).status == "success"
