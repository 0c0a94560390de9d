# SPDX-License-Identifier: Apache-2.0
"""The user's parameters: Karbor's strings become values, defaults are filled in, what is wrong is
named in a sentence."""

import uuid

import pytest
from karbor.common import constants
from karbor.objects.base import DictOfDictOfStringsField
from karbor.resource import Resource
from karbor.services.protection import resource_flow
from karbor.services.protection.protection_plugins.share import (
    share_snapshot_plugin_schemas as peer,
)

from karbor_manila import schemas
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.operations import parameters

SHARE = constants.SHARE_RESOURCE_TYPE
OPTIONS, RESTORE, VERIFY = (schemas.OPTIONS_SCHEMA, schemas.RESTORE_SCHEMA, schemas.VERIFY_SCHEMA)

#: A schema with what ours do not use yet, but the sentences already know.
WIDE = {
    "type": "object",
    "properties": {
        "copies": {"type": "integer", "minimum": 1, "default": 1},
        "mode": {"type": "string", "enum": ["fast", "safe"], "default": "safe"},
        "depth": {"type": ["integer", "null"], "default": None},
    },
}


def stringified(values):
    """What Karbor's versioned objects make of a plan's parameters for one type."""
    return DictOfDictOfStringsField().coerce(None, "parameters", {SHARE: values})[SHARE]


@pytest.mark.parametrize("given", [None, {}])
def test_a_plan_may_leave_everything_out(given):
    assert parameters.resolve(OPTIONS, given) == {
        "snapshot_name": None,
        "description": None,
        "force": False,
        "record_access_rules": None,
        "keep_last": None,
        "keep_hourly": None,
        "keep_daily": None,
        "keep_weekly": None,
        "keep_monthly": None,
        "keep_yearly": None,
        "keep_time_zone": None,
    }


@pytest.mark.parametrize("provider", [True, False])
@pytest.mark.parametrize(
    ("given", "meant"),
    [({}, None), ({"record_access_rules": ""}, None)]
    + [({"record_access_rules": text}, text == "true") for text in ("true", "false")],
)
def test_a_plan_says_over_the_provider_whether_access_rules_are_recorded(provider, given, meant):
    options = parameters.protect_options(given, "c", record_access_rules=provider)
    assert options.record_access_rules is (provider if meant is None else meant)


def test_a_restore_may_leave_everything_out():
    assert parameters.resolve(RESTORE, None) == {
        "share_id": None,
        "restore_name": None,
        "restore_description": None,
        "size": None,
        "share_type": None,
        "share_network_id": None,
        "mount_point_name": None,
        "is_public": False,
        "metadata": True,
        "access_rules": False,
        "include": True,
        "as_group": False,
        "keep_failed": False,
        "remove_newer": False,
        "safety_copy": False,
    }


def test_a_verification_takes_a_depth_and_what_a_restore_takes():
    of_a_browse = {"browse_to": None, "browse_type": None, "browse_for": None, "browse_end": False}
    of_a_hold = {"hold_why": None, "hold_until": None}
    of_a_drill = {"drill_older_than": None}
    assert parameters.resolve(VERIFY, {}) == (
        {"depth": "record"} | of_a_browse | of_a_hold | of_a_drill | parameters.resolve(RESTORE, {})
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("True", True),
        ("true", True),
        ("1", True),
        ("yes", True),
        ("on", True),
        (" TRUE ", True),
        ("False", False),
        ("false", False),
        ("0", False),
        ("no", False),
        ("off", False),
        (True, True),
        (False, False),
    ],
)
def test_a_boolean_may_come_as_a_word(text, meant):
    assert parameters.resolve(OPTIONS, {"force": text})["force"] is meant


@pytest.mark.parametrize("value", ["maybe", "", "2", "None", 1, 0, None, [], {}])
def test_what_is_no_boolean_is_refused(value):
    with pytest.raises(InvalidParameter) as caught:
        parameters.resolve(OPTIONS, {"force": value})
    assert caught.value.parameter == "force"
    assert caught.value.value == value
    assert "true or false" in caught.value.allowed


@pytest.mark.parametrize("boolean", [True, False])
def test_a_boolean_survives_karbors_own_conversion(boolean):
    assert parameters.resolve(OPTIONS, stringified({"force": boolean}))["force"] is boolean


def test_a_number_may_come_as_digits():
    assert parameters.resolve(WIDE, {"copies": "3"})["copies"] == 3


@pytest.mark.parametrize("value", ["three", "1.5", " ", "0", -1, 1.5])
def test_what_is_no_fitting_number_is_refused_with_the_bounds(value):
    with pytest.raises(InvalidParameter, match="a whole number, at least 1"):
        parameters.resolve(WIDE, {"copies": value})


def test_what_is_not_among_the_choices_is_refused_with_the_choices():
    with pytest.raises(InvalidParameter, match="one of fast, safe"):
        parameters.resolve(WIDE, {"mode": "reckless"})


def test_text_is_never_read_as_something_else():
    resolved = parameters.resolve(OPTIONS, {"snapshot_name": "1", "description": "False"})
    assert (resolved["snapshot_name"], resolved["description"]) == ("1", "False")


@pytest.mark.parametrize("name", ["snapshot_name", "description"])
def test_an_untouched_field_of_a_form_is_nothing_given(name):
    assert parameters.resolve(OPTIONS, {name: ""})[name] is None


def test_nothing_counts_for_a_number_that_may_be_absent():
    assert parameters.resolve(WIDE, {"depth": ""})["depth"] is None


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (OPTIONS, "snapshot_name"),
        (OPTIONS, "description"),
        (RESTORE, "restore_name"),
        (RESTORE, "restore_description"),
    ],
)
def test_text_ends_at_what_manila_takes(schema, name):
    assert parameters.resolve(schema, {name: "x" * 255})[name] == "x" * 255
    with pytest.raises(InvalidParameter, match="at most 255 characters"):
        parameters.resolve(schema, {name: "x" * 256})


def test_an_id_is_taken_as_it_is():
    share_id = str(uuid.uuid4())
    assert parameters.resolve(RESTORE, {"share_id": share_id})["share_id"] == share_id


@pytest.mark.parametrize("value", ["my-share", "None", "1234", "5eea1cbe55f74749ae67bbe3e95dec79x"])
def test_an_id_that_is_none_is_refused(value):
    with pytest.raises(InvalidParameter, match="an id"):
        parameters.resolve(RESTORE, {"share_id": value})


def test_the_sentence_names_the_parameter_the_value_and_what_is_allowed():
    with pytest.raises(InvalidParameter) as caught:
        parameters.resolve(RESTORE, {"share_id": "my-share"})
    assert str(caught.value) == (
        "Parameter 'share_id' cannot be 'my-share': it takes an id (a UUID) or nothing."
    )


def test_an_unknown_name_is_refused_and_the_known_ones_are_told():
    with pytest.raises(InvalidParameter) as caught:
        parameters.resolve(OPTIONS, {"colour": "red"})
    assert caught.value.parameter == "colour"
    for known in OPTIONS["properties"]:
        assert known in str(caught.value)


def test_an_unknown_name_is_refused_where_nothing_is_known():
    with pytest.raises(InvalidParameter, match="known are: none"):
        parameters.resolve({"properties": {}}, {"colour": "red"})


def test_what_was_given_is_left_as_it_was():
    given = {"force": "True", "snapshot_name": ""}
    parameters.resolve(OPTIONS, given)
    assert given == {"force": "True", "snapshot_name": ""}


def test_a_plan_for_karbors_own_share_plugin_is_accepted():
    samples = {"string": "nightly", "boolean": True}
    given = {
        name: samples[prop["type"]] for name, prop in peer.OPTIONS_SCHEMA["properties"].items()
    }
    resolved = parameters.resolve(OPTIONS, stringified(given))
    assert resolved == dict.fromkeys(OPTIONS["properties"]) | given


def test_a_restore_for_karbors_own_share_plugin_is_accepted():
    given = dict.fromkeys(peer.RESTORE_SCHEMA["properties"], "back")
    resolved = parameters.resolve(RESTORE, stringified(given))
    assert given.items() <= resolved.items()


class FlowEngine:
    """Catches what Karbor hands to the hooks."""

    def create_task(self, _method, *, inject, **_kwargs):
        return inject["parameters"]


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {SHARE: {"force": "True"}},
        {f"{SHARE}#one": {"description": "mine"}},
        {SHARE: {"force": "True", "description": "all"}, f"{SHARE}#one": {"description": "mine"}},
        {SHARE: {"description": "all"}, f"{SHARE}#two": {"description": "another's"}},
        {"OS::Cinder::Volume": {"force": "True"}, SHARE: {}},
    ],
)
def test_parameters_are_merged_as_karbor_merges_them(given):
    listener = resource_flow.ResourceFlowGraphWalkerListener(
        None, constants.OPERATION_PROTECT, None, given, {}, FlowEngine()
    )
    karbors = listener._create_hook_task(
        object(), Resource(type=SHARE, id="one", name="one"), resource_flow.HOOK_MAIN
    )
    assert parameters.merge(given, SHARE, "one") == karbors


def test_merging_leaves_what_was_given_as_it_was():
    given = {SHARE: {"force": "True"}, f"{SHARE}#one": {"force": "False"}}
    parameters.merge(given, SHARE, "one")
    assert given == {SHARE: {"force": "True"}, f"{SHARE}#one": {"force": "False"}}


def test_a_type_without_parameters_may_be_null():
    assert parameters.merge({SHARE: None, f"{SHARE}#one": None}, SHARE, "one") == {}
