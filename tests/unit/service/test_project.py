# SPDX-License-Identifier: Apache-2.0
"""The plugin for projects carries the shares of one and nothing else."""

from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource
from karbor.services.protection.resource_flow import HOOKS
from oslo_serialization import jsonutils

from karbor_manila.service.project import ProjectPlugin
from tests.unit.karbor_stage import PROJECT, SHARE, VOLUME, Foreign, Service, told

THE_PROJECT = Resource(type=PROJECT, id="project", name="project")


def whole_project(service: Service, parameters: Any = None) -> Any:
    return service.plan(
        resources=[{"type": PROJECT, "id": service.project_id, "name": "project"}],
        parameters=parameters,
    )


def test_it_serves_projects_alone() -> None:
    assert ProjectPlugin.get_supported_resources_types() == [PROJECT]


@pytest.mark.parametrize(
    "getter",
    [
        "get_restore_schema",
        "get_verify_schema",
        "get_saved_info_schema",
    ],
)
def test_a_project_takes_no_parameters_but_of_a_plan(getter: str) -> None:
    schema = getattr(ProjectPlugin, getter)(PROJECT)
    assert schema["properties"] == {}
    assert jsonutils.loads(jsonutils.dumps(schema)) == schema


def test_a_project_has_nothing_saved() -> None:
    assert ProjectPlugin.get_saved_info(None, THE_PROJECT) == {}


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("operation", ["protect", "restore", "verify", "delete", "copy"])
def test_no_hook_of_a_project_does_anything(operation: str, hook: str) -> None:
    found = getattr(ProjectPlugin(None), f"get_{operation}_operation")(THE_PROJECT)
    assert getattr(found, hook)(None, THE_PROJECT, None, {}, operation_log=None) is None


def test_a_plan_on_a_project_lives_and_dies_without_the_noop_plugin(service: Service) -> None:
    assert set(service.provider.plugins) == {SHARE, PROJECT}
    ids = {service.share() for _ in range(3)}
    checkpoint = service.protect(whole_project(service))
    assert checkpoint.status == "available"
    assert {view["share_id"] for view in service.cloud.snapshots.values()} == ids
    assert service.verify(checkpoint.id).status == "success"
    assert service.restore(checkpoint.id).status == "success"
    assert len(service.cloud.shares) == 6
    service.delete(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert service.cloud.snapshots == {}


def test_the_options_of_a_plan_reach_every_share_of_the_project(service: Service) -> None:
    service.share()
    service.share()
    service.protect(whole_project(service, {SHARE: {"description": "nightly"}}))
    found = [view["description"] for view in service.cloud.snapshots.values()]
    assert found == ["nightly", "nightly"]


def test_one_share_of_the_project_can_have_options_of_its_own(service: Service) -> None:
    one, other = service.share(), service.share()
    service.protect(
        whole_project(
            service,
            {
                SHARE: {"description": "nightly"},
                f"{SHARE}#{one}": {"description": "the books"},
            },
        )
    )
    found = {view["share_id"]: view["description"] for view in service.cloud.snapshots.values()}
    assert found == {one: "the books", other: "nightly"}


def test_volumes_are_not_said_to_be_protected(service: Service) -> None:
    """As the noop plugin says of them."""
    service.manager.protectable_registry.register_plugin(Foreign(["a volume"]))
    share = service.share()
    checkpoint = service.protect(whole_project(service))
    (project,) = checkpoint.resource_graph
    assert [node.value.id for node in project.child_nodes] == [share]
    assert told(checkpoint)["left_out"][0]["type"] == VOLUME


def test_a_project_without_shares_is_no_success(service: Service) -> None:
    with pytest.raises(karbor_exception.FlowError, match="protects nothing at present"):
        service.protect(whole_project(service))
    (checkpoint_id,) = service.checkpoints()
    assert service.checkpoint(checkpoint_id).status == "error"


def test_one_bad_share_fails_the_checkpoint_and_keeps_the_good_ones(service: Service) -> None:
    good, bad = service.share(), service.share()
    service.cloud.failing.add(f"create_snapshot {bad}")
    checkpoint = service.protect(whole_project(service))
    assert checkpoint.status == "error"
    assert list(told(checkpoint)["reasons"]) == [f"{SHARE}#{bad}"]
    assert [view["share_id"] for view in service.cloud.snapshots.values()] == [good]
    service.delete(checkpoint.id)
    assert service.cloud.snapshots == {}
