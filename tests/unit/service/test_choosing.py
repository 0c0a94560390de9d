# SPDX-License-Identifier: Apache-2.0
"""A plan on a project protects the shares that it chooses, and names the others."""

import uuid
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.db.sqlalchemy import api as karbor_db
from karbor_manila.schemas import PROJECT_OPTIONS_SCHEMA
from oslo_serialization import jsonutils

from karbor_manila.database import planned
from karbor_manila.service import choosing, forms
from tests.unit.karbor_stage import PROJECT, Service, told


def whole(service: Service, parameters: Any = None, *named: str) -> Any:
    return service.plan(
        *named,
        resources=[{"type": PROJECT, "id": service.project_id, "name": "project"}],
        parameters=parameters,
    )


def protected(service: Service) -> set[str]:
    return {view["share_id"] for view in service.cloud.snapshots.values()}


def test_what_is_chosen_is_protected_and_the_others_are_named(service: Service) -> None:
    gold = service.share(share_type_name="gold", name="home")
    temporary = service.share(share_type_name="gold", name="tmp-1")
    other = service.share(name="wiki")
    given = {PROJECT: {"include": "type:gold", "exclude": "name:tmp*"}}
    checkpoint = service.protect(whole(service, given))
    assert checkpoint.status == "available"
    assert protected(service) == {gold}
    left = {item["id"]: (item["kind"], item["reason"]) for item in told(checkpoint)["left_out"]}
    assert left == {
        temporary: ("excluded", "the plan excludes name:tmp*"),
        other: ("excluded", "the plan includes only type:gold"),
    }


def test_each_project_of_a_plan_has_its_own_choice() -> None:
    """An administrator's plan may name several; a form asks for each of them by itself."""
    given = {
        f"{PROJECT}#one": {"include": "name:home", "exclude": ""},
        f"{PROJECT}#two": {"include": "name:wiki"},
        PROJECT: {"include": "name:all", "exclude": "name:tmp"},
    }
    resources = [{"type": PROJECT, "id": each} for each in ("one", "two", "three")]
    found = choosing.chosen({"resources": resources, "parameters": given})
    said = {each: [term.text for term in wanted.include] for each, wanted in found.items()}
    assert said == {"one": ["name:home"], "two": ["name:wiki"], "three": ["name:all"]}
    assert {wanted.exclude[0].text for wanted in found.values()} == {"name:tmp"}


def test_one_project_is_not_chosen_by_what_is_said_of_another(service: Service) -> None:
    home, _other = service.share(name="home"), service.share(name="wiki")
    plan = whole(service, {f"{PROJECT}#{service.project_id}": {"include": "name:home"}})
    plan.resources = [*plan.resources, {"type": PROJECT, "id": "another", "name": "another"}]
    plan.parameters = dict(plan.parameters) | {f"{PROJECT}#another": {"include": "name:none"}}
    objected = choosing.objection(service.provider, plan)
    assert objected is not None
    assert objected(service.cloud.shares[home]) is None


def test_a_new_share_is_covered_without_a_change_of_the_plan(service: Service) -> None:
    plan = whole(service, {PROJECT: {"include": "label:backup=yes"}})
    first = service.share(metadata={"backup": "yes"})
    service.share()
    service.protect(plan)
    second = service.share(metadata={"backup": "yes"})
    service.protect(plan)
    assert protected(service) == {first, second}


def test_the_owner_of_a_share_takes_it_out_of_each_plan_on_the_project(service: Service) -> None:
    share = service.share()
    out = service.share(metadata={"karbor:protect": "no"})
    checkpoint = service.protect(whole(service))
    assert protected(service) == {share}
    (left,) = told(checkpoint)["left_out"]
    assert (left["id"], left["kind"]) == (out, "excluded")


def test_a_share_that_the_plan_names_itself_is_protected_all_the_same(service: Service) -> None:
    service.share()
    named = service.share(metadata={"karbor:protect": "no"})
    checkpoint = service.protect(whole(service, {PROJECT: {"exclude": "name:*"}}, named))
    assert checkpoint.status == "available"
    assert protected(service) == {named}


def test_what_is_broken_and_not_wanted_makes_no_partial_checkpoint(service: Service) -> None:
    service.share()
    service.share(status="error", metadata={"karbor:protect": "no"})
    checkpoint = service.protect(whole(service))
    assert [item["kind"] for item in told(checkpoint)["left_out"]] == ["excluded"]


def test_a_plan_that_chooses_nothing_fails_and_says_what_it_left_out(service: Service) -> None:
    service.share()
    with pytest.raises(karbor_exception.FlowError, match="the plan includes only name:nobody"):
        service.protect(whole(service, {PROJECT: {"include": "name:nobody"}}))
    assert not service.cloud.snapshots


@pytest.mark.parametrize(
    "parameters",
    [
        {PROJECT: {"include": "home"}},
        {PROJECT: {"exclude": "size:3"}},
        {PROJECT: {"only": "name:x"}},
        {PROJECT: {"include": "name:x," * 400}},
        {f"{PROJECT}#{'1' * 32}": {"include": "name:x"}},
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_touched(
    service: Service, parameters: Any
) -> None:
    service.share()
    with pytest.raises(karbor_exception.InvalidPlan):
        service.protect(whole(service, parameters))
    assert not service.checkpoints()


def test_a_plan_without_its_project_chooses_nothing_of_one(service: Service) -> None:
    plan = service.plan(service.share(), parameters={PROJECT: {"include": "name:x"}})
    with pytest.raises(karbor_exception.InvalidPlan, match="not in the plan"):
        service.protect(plan)
    plan = service.plan(service.share(), parameters={PROJECT: {"include": ""}})
    assert service.protect(plan).status == "available"


def test_it_is_published_as_text(service: Service) -> None:
    shown = service.call("show_provider", service.provider.id)["extended_info_schema"]
    assert shown["options_schema"][PROJECT] == forms.form(PROJECT_OPTIONS_SCHEMA)
    fields = shown["options_schema"][PROJECT]["properties"]
    assert {name: field["type"] for name, field in fields.items()} == {
        "include": "string",
        "exclude": "string",
    }
    assert shown["restore_schema"][PROJECT]["properties"] == {}


def test_hooks_are_called_periodically_for_what_is_chosen_alone(service: Service) -> None:
    """See service/periodic_hooks.py."""
    named = str(uuid.UUID(int=7))
    for given in ({PROJECT: {"exclude": "name:tmp*"}}, {PROJECT: {"include": "no condition"}}):
        plan = whole(service, given, named)
        values = {
            name: plan[name] for name in ("id", "name", "provider_id", "project_id", "status")
        }
        resources = [dict(item) for item in plan.resources]
        stored = values | {"parameters": jsonutils.dumps(given), "resources": resources}
        karbor_db.plan_create(service.context(), stored)
        meant = planned.by_project(service.provider.id)[service.project_id]
        assert meant.holds({"id": "a", "name": "home", "metadata": {}})
        assert meant.holds({"id": named, "name": "tmp"})
        # What cannot be read means everything; it is refused when it is protected.
        assert meant.holds({"id": "a", "name": "tmp"}) is (given[PROJECT].get("exclude") is None)
