# SPDX-License-Identifier: Apache-2.0
"""What is refused of a plan or a restore before anything is begun, and what is not."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor import objects
from karbor.common import constants
from karbor.services.protection.protection_plugins.noop_plugin import NoopProtectionPlugin
from karbor.services.protection.protection_plugins.share.share_snapshot_plugin import (
    ManilaSnapshotProtectionPlugin,
)

from karbor_manila.operations import parameters
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.service.project import ProjectPlugin
from karbor_manila.service.protection import ShareProtectionPlugin
from karbor_manila.service.requests import plans, share_parameters
from tests.unit.karbor_stage import PROJECT, SHARE, VOLUME, context_of

OWN = str(uuid.UUID(int=0xA))
OTHER = str(uuid.UUID(int=0xB))
SHARE_ID = str(uuid.UUID(int=0xC))
UNKNOWN_ID = str(uuid.UUID(int=0xD))

OURS = {SHARE: ShareProtectionPlugin, PROJECT: ProjectPlugin}
KARBORS = {SHARE: ManilaSnapshotProtectionPlugin}
NOOP = dict.fromkeys(constants.RESOURCE_TYPES, NoopProtectionPlugin)

THE_SHARE = {"type": SHARE, "id": SHARE_ID, "name": "share"}
THE_PROJECT = {"type": PROJECT, "id": OWN, "name": "project"}


@pytest.fixture(autouse=True, scope="module")
def karbors_objects() -> None:
    objects.register_all()


def plan(*resources: dict[str, Any], given: Any = None) -> Any:
    """A plan as it arrives over Karbor's RPC: its own object, every value turned into a string."""
    return objects.Plan(
        id=str(uuid.uuid4()),
        name="plan",
        provider_id=str(uuid.uuid4()),
        project_id=OWN,
        resources=list(resources),
        parameters=given or {},
    )


def check(plan: Any, *, plugins: Any = OURS, is_admin: bool = False) -> None:
    provider = SimpleNamespace(name="files", plugins=plugins)
    plans.check_plan(plan, provider, context_of(OWN, is_admin=is_admin))


def refusal(plan: Any, **kwargs: Any) -> str:
    with pytest.raises(karbor_exception.InvalidPlan) as caught:
        check(plan, **kwargs)
    assert caught.value.code == 400
    return str(caught.value.msg)


@pytest.mark.parametrize(
    "given",
    [
        None,
        {SHARE: {}},
        {SHARE: {"force": "True"}},
        {SHARE: {"force": "off", "snapshot_name": "", "description": ""}},
        {SHARE: {"snapshot_name": "nightly", "description": "before the move", "force": "false"}},
        {SHARE: {"description": "all"}, f"{SHARE}#{SHARE_ID}": {"description": "this one"}},
    ],
    ids=str,
)
def test_good_parameters_are_accepted(given: Any) -> None:
    check(plan(THE_SHARE, given=given))


def test_a_plan_written_for_karbors_own_share_plugin_is_accepted() -> None:
    """With every option of its schema, as its form sends them: strings, all of them."""
    options = ManilaSnapshotProtectionPlugin.get_options_schema(SHARE)["properties"]
    given = {SHARE: {name: "True" if name == "force" else "text" for name in options}}
    assert set(given[SHARE]) == {"snapshot_name", "description", "force"}
    check(plan(THE_SHARE, given=given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"force": "perhaps"}, "'force' cannot be 'perhaps': it takes true or false"),
        ({"snapshot_name": "n" * 256}, "at most 255 characters"),
        ({"description": "d" * 256}, "at most 255 characters"),
        ({"colour": "blue"}, "'colour' cannot be 'blue': there is no such parameter"),
    ],
)
@pytest.mark.parametrize("key", [SHARE, f"{SHARE}#{SHARE_ID}"], ids=["all", "one"])
def test_a_bad_parameter_is_refused_with_its_name_its_value_and_what_is_allowed(
    given: dict[str, str], said: str, key: str
) -> None:
    assert said in refusal(plan(THE_SHARE, given={key: given}))
    ((name, value),) = given.items()
    assert name in refusal(plan(THE_SHARE, given={key: given}))
    assert value in refusal(plan(THE_SHARE, given={key: given}))


def test_parameters_for_a_share_that_the_plan_does_not_name_are_refused() -> None:
    key = f"{SHARE}#{UNKNOWN_ID}"
    said = refusal(plan(THE_SHARE, given={key: {"force": "True"}}))
    assert key in said
    assert "no such share" in said


def test_a_plan_on_a_project_may_have_parameters_for_any_share() -> None:
    check(plan(THE_PROJECT, given={f"{SHARE}#{UNKNOWN_ID}": {"force": "True"}}))


def test_a_plan_on_a_project_is_refused_for_a_bad_parameter_all_the_same() -> None:
    said = refusal(plan(THE_PROJECT, given={f"{SHARE}#{UNKNOWN_ID}": {"force": "perhaps"}}))
    assert "'perhaps'" in said


@pytest.mark.parametrize(
    "given",
    [
        {VOLUME: {"backup_mode": "whatever"}},
        {PROJECT: {}},
        {f"{VOLUME}#{SHARE_ID}": {"x": "y"}},
    ],
)
def test_parameters_of_other_types_are_not_ours_to_judge(given: dict[str, Any]) -> None:
    check(plan(THE_SHARE, given=given))


def test_a_type_without_a_plugin_is_refused_by_its_name() -> None:
    said = refusal(plan(THE_SHARE, {"type": VOLUME, "id": "v", "name": "v"}))
    assert VOLUME in said
    assert "'files'" in said


@pytest.mark.parametrize(
    "share_id",
    [
        "my share",
        "",
        "../../index",
        "a#b",
        "ä",
        "{" + SHARE_ID + "}",
        f"urn:uuid:{SHARE_ID}",
    ],
)
def test_a_share_by_anything_but_an_id_is_refused(share_id: str) -> None:
    assert repr(share_id) in refusal(plan(THE_SHARE | {"id": share_id}))


def test_the_requesters_own_project_is_accepted() -> None:
    check(plan(THE_PROJECT))


def test_another_project_is_refused() -> None:
    said = refusal(plan(THE_PROJECT | {"id": OTHER}))
    assert OTHER in said


def test_an_administrator_may_name_another_project() -> None:
    check(plan(THE_PROJECT | {"id": OTHER}), is_admin=True)


@pytest.mark.parametrize("plugins", [KARBORS, NOOP], ids=["Karbor's", "noop"])
def test_the_parameters_of_a_provider_without_our_plugin_are_left_alone(plugins: Any) -> None:
    check(plan(THE_SHARE, given={SHARE: {"force": "perhaps"}}), plugins=plugins)


@pytest.mark.parametrize(
    ("plugins", "ours"),
    [
        (OURS, True),
        (NOOP | OURS, True),
        (KARBORS, False),
        (NOOP, False),
        ({}, False),
        ({PROJECT: ProjectPlugin}, False),
        ({SHARE: type("Derived", (ShareProtectionPlugin,), {})}, True),
    ],
)
def test_a_provider_is_ours_when_our_plugin_protects_its_shares(plugins: Any, ours: bool) -> None:
    assert protects_shares(SimpleNamespace(plugins=plugins)) is ours


# -- restores and verifications ---------------------------------------------------------------


def wrong(given: Any, *shares: str) -> dict[str, str]:
    return share_parameters.check_restore(given, shares or (SHARE_ID,), parameters.restore_options)


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {SHARE: {}},
        {SHARE: {"restore_name": "back"}},
        {VOLUME: {"x": "y"}},
        {
            f"{SHARE}#{SHARE_ID}": {
                "restore_name": "back",
                "restore_description": "",
                "share_id": "",
            }
        },
    ],
    ids=str,
)
def test_a_good_restore_has_nothing_wrong(given: Any) -> None:
    assert wrong(given) == {}


def test_a_bad_parameter_is_wrong_for_every_share_that_it_is_for() -> None:
    name = "n" * 256
    both = wrong({SHARE: {"restore_name": name}}, SHARE_ID, UNKNOWN_ID)
    assert set(both) == {SHARE_ID, UNKNOWN_ID}
    one = wrong({f"{SHARE}#{SHARE_ID}": {"restore_name": name}}, SHARE_ID, UNKNOWN_ID)
    assert set(one) == {SHARE_ID}
    assert "'restore_name'" in one[SHARE_ID]
    assert "at most 255" in one[SHARE_ID]


def test_a_shares_own_parameter_wins_over_the_one_for_all() -> None:
    given = {SHARE: {"restore_name": "n" * 256}, f"{SHARE}#{SHARE_ID}": {"restore_name": "ok"}}
    assert set(wrong(given, SHARE_ID, UNKNOWN_ID)) == {UNKNOWN_ID}


def test_parameters_for_a_share_that_the_checkpoint_does_not_hold_are_wrong() -> None:
    said = wrong({f"{SHARE}#{UNKNOWN_ID}": {"restore_name": "back"}})
    assert UNKNOWN_ID in said[SHARE_ID]


@pytest.mark.parametrize("name", ["remove_newer", "safety_copy"])
def test_what_is_of_a_revert_cannot_be_given_with_another_share(name: str) -> None:
    assert wrong({SHARE: {"share_id": UNKNOWN_ID}}) == {}  # its driver decides, by the record
    said = wrong({SHARE: {"share_id": UNKNOWN_ID, name: "true"}})
    assert f"{name!r}" in said[SHARE_ID]
    assert "when share_id is the protected share itself" in said[SHARE_ID]


def test_the_share_itself_is_a_restore_in_place() -> None:
    assert wrong({SHARE: {"share_id": SHARE_ID}}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("restore_name", "back"),
        ("size", "2"),
        ("share_type", "gold"),
        ("is_public", "True"),
        ("access_rules", "True"),
    ],
)
def test_what_is_of_a_new_share_is_refused_in_place(name: str, value: str) -> None:
    said = wrong({SHARE: {"share_id": SHARE_ID, name: value}})
    assert f"Parameter '{name}' cannot be" in said[SHARE_ID]


@pytest.mark.parametrize("name", ["remove_newer", "safety_copy"])
def test_what_is_of_a_restore_in_place_is_refused_for_a_new_share(name: str) -> None:
    assert "in place (share_id)" in wrong({SHARE: {name: "True"}})[SHARE_ID]


def test_a_target_that_is_no_id_is_told_so() -> None:
    said = wrong({SHARE: {"share_id": "my share"}})
    assert "'share_id' cannot be 'my share': it takes an id (a UUID)" in said[SHARE_ID]


def test_a_verification_takes_the_parameters_of_a_restore_and_a_depth() -> None:
    given = {"depth": "plan", "restore_name": "back", "size": "3"}
    assert (
        share_parameters.check_restore({SHARE: given}, [SHARE_ID], parameters.verify_options) == {}
    )
    check = parameters.verify_options
    assert share_parameters.check_restore({SHARE: {}}, [SHARE_ID], check) == {}
    said = share_parameters.check_restore(
        {SHARE: {"depth": "deep"}}, [SHARE_ID], parameters.verify_options
    )
    assert "one of record, plan, drill" in said[SHARE_ID]


@pytest.mark.parametrize(("name", "value"), [("share_id", SHARE_ID), ("keep_failed", "True")])
def test_a_drill_leaves_nothing_behind(name: str, value: str) -> None:
    given = {"depth": "drill", name: value}
    said = share_parameters.check_restore({SHARE: given}, [SHARE_ID], parameters.verify_options)
    assert "leaves nothing behind" in said[SHARE_ID]


def test_parameters_for_a_share_of_a_checkpoint_without_shares_are_wrong() -> None:
    given = {f"{SHARE}#{UNKNOWN_ID}": {"restore_name": "back"}}
    assert share_parameters.check_restore(given, [], parameters.restore_options)
