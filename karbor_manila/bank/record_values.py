# SPDX-License-Identifier: Apache-2.0
"""The record of a protected share and the intent before it: plain frozen values, and what makes
one of the other."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import PREFIX, Mark

VERSION = 3

#: The fields of intents did not change with the records. Version 2 says that what it leads to bears
#: a mark in two entries (:mod:`karbor_manila.manila.marks`), which earlier releases do not find:
#: they leave such an intent to this one.
INTENT_VERSION = 2


@dataclass(frozen=True)
class HookFacts:
    """What the hooks around the protection of a share came to.

    ``ran`` are their names in ``hook_drivers``, in their order. ``thawed_early``: their posts were
    called before what keeps the share was complete, because the freeze time was over.
    ``annotations`` are what posts had to add. ``failed`` says of each post that failed why.
    ``interrupted``: the process died in between, and nobody knows for how long it was frozen.
    """

    ran: tuple[str, ...]
    thawed_early: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False


@dataclass(frozen=True)
class ShareRecord:
    """A protected share. ``size`` is in GiB; ``mark`` is None in records of Karbor's own plugin.

    What is None may be unknown: older records do not tell everything. ``clone_id`` is set in copied
    checkpoints, whose snapshot is one of a clone. ``encryption_key_ref`` is the id of the share's
    key (2.90), never the key itself; it is stored where there is one.

    ``snapshot_id`` is the id of what keeps the share, whatever driver made it: under that name
    Karbor's own plugin looks for it. ``data`` are the driver's own, of JSON's types.

    ``hooks`` is what the hooks around the protection came to; None, and not stored, without any.

    ``endpoint`` is where Manila answered then; None, and not stored, by releases before.
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
    data: Mapping[str, Any] = field(default_factory=dict)
    encryption_key_ref: str | None = None
    hooks: "HookFacts | None" = None
    endpoint: str | None = None

    @property
    def snapshot_of(self) -> str:
        """The id of the share in Manila that the snapshot belongs to."""
        return self.clone_id or self.share_id

    def kept(self) -> Kept:
        """What keeps the share, as its driver takes it. Its status is not known."""
        return Kept(
            driver=self.driver,
            id=self.snapshot_id,
            share_id=self.snapshot_of,
            size=self.size,
            data=self.data,
            mark=self.mark,
        )


@dataclass(frozen=True)
class Browse:
    """Access to a snapshot that is about to be given, or was, to be taken back later.

    ``before`` are the ids of the rules that were there before: none of them is ours. ``until`` is
    UTC, ISO 8601, and None as long as the access is not known to be in force.
    """

    snapshot_id: str
    access_type: str
    access_to: str
    before: tuple[str, ...] = ()
    until: str | None = None


@dataclass(frozen=True)
class Intent:
    """Something that is about to be, or was just, created in Manila. ``since`` is UTC, ISO 8601.

    ``share`` is, in the intent of a protection, what its record will say of the share: with it,
    another process can complete what this one began. Older intents do not have it.
    ``record_access_rules`` is whether the record is to have them.

    A copy makes two: ``created_id`` is the snapshot, ``clone_id`` the share that it is of.
    ``since`` is then when the later one was asked for. ``source_driver`` is the driver of the
    checkpoint that is copied, when another one keeps the copy.

    Of a ``revert``: ``snapshot_id`` is what the share is put back to, ``asked`` is UTC, ISO 8601,
    and None as long as the share's content is certainly untouched; ``removing`` are newer snapshots
    that go first, and their checkpoints; ``created_id`` is the safety copy, if there is to be one;
    ``target`` is the share that is put back, if that is not the one of which the snapshot is.

    Of a ``restore``: ``keep_failed``, whether a share that fails is the user's, to be looked at.

    Of a ``browse``, which stays until the access is taken back: ``browse``, and ``created_id`` is
    the access rule.

    ``hooks`` are the names of those that are called around it; ``access_rules`` are then those of
    before, because a hook may change them until it is done.
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
    record_access_rules: bool = True
    target: str | None = None
    source_driver: str | None = None
    browse: Browse | None = None
    hooks: tuple[str, ...] = ()
    access_rules: list[dict[str, Any]] | None = None
    version: int = field(default=INTENT_VERSION)

    @property
    def restored_by(self) -> str:
        """The driver that makes the share of a copy, or of a restore."""
        return self.source_driver or self.driver

    @property
    def clone_id(self) -> str | None:
        """The id of the share that a copy has made, as far as it is known."""
        return (self.share or {}).get("clone_id")

    def cloned(self, clone_id: str, since: str) -> "Intent":
        """This, once a copy has made its share."""
        return replace(self, share={**(self.share or {}), "clone_id": clone_id}, since=since)


def describe(share: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of a share, by its view in Manila: some of the fields of ShareRecord."""
    key = share.get("encryption_key_ref")
    described = {
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
    # Left out where there is none: earlier releases can complete such an intent.
    return described | ({"encryption_key_ref": str(key)} if key else {})


def complete(
    intent: Intent,
    snapshot_id: str,
    protected_at: str,
    *,
    size: int | None = None,
    access_rules: list[dict[str, Any]] | None = None,
    data: Mapping[str, Any] | None = None,
    hooks: HookFacts | None = None,
    endpoint: str | None = None,
) -> ShareRecord:
    """The record of a protection whose snapshot is complete.

    :param snapshot_id: the id of what keeps the share
    :param size: of what was kept, in GiB; by default that of the share when the intent was written
    :param data: the driver's own (:attr:`.kept.Kept.data`)
    :param hooks: what the hooks around it came to; None without any
    :param endpoint: the URL of Manila
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
        data=dict(data or {}),
        hooks=hooks,
        endpoint=endpoint,
    )


def describe_copy(known: ShareRecord, project_id: str, protected_at: str) -> dict[str, Any]:
    """What the record of a copy says of the share: all that the source's says.

    :param project_id, protected_at: for a record of Karbor's own plugin, which tells neither
    """
    own = ("snapshot_id", "clone_id", "driver", "mark", "version", "data", "hooks", "endpoint")
    copied = {name: value for name, value in asdict(known).items() if name not in own}
    if not known.encryption_key_ref:
        del copied["encryption_key_ref"]
    return copied | {
        "project_id": known.project_id or project_id,
        "protected_at": known.protected_at or protected_at,
    }


def complete_copy(
    intent: Intent,
    snapshot_id: str,
    data: Mapping[str, Any] | None = None,
    hooks: HookFacts | None = None,
    endpoint: str | None = None,
) -> ShareRecord:
    """The record of a copy whose clone and its snapshot are complete.

    :param snapshot_id, data, hooks, endpoint: as of :func:`complete`
    :raises RecordInvalid: the intent does not say what the share was, or which share the clone is
    """
    if intent.share is None or intent.clone_id is None:
        raise RecordInvalid("intent", "it does not say what was copied")
    return ShareRecord(
        **intent.share,
        snapshot_id=snapshot_id,
        driver=intent.driver,
        mark=intent.mark,
        data=dict(data or {}),
        hooks=hooks,
        endpoint=endpoint,
    )
