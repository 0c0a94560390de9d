# SPDX-License-Identifier: Apache-2.0
"""What the bank holds for a share, as JSON: versioned, checked on the way in and out.

``ShareRecord`` stands under Karbor's own key ``metadata`` once a protection is complete. It is a
superset of what Karbor 1.6.0's share plugin writes
(karbor/services/protection/protection_plugins/share/share_snapshot_plugin.py), and records of that
plugin, which have no version, are read as version 0. ``Intent`` stands under a key of its own from
before the first call that creates something until the work is complete or undone.
"""

import datetime
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import fields as fields_of
from typing import Any

from karbor_manila.bank.errors import RecordInvalid, RecordVersionUnknown
from karbor_manila.bank.record_values import (
    INTENT_VERSION,
    VERSION,
    Browse,
    HookFacts,
    Intent,
    ShareRecord,
    complete,
    complete_copy,
    describe,
    describe_copy,
)
from karbor_manila.common import validators
from karbor_manila.manila.marks import Mark
from karbor_manila.schemas import INTENT_SCHEMA, RECORD_SCHEMA

__all__ = [
    "BROWSE",
    "INTENT_VERSION",
    "VERSION",
    "Browse",
    "HookFacts",
    "Intent",
    "ShareRecord",
    "complete",
    "complete_copy",
    "describe",
    "describe_copy",
    "dump_intent",
    "dump_record",
    "load_intent",
    "load_record",
]

# What version 2 added; version 3 added ``kept``.
_SINCE_2 = ("share_group_id", "metadata", "is_public", "access_rules", "clone_id")

# What other intents do not have.
_OF_A_REVERT = ("snapshot_id", "asked", "safety_copy", "removing")

_OF_A_RESTORE = ("keep_failed",)

#: The operation of an intent to give access to a snapshot.
BROWSE = "browse"

_OF_A_BROWSE = (BROWSE,)

#: What Karbor 1.6.0's share plugin writes, of the same kinds as ours.
_FOREIGN_SCHEMA = {
    "type": "object",
    "properties": {
        name: RECORD_SCHEMA["properties"][name]
        for name in (
            "share_id",
            "size",
            "share_proto",
            "share_type",
            "share_network_id",
            "snapshot_id",
        )
    },
    "required": ["share_id", "size", "share_proto", "snapshot_id"],
}


def dump_record(record: ShareRecord) -> dict[str, Any]:
    """The record as the bank keeps it. Raises RecordInvalid when it breaks its own schema."""
    plain = _plain(record)
    plain["kept"] = _kept(record.snapshot_id, record.snapshot_of, plain.pop("data"))
    for name in ("encryption_key_ref", "hooks", "endpoint"):
        if plain[name] is None:
            del plain[name]
    if record.hooks:
        plain["hooks"]["ran"] = list(record.hooks.ran)
    return _checked(plain, RECORD_SCHEMA, "record")


def load_record(stored: object) -> ShareRecord:
    """A record from what the bank gave back, of our versions or of Karbor's own plugin.

    Raises RecordVersionUnknown for a version from the future, RecordInvalid for anything else that
    cannot be understood, which is damage, or a record of a driver that has its own.
    """
    if isinstance(stored, Mapping) and "version" not in stored:
        return _load_foreign(stored)
    if isinstance(stored, Mapping) and _is_earlier(stored["version"], VERSION):
        fields = _load(_grown(stored), RECORD_SCHEMA, "record", ShareRecord)
        return ShareRecord(**fields | {"version": stored["version"]})
    return ShareRecord(**_load(stored, RECORD_SCHEMA, "record", ShareRecord))


def _is_earlier(version: object, known: int) -> bool:
    return isinstance(version, int) and not isinstance(version, bool) and 0 < version < known


def _grown(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A record of an earlier version with the fields that came later, as far as it tells them."""
    added = dict.fromkeys(_SINCE_2) if stored["version"] == 1 else {}
    kept = _kept(stored.get("snapshot_id"), stored.get("clone_id") or stored.get("share_id"), {})
    return {**added, **stored, "version": VERSION, "kept": kept}


def _kept(kept_id: Any, share_id: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The driver's part of a record."""
    return {"id": kept_id, "share_id": share_id, "data": dict(data)}


def dump_intent(intent: Intent) -> dict[str, Any]:
    """The intent as the bank keeps it. Raises RecordInvalid when it breaks its own schema."""
    plain = _plain(intent)
    own = (("revert", _OF_A_REVERT), ("restore", _OF_A_RESTORE), (BROWSE, _OF_A_BROWSE))
    for operation, names in own:
        if intent.operation != operation:
            for name in names:
                del plain[name]
    if plain["record_access_rules"]:
        del plain["record_access_rules"]
    for name in ("source_driver", "target", "access_rules"):
        if plain[name] is None:
            del plain[name]
    if intent.hooks:
        plain["hooks"] = list(intent.hooks)
    else:
        del plain["hooks"]
    return _checked(plain, INTENT_SCHEMA, "intent")


def load_intent(stored: object) -> Intent:
    """An intent from what the bank gave back; raises as :func:`load_record` does.

    One of an earlier version becomes one of this: what it led to is found by both forms of a mark.
    """
    if isinstance(stored, Mapping) and _is_earlier(stored.get("version"), INTENT_VERSION):
        stored = {**stored, "version": INTENT_VERSION}
    intent = Intent(**_load(stored, INTENT_SCHEMA, "intent", Intent))
    _check_moment("since", intent.since)
    if intent.operation == BROWSE and intent.browse is None:
        raise RecordInvalid("intent", "it does not say what access was given", driver=intent.driver)
    if intent.browse and intent.browse.until:
        _check_moment("until", intent.browse.until)
    return intent


def _check_moment(name: str, text: str) -> None:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise RecordInvalid("intent", f"{name}: {error}") from error
    if moment.tzinfo is None:
        raise RecordInvalid("intent", f"{name}: {text} has no time zone")


def _load_foreign(stored: Mapping[str, Any]) -> ShareRecord:
    """A record of Karbor 1.6.0's share plugin. Its ``share_type`` is a name, not an id."""
    _checked(stored, _FOREIGN_SCHEMA, "record")
    return ShareRecord(
        share_id=stored["share_id"],
        size=stored["size"],
        share_proto=stored["share_proto"],
        share_type=stored.get("share_type"),
        share_network_id=stored.get("share_network_id"),
        snapshot_id=stored["snapshot_id"],
        share_type_name=stored.get("share_type"),
        version=0,
    )


def _load(stored: object, schema: dict[str, Any], what: str, kind: Any) -> dict[str, Any]:
    known = schema["properties"]["version"]["const"]
    if isinstance(stored, Mapping) and _is_later(stored.get("version"), known):
        raise RecordVersionUnknown(what, stored["version"], _driver(stored))
    checked = _checked(stored, schema, what)
    fields = {item.name: checked[item.name] for item in fields_of(kind) if item.name in checked}
    if kind is ShareRecord:
        fields["data"] = _data_of(checked)
        if "hooks" in fields:
            facts = {each.name: fields["hooks"][each.name] for each in fields_of(HookFacts)}
            fields["hooks"] = HookFacts(**facts | {"ran": tuple(facts["ran"])})
    elif "hooks" in fields:
        fields["hooks"] = tuple(fields["hooks"])
    if fields.get(BROWSE):
        known = {item.name: fields[BROWSE][item.name] for item in fields_of(Browse)}
        fields[BROWSE] = Browse(**known | {"before": tuple(known["before"])})
    return fields | {"mark": Mark(**fields["mark"])}


def _data_of(checked: Mapping[str, Any]) -> dict[str, Any]:
    """The driver's own data of a record, of which both parts name the same."""
    kept, top = checked["kept"], checked["clone_id"] or checked["share_id"]
    for name, there, here in (
        ("id", kept["id"], checked["snapshot_id"]),
        ("share_id", kept["share_id"], top),
    ):
        if there != here:
            why = f"$.kept.{name}: {there} is not {here}, which the record says besides"
            raise RecordInvalid("record", why, driver=_driver(checked))
    return dict(kept["data"])


def _is_later(version: object, known: int) -> bool:
    """Whether a version is one of the future, which may be a word. What was never a version is
    damage."""
    if isinstance(version, str):
        return bool(version)
    return isinstance(version, int) and not isinstance(version, bool) and version > known


def _driver(stored: object) -> str | None:
    driver = stored.get("driver") if isinstance(stored, Mapping) else None
    return driver if isinstance(driver, str) and driver else None


def _plain(obj: Any) -> dict[str, Any]:
    plain = asdict(obj)
    if plain["mark"]:
        plain["mark"] = {name: value for name, value in plain["mark"].items() if value}
    if plain.get(BROWSE):
        plain[BROWSE]["before"] = list(plain[BROWSE]["before"])
    return plain


def _checked(stored: Any, schema: dict[str, Any], what: str) -> dict[str, Any]:
    wrong = validators.worst(schema, stored)
    if wrong is not None:
        raise RecordInvalid(what, f"{wrong.json_path}: {wrong.message}", driver=_driver(stored))
    checked: dict[str, Any] = stored
    return checked
