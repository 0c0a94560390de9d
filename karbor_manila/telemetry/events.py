# SPDX-License-Identifier: Apache-2.0
"""What happened to whom, as typed and versioned values; and :func:`emit`, which tells it.

Each class has a ``VERSION`` and a line for each change of it: a new field raises the second number,
a field that goes or means something else the first (nova/notifications/objects/base.py has it so).
A value in here never holds a token, a password or an access key, and is of bounded size.
"""

import dataclasses
import datetime
import re
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common.masking import masked
from karbor_manila.common.visible import visible
from karbor_manila.telemetry.seldom import Seldom

LOG = logging.getLogger(__name__)

#: What the names of all types begin with.
PREFIX = "share_protection"

#: The phases: a piece of work begins, is done, or failed.
START, END, ERROR = "start", "end", "error"
PHASES = (START, END, ERROR)

#: So many characters a reason may have, and any other text.
REASON_SIZE, TEXT_SIZE = 1000, 255

# Ids and statuses, which most texts are: shorter than any token or key.
_WORD = re.compile(r"[A-Za-z0-9_-]{0,36}")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _host() -> str:
    """As Karbor's services call it ([DEFAULT] host)."""
    return str(getattr(cfg.CONF, "host", None) or socket.gethostname())


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to what a provider protects.

    :ivar operation: the second part of the type, one of :attr:`OPERATIONS`
    :ivar phase: the third part, one of :attr:`PHASES`
    :ivar reason: why, in sentences of ours; empty when there is nothing to say
    :ivar event_id: a UUID, by which who gets it twice knows it
    :ivar at: UTC, ISO 8601, to the second
    :ivar host: where it happened, as Karbor's services call it
    """

    VERSION: ClassVar[str] = "1.0"
    OPERATIONS: ClassVar[tuple[str, ...]] = ()
    PHASES: ClassVar[tuple[str, ...]] = PHASES

    operation: str
    phase: str
    provider_id: str
    checkpoint_id: str
    project_id: str
    plan_id: str = ""
    reason: str = ""
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: str = field(default_factory=_now)
    host: str = field(default_factory=_host)

    def __post_init__(self) -> None:
        """Make every text harmless and short.

        :raises ValueError: there is no such type of this class
        """
        if self.operation not in self.OPERATIONS or self.phase not in self.PHASES:
            raise ValueError(f"{type(self).__name__} has no type {self.type}")
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str):
                size = REASON_SIZE if each.name == "reason" else TEXT_SIZE
                object.__setattr__(self, each.name, _harmless(value, size))

    @property
    def type(self) -> str:
        """Such as ``share_protection.protect.end``."""
        return f"{PREFIX}.{self.operation}.{self.phase}"

    def as_dict(self) -> dict[str, Any]:
        """The event in types of JSON; what everybody gets, whichever way."""
        payload = dataclasses.asdict(self)
        about = {name: payload.pop(name) for name in ("event_id", "at", "host")}
        del payload["operation"], payload["phase"]
        return {"event_type": self.type, "version": self.VERSION, **about, "payload": payload}


@dataclass(frozen=True, kw_only=True)
class ShareEvent(Event):
    """An operation on one share begins, is done, or failed.

    :ivar request_id: of Karbor's restore or verification, if it is one
    :ivar driver: the name of the driver that does it, where that is known
    :ivar made_id: what it made in Manila, such as a snapshot or a new share
    :ivar seconds: how long it took; not known at its start
    :ivar left_out: whether the share was left out, for the ``reason``, and the others went on
    :ivar followed: of an error, whether the reconciliation still brings it to another end
    """

    # 1.0: as it began
    VERSION: ClassVar[str] = "1.0"
    OPERATIONS: ClassVar[tuple[str, ...]] = (
        "protect",
        "restore",
        "revert",
        "verify",
        "drill",
        "copy",
        "delete",
    )

    share_id: str
    request_id: str = ""
    driver: str = ""
    made_id: str = ""
    seconds: float | None = None
    left_out: bool = False
    followed: bool = False


@dataclass(frozen=True, kw_only=True)
class CheckpointEvent(Event):
    """Karbor's flow of an operation over all of a checkpoint begins, is done, or failed.

    :ivar flow: Karbor's word for the operation: protect, restore, verify, copy or delete
    :ivar request_id: of Karbor's restore or verification, if it is one
    :ivar status: of the checkpoint, or of that request
    :ivar seconds: how long it took; not known at its start
    :ivar shares: how many the checkpoint holds
    :ivar ok: how many of them are done; not known at its start, as the next two
    :ivar failed: how many failed
    :ivar left_out: how many a new checkpoint names as left out
    :ivar followed: of an error, whether the reconciliation still brings it to another end
    """

    # 1.0: as it began
    VERSION: ClassVar[str] = "1.0"
    OPERATIONS: ClassVar[tuple[str, ...]] = ("checkpoint",)

    flow: str
    request_id: str = ""
    status: str = ""
    seconds: float | None = None
    shares: int = 0
    ok: int | None = None
    failed: int | None = None
    left_out: int | None = None
    followed: bool = False


@dataclass(frozen=True, kw_only=True)
class BrowseEvent(Event):
    """Access to a snapshot is given, was taken back, or could not be given.

    :ivar request_id: of the verification that gave it
    :ivar snapshot_id: which may be mounted; empty of an error
    :ivar access_type: of Manila, such as ``ip``
    :ivar access_to: to whom
    :ivar until: UTC, ISO 8601, to the second; empty when that is not known
    """

    # 1.0: as it began
    VERSION: ClassVar[str] = "1.0"
    OPERATIONS: ClassVar[tuple[str, ...]] = ("browse",)

    share_id: str
    request_id: str = ""
    snapshot_id: str = ""
    access_type: str = ""
    access_to: str = ""
    until: str = ""


@dataclass(frozen=True, kw_only=True)
class HoldEvent(Event):
    """A checkpoint is held or released, or its deletion, which waited, is taken back.

    :ivar request_id: of the verification by which that was asked for
    :ivar why: the checkpoint is or was held, in its user's words; empty when it was not
    :ivar held_by: the id of the user who held it
    :ivar until: the last day of the hold, ISO 8601; empty when it has none
    :ivar status: of the checkpoint whose deletion was taken back
    """

    # 1.0: as it began
    VERSION: ClassVar[str] = "1.0"
    OPERATIONS: ClassVar[tuple[str, ...]] = ("hold", "release", "undelete")
    PHASES: ClassVar[tuple[str, ...]] = (END,)

    request_id: str
    why: str = ""
    held_by: str = ""
    until: str = ""
    status: str = ""


@dataclass(frozen=True, kw_only=True)
class ReconcileEvent(Event):
    """What a dead process left is settled; or could not be, and is tried again.

    :ivar item: what was unfinished, in Karbor's word: protect, restore, delete and so on
    :ivar item_id: the id of the checkpoint, the restore, the verification or the share
    :ivar status: that it has now; empty of an error
    :ivar since: when it was begun; UTC, ISO 8601; empty when that is not known
    """

    # 1.0: as it began
    VERSION: ClassVar[str] = "1.0"
    OPERATIONS: ClassVar[tuple[str, ...]] = ("reconcile",)
    PHASES: ClassVar[tuple[str, ...]] = (END, ERROR)

    item: str
    item_id: str
    status: str = ""
    since: str = ""


@dataclass(frozen=True, kw_only=True)
class AuditEvent(Event):
    """An audit finds something that does not agree (``start``), mended it, or could not.

    :ivar finding: ``orphan`` or ``lost``
    :ivar snapshot_id: of the snapshot, or of what else the driver keeps the share in
    :ivar driver: the name of the driver
    :ivar kind: of what does not agree, in a few words that stay the same
    """

    # 1.0: as it began
    VERSION: ClassVar[str] = "1.0"
    OPERATIONS: ClassVar[tuple[str, ...]] = ("audit",)

    finding: str
    snapshot_id: str
    share_id: str
    driver: str = ""
    kind: str = ""


#: Every class of events.
CLASSES: tuple[type[Event], ...] = (
    ShareEvent,
    CheckpointEvent,
    BrowseEvent,
    HoldEvent,
    ReconcileEvent,
    AuditEvent,
)

#: The class of each type.
TYPES: Mapping[str, type[Event]] = {
    f"{PREFIX}.{operation}.{phase}": kind
    for kind in CLASSES
    for operation in kind.OPERATIONS
    for phase in kind.PHASES
}


class Sink(Protocol):
    """Takes an event at once: it neither waits nor asks anybody."""

    def __call__(self, event: Event, context: Any) -> None:
        """``context`` is Karbor's request context, or None for Karbor's own user."""


_sink: Sink | None = None
_broken = Seldom()


def listen(sink: Sink | None) -> None:
    """Give all events to ``sink`` from now on; None for nobody."""
    global _sink  # noqa: PLW0603 - one name that is read when nobody listens: that is its cost
    _sink = sink


def is_heard() -> bool:
    """Whether anybody listens: without, nothing is to be found out for an event."""
    return _sink is not None


def emit(event: Event | Callable[[], Event], context: Any = None) -> None:
    """Tell everybody who listens. It never raises, and never waits.

    :param event: or what makes it, which is called only when somebody listens
    :param context: Karbor's request context; None for Karbor's own user. It has a token: it is for
        who has to ask a service in the name of a tenant, and stands in no event
    """
    sink = _sink
    if sink is None:
        return
    try:
        sink(event() if callable(event) else event, context)
    except Exception:  # whatever it is: work goes on without being told
        if (missed := _broken.due()) is not None:
            LOG.exception("An event could not be told (and %d more since the last line)", missed)


def _harmless(text: str, size: int) -> str:
    """The text without secrets, in one line, of at most so many characters."""
    if _WORD.fullmatch(text):
        return text
    if len(text) > 2 * size:
        # Without its last word, or what it has of one: half a secret does not look like one.
        text = text[: 2 * size]
        text = text[: len(text) - min(len(text.rpartition(" ")[2]), size // 2)]
    shown = visible(masked(text))
    return shown if len(shown) <= size else f"{shown[: size - 3]}..."
