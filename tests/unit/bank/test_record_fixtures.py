# SPDX-License-Identifier: Apache-2.0
"""What real plugins have ever written into a bank is read; tests/fixtures/README.md has how."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from karbor_manila import schemas
from karbor_manila.bank import record
from karbor_manila.bank.errors import RecordForeign

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RECORDS = {path.stem: path for path in sorted((FIXTURES / "records").glob("*.json"))}
INTENTS = {path.stem: path for path in sorted((FIXTURES / "intents").glob("*.json"))}

#: What Karbor 1.6.0's share plugin writes; then what ours has added, by version.
VERSION_0 = {"share_id", "size", "share_proto", "share_type", "share_network_id", "snapshot_id"}
VERSION_1 = VERSION_0 | {
    "version",
    "driver",
    "mark",
    "project_id",
    "share_type_name",
    "availability_zone",
    "share_name",
    "share_description",
    "protected_at",
}
VERSION_2 = VERSION_1 | {"share_group_id", "metadata", "is_public", "access_rules", "clone_id"}
VERSION_3 = VERSION_2 | {"kept"}

WRITTEN = {
    "karbor-1.6.0": (0, VERSION_0),
    "version-1": (1, VERSION_1),
    "version-2": (2, VERSION_2),
    "version-2-of-a-copy": (2, VERSION_2),
    "version-3": (3, VERSION_3),
    "version-3-of-a-copy": (3, VERSION_3),
}


def stored(path):
    return json.loads(path.read_bytes())


def loaded(name):
    return record.load_record(stored(RECORDS[name]))


def test_there_is_a_fixture_of_every_version_that_was_ever_written():
    assert RECORDS.keys() == WRITTEN.keys()
    assert {version for version, _ in WRITTEN.values()} == set(range(record.VERSION + 1))
    assert {stored(path)["version"] for path in INTENTS.values()} == set(
        range(1, record.INTENT_VERSION + 1)
    )


@pytest.mark.parametrize("name", WRITTEN)
def test_a_record_has_the_fields_of_its_version_and_is_read_with_their_values(name):
    version, fields = WRITTEN[name]
    page = stored(RECORDS[name])
    assert page.keys() == fields
    read = dataclasses.asdict(loaded(name))
    mark = read.pop("mark")
    assert mark == (page.get("mark") and {"restore": "", **page["mark"]})
    assert {key: read[key] for key in fields - {"mark", "version", "kept"}} == {
        key: page[key] for key in fields - {"mark", "version", "kept"}
    }
    kept = loaded(name).kept()
    said = {"id": kept.id, "share_id": kept.share_id, "data": kept.data}
    assert page.get("kept", said) == said
    assert read["version"] == version


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_record_does_not_say_is_unknown_and_not_made_up(name):
    _version, fields = WRITTEN[name]
    read = dataclasses.asdict(loaded(name))
    unsaid = {key: read[key] for key in read.keys() - fields - {"version", "data"}}
    said_by_its_maker = {"driver": "snapshot", "share_type_name": "sandbox"}
    assert {key: value for key, value in unsaid.items() if value is not None} == {
        key: said_by_its_maker[key] for key in said_by_its_maker.keys() - fields
    }


@pytest.mark.parametrize("path", [*RECORDS.values(), *INTENTS.values()], ids=lambda path: path.stem)
def test_nothing_is_changed_by_being_read(path):
    page = stored(path)
    before = copy.deepcopy(page)
    load = record.load_record if path.parent.name == "records" else record.load_intent
    load(page)
    assert page == before


@pytest.mark.parametrize("name", ["version-3", "version-3-of-a-copy"])
def test_a_record_of_today_is_written_as_it_was(name):
    assert record.dump_record(loaded(name)) == stored(RECORDS[name])


def test_the_snapshot_of_a_copy_is_that_of_its_clone_and_all_others_of_their_share():
    for name in WRITTEN:
        read = loaded(name)
        assert (read.snapshot_of == read.share_id) is (not name.endswith("-of-a-copy"))


@pytest.mark.parametrize("name", INTENTS)
def test_an_intent_is_read_with_the_values_that_it_has(name):
    page = stored(INTENTS[name])
    read = dataclasses.asdict(record.load_intent(page))
    read["mark"] = {key: value for key, value in read["mark"].items() if value}
    of_restores_in_place = {
        "asked": None,
        "removing": None,
        "safety_copy": False,
        "snapshot_id": None,
    }
    of_today = {"version": record.INTENT_VERSION, "record_access_rules": True}
    unsaid = {
        "share": None,
        "keep_failed": False,
        "source_driver": None,
        "target": None,
        "browse": None,
        "hooks": (),
        "access_rules": None,
    }
    assert read == {**unsaid, **of_restores_in_place, **page, **of_today}


@pytest.mark.parametrize("name", [name for name in INTENTS if name.startswith("version-2-")])
def test_an_intent_of_today_is_written_as_it_was(name):
    page = stored(INTENTS[name])
    assert record.dump_intent(record.load_intent(page)) == page


def test_an_intent_of_today_is_one_of_the_future_to_earlier_releases(monkeypatch):
    """They would look for what it led to by a mark in five entries, and find nothing."""
    before = {**schemas.INTENT_SCHEMA["properties"], "version": {"const": 1}}
    monkeypatch.setattr(record, "INTENT_SCHEMA", {**schemas.INTENT_SCHEMA, "properties": before})
    monkeypatch.setattr(record, "INTENT_VERSION", 1)
    with pytest.raises(RecordForeign):
        record.load_intent(stored(INTENTS["version-2-protect"]))


def test_intents_of_before_0_2_say_nothing_of_the_share():
    assert {name for name, path in INTENTS.items() if "share" not in stored(path)} == {
        "version-1-protect-before-0.2",
        "version-1-restore-before-0.2",
    }


def test_an_intent_of_a_protection_can_be_completed_by_another_process():
    intent = record.load_intent(stored(INTENTS["version-1-protect"]))
    made = record.complete(intent, intent.created_id, intent.since)
    assert record.load_record(record.dump_record(made)) == made


def test_an_intent_of_a_copy_can_be_completed_by_another_process():
    intent = record.load_intent(stored(INTENTS["version-1-copy"]))
    made = record.complete_copy(intent, "snapshot")
    assert record.load_record(record.dump_record(made)) == made
    assert made.snapshot_of == intent.clone_id
