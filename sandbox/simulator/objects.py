# SPDX-License-Identifier: Apache-2.0
"""Shares, snapshots, access rules and messages: plain values, small enough for a million."""

import uuid
from dataclasses import dataclass, field

_TYPES = uuid.UUID("5f2c0c3e-1f3a-4d67-9d61-6d616e696c61")


def type_id(name: str) -> str:
    """The id of a share type, the same at every start."""
    return str(uuid.uuid5(_TYPES, name))


@dataclass(slots=True)
class Thing:
    """What a share and a snapshot have in common. ``turn`` counts what was begun on it."""

    id: str
    project_id: str
    created_at: str
    status: str = "available"
    name: str | None = None
    description: str | None = None
    size: int = 1
    metadata: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    #: Its content; a snapshot has its share's of then.
    text: str = ""
    turn: int = 0


@dataclass(slots=True)
class Share(Thing):
    """A share. ``type_name`` is its type as it is now; what it can do stands with the share."""

    type_name: str = ""
    share_proto: str = "NFS"
    share_network_id: str | None = None
    availability_zone: str = "nova"
    snapshot_id: str | None = None
    is_public: bool = False
    task_state: str | None = None
    snapshot_support: bool = True
    create_share_from_snapshot_support: bool = True
    revert_to_snapshot_support: bool = True
    mount_snapshot_support: bool = True
    #: The snapshot that it is being put back to.
    reverts_to: str | None = None
    rules: "list[Rule] | None" = None

    @property
    def access_rules_status(self) -> str:
        """One for all rules (manila/share/access.py)."""
        states = {rule.state for rule in self.rules or ()}
        if "error" in states:
            return "error"
        return "active" if states <= {"active"} else "syncing"


@dataclass(slots=True)
class Snapshot(Thing):
    """A snapshot of a share."""

    share_id: str = ""
    share_size: int = 1
    share_proto: str = "NFS"


@dataclass(slots=True)
class Rule:
    """An access rule of a share."""

    id: str
    share_id: str
    access_type: str
    access_to: str
    access_level: str
    created_at: str
    state: str = "queued_to_apply"
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Message:
    """A user message."""

    id: str
    project_id: str
    resource_type: str
    resource_id: str
    request_id: str
    created_at: str
    user_message: str
