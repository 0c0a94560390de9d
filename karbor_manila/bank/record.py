# SPDX-License-Identifier: Apache-2.0
"""What the bank holds for a share: plain, frozen, versioned, checked on the way in and out.

``ShareRecord`` stands under Karbor's own key ``metadata`` once a protection is complete. It is a
superset of what Karbor 1.6.0's share plugin writes
(karbor/services/protection/protection_plugins/share/share_snapshot_plugin.py), and records of that
plugin, which have no version, are read as version 0. ``Intent`` stands under a key of its own from
before the first call that creates something until the work is complete or undone.
"""

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from dataclasses import fields as fields_of
from typing import Any

import jsonschema

from karbor_manila.bank.errors import RecordInvalid, RecordVersionUnknown
from karbor_manila.manila.marks import PREFIX, Mark
from karbor_manila.schemas import INTENT_SCHEMA, RECORD_SCHEMA

VERSION = 2

#: Intents did not change with the records.
INTENT_VERSION = 1

# What version 2 added.
_SINCE_2 = ("share_group_id", "metadata", "is_public", "access_rules", "clone_id")

# What other intents do not have.
_OF_A_REVERT = ("snapshot_id", "asked", "safety_copy", "removing")

_OF_A_RESTORE = ("keep_failed",)

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


@dataclass(frozen=True)
class ShareRecord:
    """A protected share. ``size`` is in GiB; ``mark`` is None in records of Karbor's own plugin.

    What is None may be unknown: older records do not tell everything. ``clone_id`` is set in copied
    checkpoints, whose snapshot is one of a clone.
    """

    share_id: str
    size: int
    share_proto: str
    share_type: str | None
    share_network_id: str | None
    snapshot_id: str
    driver: str = "snapshot"
    project_id: str | None = None
    share_type_name: str | None = None
    availability_zone: str | None = None
    share_name: str | None = None
    share_description: str | None = None
    protected_at: str | None = None
    share_group_id: str | None = None
    metadata: dict[str, str] | None = None
    is_public: bool | None = None
    access_rules: list[dict[str, Any]] | None = None
    clone_id: str | None = None
    mark: Mark | None = None
    version: int = VERSION

    @property
    def snapshot_of(self) -> str:
        """The id of the share in Manila that the snapshot belongs to."""
        return self.clone_id or self.share_id


@dataclass(frozen=True)
class Intent:
    """Something that is about to be, or was just, created in Manila. ``since`` is UTC, ISO 8601.

    ``share`` is, in the intent of a protection, what its record will say of the share: with it,
    another process can complete what this one began. Older intents do not have it.

    A copy makes two: ``created_id`` is the snapshot, ``clone_id`` the share that it is of.
    ``since`` is then when the later one was asked for.

    Of a ``revert``: ``snapshot_id`` is what the share is put back to, ``asked`` is UTC, ISO 8601,
    and None as long as the share's content is certainly untouched; ``removing`` are newer snapshots
    that go first, and their checkpoints; ``created_id`` is the safety copy, if there is to be one.

    Of a ``restore``: ``keep_failed``, whether a share that fails is the user's, to be looked at.
    """

    operation: str
    driver: str
    project_id: str
    mark: Mark
    owner: str
    since: str
    created_id: str | None = None
    share: dict[str, Any] | None = None
    snapshot_id: str | None = None
    asked: str | None = None
    safety_copy: bool = False
    removing: dict[str, str] | None = None
    keep_failed: bool = False
    version: int = field(default=INTENT_VERSION)

    @property
    def clone_id(self) -> str | None:
        """The id of the share that a copy has made, as far as it is known."""
        return (self.share or {}).get("clone_id")

    def cloned(self, clone_id: str, since: str) -> "Intent":
        """This, once a copy has made its share."""
        return replace(self, share={**(self.share or {}), "clone_id": clone_id}, since=since)


def dump_record(record: ShareRecord) -> dict[str, Any]:
    """The record as the bank keeps it. Raises RecordInvalid when it breaks its own schema."""
    return _checked(_plain(record), RECORD_SCHEMA, "record")


def load_record(stored: object) -> ShareRecord:
    """A record from what the bank gave back, of our versions or of Karbor's own plugin.

    Raises RecordVersionUnknown for a version from the future, RecordInvalid for anything else that
    cannot be understood, which is damage, or a record of a driver that has its own.
    """
    if isinstance(stored, Mapping) and "version" not in stored:
        return _load_foreign(stored)
    if isinstance(stored, Mapping) and stored["version"] == 1 and stored["version"] is not True:
        grown = {**dict.fromkeys(_SINCE_2), **stored, "version": VERSION}
        fields = _load(grown, RECORD_SCHEMA, "record", ShareRecord)
        return ShareRecord(**fields | {"version": 1})
    return ShareRecord(**_load(stored, RECORD_SCHEMA, "record", ShareRecord))


def describe(share: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of a share, by its view in Manila: some of the fields of ShareRecord."""
    return {
        "share_id": share["id"],
        "size": int(share["size"]),
        "share_proto": share["share_proto"],
        "share_type": share.get("share_type"),
        "share_type_name": share.get("share_type_name"),
        "share_network_id": share.get("share_network_id"),
        "availability_zone": share.get("availability_zone"),
        "share_name": share.get("name"),
        "share_description": share.get("description"),
        "share_group_id": share.get("share_group_id"),
        "metadata": {
            name: str(value)
            for name, value in (share.get("metadata") or {}).items()
            if not name.startswith(PREFIX)  # it may itself have been restored
        },
        "is_public": bool(share.get("is_public")),
    }


def complete(
    intent: Intent,
    snapshot_id: str,
    protected_at: str,
    *,
    size: int | None = None,
    access_rules: list[dict[str, Any]] | None = None,
) -> ShareRecord:
    """The record of a protection whose snapshot is complete.

    :param size: of what was kept, in GiB; by default that of the share when the intent was written
    :raises RecordInvalid: the intent does not say what the share was
    """
    if intent.share is None:
        raise RecordInvalid("intent", "it does not say what the share was")
    return ShareRecord(
        **intent.share | ({} if size is None else {"size": int(size)}),
        snapshot_id=snapshot_id,
        driver=intent.driver,
        project_id=intent.project_id,
        protected_at=protected_at,
        access_rules=access_rules,
        mark=intent.mark,
    )


def describe_copy(known: ShareRecord, project_id: str, protected_at: str) -> dict[str, Any]:
    """What the record of a copy says of the share: all that the source's says.

    :param project_id, protected_at: for a record of Karbor's own plugin, which tells neither
    """
    own = ("snapshot_id", "clone_id", "driver", "mark", "version")
    said = {name: value for name, value in asdict(known).items() if name not in own}
    return said | {
        "project_id": known.project_id or project_id,
        "protected_at": known.protected_at or protected_at,
    }


def complete_copy(intent: Intent, snapshot_id: str) -> ShareRecord:
    """The record of a copy whose clone and its snapshot are complete.

    :raises RecordInvalid: the intent does not say what the share was, or which share the clone is
    """
    if intent.share is None or intent.clone_id is None:
        raise RecordInvalid("intent", "it does not say what was copied")
    return ShareRecord(
        **intent.share,
        snapshot_id=snapshot_id,
        driver=intent.driver,
        mark=intent.mark,
    )


def dump_intent(intent: Intent) -> dict[str, Any]:
    """The intent as the bank keeps it. Raises RecordInvalid when it breaks its own schema."""
    plain = _plain(intent)
    for operation, names in (("revert", _OF_A_REVERT), ("restore", _OF_A_RESTORE)):
        if intent.operation != operation:
            for name in names:
                del plain[name]
    return _checked(plain, INTENT_SCHEMA, "intent")


def load_intent(stored: object) -> Intent:
    """An intent from what the bank gave back; raises as :func:`load_record` does."""
    intent = Intent(**_load(stored, INTENT_SCHEMA, "intent", Intent))
    try:
        moment = datetime.datetime.fromisoformat(intent.since)
    except ValueError as error:
        raise RecordInvalid("intent", f"since: {error}") from error
    if moment.tzinfo is None:
        raise RecordInvalid("intent", f"since: {intent.since} has no time zone")
    return intent


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
    return fields | {"mark": Mark(**fields["mark"])}


def _is_later(version: object, known: int) -> bool:
    """Whether a version is one of the future, which may be a word. What was never a version is
    damage."""
    if isinstance(version, str):
        return bool(version)
    return isinstance(version, int) and not isinstance(version, bool) and version > known


def _driver(stored: object) -> str | None:
    driver = stored.get("driver") if isinstance(stored, Mapping) else None
    return driver if isinstance(driver, str) and driver else None


def _plain(thing: Any) -> dict[str, Any]:
    plain = asdict(thing)
    if plain["mark"]:
        plain["mark"] = {name: value for name, value in plain["mark"].items() if value}
    return plain


def _checked(stored: Any, schema: dict[str, Any], what: str) -> dict[str, Any]:
    error = jsonschema.Draft202012Validator(schema)
    worst = jsonschema.exceptions.best_match(error.iter_errors(stored))
    if worst is not None:
        raise RecordInvalid(what, f"{worst.json_path}: {worst.message}", driver=_driver(stored))
    checked: dict[str, Any] = stored
    return checked
