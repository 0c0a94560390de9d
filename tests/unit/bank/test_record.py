# SPDX-License-Identifier: Apache-2.0
"""What the bank holds for a share: what goes in comes out, and what is damaged is refused."""

import copy
import dataclasses

import jsonschema
import pytest
from oslo_serialization import jsonutils

from karbor_manila import schemas
from karbor_manila.bank import record
from karbor_manila.bank.errors import RecordInvalid, RecordVersionUnknown
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark

#: What Karbor 1.6.0's share plugin writes (share_snapshot_plugin.py, ProtectOperation.on_main).
KARBORS = {
    "share_id": "2a3a67b6-6f45-4c53-8d5f-6d3f2f6a0f11",
    "size": 3,
    "share_proto": "NFS",
    "share_type": "default",
    "share_network_id": None,
    "snapshot_id": "8f2ab0e4-8d3d-4a52-9fd7-9ef01a53c1d5",
}

MARK = Mark(bank="b", provider="p", checkpoint="c", resource=KARBORS["share_id"])

RECORD = record.ShareRecord(
    share_id=KARBORS["share_id"],
    size=3,
    share_proto="NFS",
    share_type="9c1f7c5d-0f4e-4b9e-9c55-5a5d9f3c7a10",
    share_network_id="d1b3a0a5-3b4f-4a52-8c3e-51f8b2a0f6b7",
    snapshot_id=KARBORS["snapshot_id"],
    driver="snapshot",
    project_id="project-a",
    share_type_name="default",
    availability_zone="nova",
    share_name="home",
    share_description="everybody's",
    protected_at="2026-11-20T12:00:00+00:00",
    share_group_id="5d0e2d0e-2b50-4a0e-8a5e-2d6b3e6f4a11",
    metadata={"colour": "blue"},
    is_public=False,
    access_rules=[
        {"access_type": "ip", "access_to": "10.0.0.0/8", "access_level": "rw", "metadata": {}}
    ],
    mark=MARK,
    data={"colour": "blue", "parts": [1, {"of": None}]},
)

INTENT = record.Intent(
    operation="restore",
    driver="snapshot",
    project_id="project-a",
    mark=dataclasses.replace(MARK, restore="r"),
    owner="owner-1",
    since="2026-11-20T12:00:00+00:00",
)

BARE = {
    "share_type",
    "share_network_id",
    "share_type_name",
    "availability_zone",
    "share_name",
    "share_description",
    "share_group_id",
    "metadata",
    "is_public",
    "access_rules",
}

#: What version 2 added to version 1.
SINCE_2 = {"share_group_id", "metadata", "is_public", "access_rules", "clone_id"}


def of_version(version):
    """The record as an earlier release wrote it."""
    stored = record.dump_record(RECORD) | {"version": version}
    for name in {"kept"} | (SINCE_2 if version == 1 else set()):
        del stored[name]
    return stored


def through_the_bank(stored):
    """Banks keep JSON."""
    return jsonutils.loads(jsonutils.dumps(stored))


def test_a_record_comes_back_as_it_was():
    assert record.load_record(through_the_bank(record.dump_record(RECORD))) == RECORD


def test_a_record_of_a_bare_share_comes_back_as_it_was():
    bare = dataclasses.replace(RECORD, **dict.fromkeys(BARE))
    assert record.load_record(through_the_bank(record.dump_record(bare))) == bare


@pytest.mark.parametrize("created_id", [None, "8f2ab0e4"])
@pytest.mark.parametrize("mark", [MARK, INTENT.mark])
def test_an_intent_comes_back_as_it_was(created_id, mark):
    intent = dataclasses.replace(INTENT, created_id=created_id, mark=mark)
    assert record.load_intent(through_the_bank(record.dump_intent(intent))) == intent


def test_what_is_dumped_keeps_the_schema():
    jsonschema.validate(record.dump_record(RECORD), schemas.RECORD_SCHEMA)
    jsonschema.validate(record.dump_intent(INTENT), schemas.INTENT_SCHEMA)


def test_a_record_is_a_superset_of_what_karbors_plugin_writes():
    dumped = record.dump_record(RECORD)
    assert set(KARBORS) <= set(dumped)
    assert {name: type(dumped[name]) for name in ("share_id", "size", "snapshot_id")} == {
        name: type(KARBORS[name]) for name in ("share_id", "size", "snapshot_id")
    }


def test_a_mark_is_kept_without_what_it_has_not():
    assert "restore" not in record.dump_record(RECORD)["mark"]
    assert record.dump_intent(INTENT)["mark"]["restore"] == "r"


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECORD.size = 4


def test_a_record_of_karbors_plugin_is_read_as_version_0():
    loaded = record.load_record(through_the_bank(KARBORS))
    assert {name: getattr(loaded, name) for name in KARBORS} == KARBORS
    assert (loaded.version, loaded.driver, loaded.mark, loaded.project_id) == (
        0,
        "snapshot",
        None,
        None,
    )
    assert loaded.share_type_name == "default"


@pytest.mark.parametrize("name", ["share_id", "size", "share_proto", "snapshot_id"])
@pytest.mark.parametrize("damage", ["missing", None, ""])
def test_half_a_record_of_karbors_plugin_is_refused_by_name(name, damage):
    stored = KARBORS | {name: damage}
    if damage == "missing":
        del stored[name]
    with pytest.raises(RecordInvalid, match=name):
        record.load_record(stored)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("size", "large"),
        ("size", [3]),
        ("size", -1),
        ("share_id", {"id": 1}),
        ("snapshot_id", 7),
        ("share_proto", ["NFS"]),
    ],
)
def test_a_damaged_record_of_karbors_plugin_is_refused(name, damage):
    with pytest.raises(RecordInvalid):
        record.load_record(KARBORS | {name: damage})


@pytest.mark.parametrize("name", ["share_type", "share_network_id"])
def test_a_record_of_karbors_plugin_may_lack_what_a_restore_can_do_without(name):
    stored = {key: value for key, value in KARBORS.items() if key != name}
    assert getattr(record.load_record(stored), name) is None


@pytest.mark.parametrize(
    ("load", "stored"),
    [
        (record.load_record, record.dump_record(RECORD)),
        (record.load_intent, record.dump_intent(INTENT)),
    ],
)
@pytest.mark.parametrize("version", [4, 99, "2", "next"])
def test_a_version_of_the_future_is_refused_with_the_advice_to_upgrade(load, stored, version):
    with pytest.raises(RecordVersionUnknown, match="Upgrade") as caught:
        load(stored | {"version": version})
    assert caught.value.version == version


@pytest.mark.parametrize("version", [None, True, 1.5, [], {}])
def test_a_version_that_is_none_is_refused(version):
    with pytest.raises(RecordInvalid):
        record.load_record(record.dump_record(RECORD) | {"version": version})


@pytest.mark.parametrize("stored", [None, "", "metadata", '{"share_id": ', 7, [], [KARBORS], b""])
@pytest.mark.parametrize("load", [record.load_record, record.load_intent])
def test_what_is_no_object_is_refused(load, stored):
    with pytest.raises(RecordInvalid):
        load(stored)


@pytest.mark.parametrize("load", [record.load_record, record.load_intent])
def test_an_empty_object_is_refused(load):
    with pytest.raises(RecordInvalid):
        load({})


def test_a_record_of_version_1_is_read_and_what_it_does_not_say_is_unknown():
    loaded = record.load_record(through_the_bank(of_version(1)))
    unknown = dict.fromkeys(SINCE_2)
    assert loaded == dataclasses.replace(RECORD, version=1, data={}, **unknown)


def test_a_record_of_version_2_is_read_and_its_driver_has_no_data():
    loaded = record.load_record(through_the_bank(of_version(2)))
    assert loaded == dataclasses.replace(RECORD, version=2, data={})


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", ["snapshot_id", "share_id", "size", "mark", "project_id"])
def test_damage_in_a_record_of_an_earlier_version_is_refused_by_name(version, name):
    for damaged in (of_version(version) | {name: 1.5}, of_version(version)):
        if damaged[name] != 1.5:
            del damaged[name]
        with pytest.raises(RecordInvalid, match=name):
            record.load_record(damaged)


def test_what_keeps_a_share_comes_back_with_the_drivers_own_data():
    loaded = record.load_record(through_the_bank(record.dump_record(RECORD)))
    assert loaded.kept() == Kept(
        "snapshot", RECORD.snapshot_id, RECORD.share_id, 3, data=RECORD.data
    )
    of_a_copy = dataclasses.replace(RECORD, clone_id="clone")
    assert record.load_record(record.dump_record(of_a_copy)).kept().share_id == "clone"


@pytest.mark.parametrize("name", ["id", "share_id"])
def test_a_record_that_names_two_things_is_refused(name):
    stored = copy.deepcopy(record.dump_record(RECORD))
    stored["kept"][name] = "other"
    with pytest.raises(RecordInvalid, match=f"kept.{name}"):
        record.load_record(stored)


def test_the_release_before_refuses_a_record_of_today_as_one_of_a_later_release():
    # What every release since the first does: its schema has the version that it knows.
    stored = record.dump_record(RECORD)
    assert stored["version"] == 3
    with pytest.raises(RecordVersionUnknown, match="Upgrade"):
        record._load(
            stored,
            {**schemas.RECORD_SCHEMA, "properties": {"version": {"const": 2}}},
            "record",
            record.ShareRecord,
        )


@pytest.mark.parametrize("secret", ["access_key", "password"])
def test_a_record_with_a_secret_in_a_rule_is_not_written(secret):
    rule = dict(RECORD.access_rules[0]) | {secret: "s3cret"}
    with pytest.raises(RecordInvalid, match=secret):
        record.dump_record(dataclasses.replace(RECORD, access_rules=[rule]))


@pytest.mark.parametrize("name", sorted(record.dump_record(RECORD).keys() - {"version"}))
@pytest.mark.parametrize("damage", ["missing", 1.5, ["x"], {"x": 1}])
def test_damage_in_any_field_of_a_record_is_refused_by_name(name, damage):
    stored = copy.deepcopy(record.dump_record(RECORD)) | {name: damage}
    if damage == "missing":
        del stored[name]
    with pytest.raises(RecordInvalid, match=name):
        record.load_record(stored)


def test_an_intent_of_before_0_2_is_read_but_cannot_be_completed():
    stored = record.dump_intent(INTENT)
    del stored["share"]
    old = record.load_intent(stored)
    assert old.share is None
    with pytest.raises(RecordInvalid, match="what the share was"):
        record.complete(old, "snapshot", INTENT.since)


@pytest.mark.parametrize("since", ["yesterday", "", "2026-11-20T12:00:00"])
def test_an_intent_without_a_moment_is_refused(since):
    stored = record.dump_intent(INTENT) | {"since": since}
    with pytest.raises(RecordInvalid, match="since"):
        record.load_intent(stored)


@pytest.mark.parametrize(
    "name", sorted(record.dump_intent(INTENT).keys() - {"version", "share", "keep_failed"})
)
@pytest.mark.parametrize("damage", ["missing", 1.5, [], {}])
def test_damage_in_any_field_of_an_intent_is_refused_by_name(name, damage):
    stored = copy.deepcopy(record.dump_intent(INTENT)) | {name: damage}
    if damage == "missing":
        del stored[name]
    with pytest.raises(RecordInvalid, match=name):
        record.load_intent(stored)


@pytest.mark.parametrize("name", ["bank", "provider", "checkpoint", "resource"])
def test_damage_in_the_mark_is_refused(name):
    stored = copy.deepcopy(record.dump_record(RECORD))
    stored["mark"][name] = 7
    with pytest.raises(RecordInvalid, match=name):
        record.load_record(stored)
    del stored["mark"][name]
    with pytest.raises(RecordInvalid, match=name):
        record.load_record(stored)


def test_a_mark_with_a_field_that_nobody_knows_is_refused():
    stored = copy.deepcopy(record.dump_record(RECORD))
    stored["mark"]["colour"] = "red"
    with pytest.raises(RecordInvalid, match="colour"):
        record.load_record(stored)


def test_a_field_of_a_later_release_is_ignored():
    assert record.load_record(record.dump_record(RECORD) | {"colour": "red"}) == RECORD
    assert record.load_intent(record.dump_intent(INTENT) | {"colour": "red"}) == INTENT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", "3"),
        ("snapshot_id", ""),
        ("share_id", None),
        ("mark", None),
        ("protected_at", None),
        ("project_id", ""),
    ],
)
def test_a_record_that_breaks_its_schema_is_not_written(name, value):
    with pytest.raises(RecordInvalid, match=name):
        record.dump_record(dataclasses.replace(RECORD, **{name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("operation", "fly"),
        ("driver", ""),
        ("project_id", None),
        ("owner", None),
    ],
)
def test_an_intent_that_breaks_its_schema_is_not_written(name, value):
    with pytest.raises(RecordInvalid, match=name):
        record.dump_intent(dataclasses.replace(INTENT, **{name: value}))
