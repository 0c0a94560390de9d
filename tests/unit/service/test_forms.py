# SPDX-License-Identifier: Apache-2.0
"""What Karbor publishes of our parameters can be drawn as a form, and what such a form sends is
taken. How a dashboard really draws it: tests/dashboard."""

import re
from typing import Any

import jsonschema
import pytest
from karbor.common import constants
from karbor.objects.base import DictOfDictOfStringsField

from karbor_manila import schemas
from karbor_manila.common.errors import InvalidParameter
from karbor_manila.operations import parameters
from karbor_manila.service import forms
from karbor_manila.service.project import ProjectPlugin
from karbor_manila.service.protection import ShareProtectionPlugin

SHARE = constants.SHARE_RESOURCE_TYPE
RICH = {
    "options": schemas.OPTIONS_SCHEMA,
    "restore": schemas.RESTORE_SCHEMA,
    "verify": schemas.VERIFY_SCHEMA,
}
PUBLISHED = {kind: getattr(ShareProtectionPlugin, f"get_{kind}_schema")(SHARE) for kind in RICH}
FIELDS = [(kind, name) for kind, schema in RICH.items() for name in schema["properties"]]

#: One that takes each kind of parameter that there may be.
WIDE: dict[str, Any] = {
    "title": "All kinds",
    "type": "object",
    "properties": {
        "days": {
            "type": "integer",
            "title": "Days",
            "description": "Kept so long.",
            "minimum": 1,
            "maximum": 99,
            "default": 7,
        },
        "size": {
            "type": ["integer", "null"],
            "title": "Size",
            "description": "In GiB.",
            "minimum": 1,
            "default": None,
        },
        "mode": {
            "type": "string",
            "title": "Mode",
            "description": "How.",
            "enum": ["fast", "safe"],
            "default": "safe",
        },
        "owner": {"type": "string", "title": "Owner", "description": "Who."},
        "dry": {"type": "boolean", "title": "Dry", "description": "Or not.", "default": True},
    },
    "required": ["days", "size", "mode", "owner", "dry"],
}


def untouched(published: dict[str, Any]) -> dict[str, Any]:
    """What a form sends when it was opened and saved: text boxes as text, check boxes as true or
    false (jquery.karbor.js, getDynamicValue)."""
    return {
        name: prop.get("default", False if prop["type"] == "boolean" else "")
        for name, prop in published["properties"].items()
    }


def defaults(published: dict[str, Any]) -> dict[str, Any]:
    """What it sends when it was never opened (as above, getResourceDefaultParameters)."""
    return {
        name: prop["default"] for name, prop in published["properties"].items() if "default" in prop
    }


def as_karbor_keeps(values: dict[str, Any]) -> dict[str, Any]:
    """A restore's or plan's parameters after Karbor's versioned objects."""
    kept: dict[str, Any] = DictOfDictOfStringsField().coerce(None, "parameters", {SHARE: values})
    return dict(kept[SHARE])


def sample(kind: str, name: str) -> Any:
    """A value that is not the default, in the type of the rich schema."""
    prop = RICH[kind]["properties"][name]
    if prop.get("format") == "uuid":
        return "0c7f5f8e-6f0e-4b3f-9a53-4ad7a3f7a7d1"
    if "enum" in prop:
        return prop["enum"][-1]
    if "pattern" in prop:
        return "2027-01-31"  # days are the only ones with a pattern
    number = max(7, prop.get("minimum", 7))
    return {"boolean": not prop["default"], "integer": number, "string": "7"}[
        parameters.types(prop)[0]
    ]


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_every_parameter_gets_an_input(kind: str, name: str) -> None:
    field = PUBLISHED[kind]["properties"][name]
    assert field["type"] in ("string", "boolean")
    assert not field.keys() & {"format", "enum", "minimum", "maximum", "maxLength"}


@pytest.mark.parametrize("kind", RICH)
def test_nothing_is_published_that_is_not_checked_and_nothing_is_left_out(kind: str) -> None:
    assert list(PUBLISHED[kind]["properties"]) == list(RICH[kind]["properties"])


@pytest.mark.parametrize("kind", RICH)
def test_nothing_has_to_be_filled_in_that_may_stay_empty(kind: str) -> None:
    assert PUBLISHED[kind]["required"] == []


def test_what_has_no_default_has_to_be_filled_in() -> None:
    assert forms.form(WIDE)["required"] == ["owner"]


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_title_is_put_into_the_page_as_it_is(kind: str, name: str) -> None:
    assert re.fullmatch(r"[\w ()]+", PUBLISHED[kind]["properties"][name]["title"])
    assert re.fullmatch(r"[\w ()]+", PUBLISHED[kind]["title"])


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_default_is_of_the_type_that_is_drawn_and_never_null(kind: str, name: str) -> None:
    field = PUBLISHED[kind]["properties"][name]
    rich = RICH[kind]["properties"][name]["default"]
    assert ("default" in field) is (rich is not None)
    if "default" in field:
        assert isinstance(field["default"], {"string": str, "boolean": bool}[field["type"]])


def test_the_description_says_what_is_taken_and_the_default() -> None:
    told = {name: prop["description"] for name, prop in forms.form(WIDE)["properties"].items()}
    assert told == {
        "days": "Kept so long. It takes a whole number, at least 1, at most 99. Default: 7.",
        "size": "In GiB. It takes a whole number, at least 1 or nothing.",
        "mode": "How. It takes one of fast, safe. Default: safe.",
        "owner": "Who. It takes text.",
        "dry": "Or not. It takes true or false. Default: true.",
    }


@pytest.mark.parametrize("schema", [*RICH.values(), WIDE])
def test_what_is_published_is_a_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(forms.form(schema))


@pytest.mark.parametrize("kind", RICH)
@pytest.mark.parametrize("sent", [untouched, defaults])
def test_a_form_that_nobody_touched_asks_for_the_defaults(kind: str, sent: Any) -> None:
    values = sent(PUBLISHED[kind])
    meant = parameters.resolve(RICH[kind], {})
    assert parameters.resolve(RICH[kind], values) == meant
    assert parameters.resolve(RICH[kind], as_karbor_keeps(values)) == meant


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_what_is_typed_into_a_form_is_what_is_meant(kind: str, name: str) -> None:
    value = sample(kind, name)
    typed = value if isinstance(value, bool) else str(value)
    values = untouched(PUBLISHED[kind]) | {name: typed}
    meant = parameters.resolve(RICH[kind], {name: value})
    assert meant[name] == value
    assert parameters.resolve(RICH[kind], values) == meant
    assert parameters.resolve(RICH[kind], as_karbor_keeps(values)) == meant


@pytest.mark.parametrize(
    ("kind", "name"),
    [item for item in FIELDS if PUBLISHED[item[0]]["properties"][item[1]]["type"] == "string"],
)
@pytest.mark.parametrize("nothing", ["", None])
def test_a_field_that_is_cleared_asks_for_the_default(kind: str, name: str, nothing: Any) -> None:
    found = parameters.resolve(RICH[kind], {name: nothing})
    assert found == parameters.resolve(RICH[kind], {})


def test_every_kind_of_parameter_comes_back_as_what_it_is() -> None:
    typed = {"days": "3", "size": " 20 ", "mode": "fast", "owner": "me", "dry": "False"}
    meant = {"days": 3, "size": 20, "mode": "fast", "owner": "me", "dry": False}
    assert parameters.resolve(WIDE, typed) == meant
    assert parameters.resolve(WIDE, meant) == meant
    left = parameters.resolve(WIDE, {"days": "", "size": None, "mode": "", "owner": "me"})
    assert left == {"days": 7, "size": None, "mode": "safe", "owner": "me", "dry": True}


@pytest.mark.parametrize("text", ["1_0", "٣", "0x10", "1e3", "9" * 5000, "7 8"])
def test_only_plain_digits_are_a_number(text: str) -> None:
    with pytest.raises(InvalidParameter, match="a whole number, at least 1, at most 99"):
        parameters.resolve(WIDE, {"owner": "me", "days": text})


def test_a_project_has_an_empty_form_but_in_a_plan() -> None:
    for kind in ("restore", "verify"):
        schema = getattr(ProjectPlugin, f"get_{kind}_schema")(constants.PROJECT_RESOURCE_TYPE)
        assert schema["properties"] == {}
        assert schema["required"] == []
