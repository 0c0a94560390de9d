# SPDX-License-Identifier: Apache-2.0
"""The schemas: valid, complete for Karbor's forms, and never less than Karbor's own plugin has."""

import importlib.resources
import json

import jsonschema
import pytest
from karbor.services.protection.protection_plugins.share import (
    share_snapshot_plugin_schemas as peer,
)

from karbor_manila import schemas

ALL = {name: getattr(schemas, name) for name in schemas.__all__}
FORMS = ["OPTIONS_SCHEMA", "RESTORE_SCHEMA", "VERIFY_SCHEMA", "SAVED_INFO_SCHEMA"]
STORED = ["RECORD_SCHEMA", "INTENT_SCHEMA", "HOOK_RUN_SCHEMA", "PLAN_SCHEMA"]


def properties(name):
    return [(name, *item) for item in ALL[name]["properties"].items()]


@pytest.mark.parametrize("name", ALL)
def test_a_schema_is_valid_json_schema(name):
    assert ALL[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_a_schema_has_a_title_and_properties_which_karbor_reads_unasked(name):
    assert ALL[name]["title"]
    assert ALL[name]["type"] == "object"
    assert isinstance(ALL[name]["properties"], dict)


@pytest.mark.parametrize(("_schema", "name", "prop"), [p for n in FORMS for p in properties(n)])
def test_a_field_of_a_form_says_what_it_is(_schema, name, prop):
    assert prop["title"]
    assert prop["description"].endswith(".")
    assert prop["title"] != name


@pytest.mark.parametrize("schema", ["OPTIONS_SCHEMA", "RESTORE_SCHEMA"])
def test_what_is_required_has_a_default_so_that_it_may_be_left_out(schema):
    required = ALL[schema]["required"]
    assert set(required) == set(ALL[schema]["properties"])
    assert all("default" in ALL[schema]["properties"][name] for name in required)


@pytest.mark.parametrize(
    ("schema", "name", "prop"), [*properties("OPTIONS_SCHEMA"), *properties("RESTORE_SCHEMA")]
)
def test_a_default_keeps_its_own_rule(schema, name, prop):
    jsonschema.validate(prop["default"], prop, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("schema", ["OPTIONS_SCHEMA", "RESTORE_SCHEMA"])
def test_text_is_no_longer_than_manila_takes(schema):
    texts = [p for p in ALL[schema]["properties"].values() if "string" in p["type"]]
    assert texts
    assert all(p.get("maxLength") == 255 or p.get("format") == "uuid" for p in texts)


@pytest.mark.parametrize("name", FORMS)
def test_nothing_of_karbors_own_plugin_is_missing(name):
    assert set(getattr(peer, name)["properties"]) <= set(ALL[name]["properties"])


@pytest.mark.parametrize("name", STORED)
def test_what_is_stored_has_a_version_and_may_grow(name):
    version = {"RECORD_SCHEMA": 3, "INTENT_SCHEMA": 2}.get(name, 1)
    assert ALL[name]["properties"]["version"] == {"const": version}
    # Intents of before did not say what the share was; the others are of restores alone, or say
    # what is not usual.
    sometimes = {"share", "asked", "removing", "safety_copy", "snapshot_id", "keep_failed"}
    sometimes |= {
        "record_access_rules",
        "source_driver",
        "browse",
        "target",
        "hooks",
        "access_rules",
    }
    unusual = {"encryption_key_ref", "hooks", "endpoint"}
    optional = {"INTENT_SCHEMA": sometimes, "RECORD_SCHEMA": unusual}
    required = set(ALL[name]["properties"]) - optional.get(name, set())
    assert set(ALL[name]["required"]) == required
    assert ALL[name].get("additionalProperties", True) is True


def test_the_saved_info_is_part_of_the_record():
    saved = ALL["SAVED_INFO_SCHEMA"]["properties"]
    assert set(saved) <= set(ALL["RECORD_SCHEMA"]["properties"])


def test_the_mark_is_the_same_in_both_pages():
    assert ALL["RECORD_SCHEMA"]["properties"]["mark"] == ALL["INTENT_SCHEMA"]["properties"]["mark"]


def test_every_file_is_packaged_and_exported():
    folder = importlib.resources.files("karbor_manila.schemas")
    files = {
        entry.name.removesuffix(".json"): json.loads(entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    }
    assert {f"{name.upper()}_SCHEMA": schema for name, schema in files.items()} == ALL
