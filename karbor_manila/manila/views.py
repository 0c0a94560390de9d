# SPDX-License-Identifier: Apache-2.0
"""Plain values: how Manila shows a share or a snapshot, and what a request for one needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: A dict as Manila's API shows a share or a snapshot.
View = dict[str, Any]
#: An access rule: ``access_type``, ``access_to``, ``access_level`` and ``metadata``, never a key.
Rule = dict[str, Any]

#: What Manila shows instead of ``access_to`` to whom a rule's visibility is locked for
#: (manila/api/views/share_accesses.py, since 2.82). No rule can be asked for with it.
HIDDEN = "******"


@dataclass(frozen=True)
class Source:
    """What a restore starts from: what was kept, and what the share was. ``size`` in GiB.

    ``share_id`` is the share that the snapshot belongs to. Its type, network and zone are those of
    then, for people to read: a new share gets the ones of now (:class:`Placement`).
    """

    snapshot_id: str
    share_id: str
    size: int
    share_proto: str
    share_type: str | None
    share_network_id: str | None
    availability_zone: str | None


@dataclass(frozen=True)
class NewShare:
    """What is not taken over from the source. ``size`` in GiB.

    ``asked`` holds ``share_type``, ``share_network_id`` and ``mount_point_name`` as far as the user
    asked for them. ``encryption_key_ref`` is the id of its key, if its source has one.
    """

    name: str | None
    description: str | None
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    is_public: bool = False
    asked: Mapping[str, str] = field(default_factory=dict)
    encryption_key_ref: str | None = None


@dataclass(frozen=True)
class Placement:
    """What a new share takes over from the snapshot's share as it is now.

    ``encryption_key_ref`` is what Manila has to be asked for so that it is taken over; None below
    2.90. ``has_replicas`` is whether that share has replicas, which the new one has not.
    """

    share_type: str | None
    share_type_name: str | None
    share_network_id: str | None
    availability_zone: str | None
    encryption_key_ref: str | None = None
    has_replicas: bool = False


@dataclass(frozen=True)
class Revertible:
    """A share that could be put back to a snapshot of it, once the newer ones are gone.

    ``newer`` are all snapshots that are in the way, the newest first, whosever they are.
    """

    share: View
    snapshot: View
    newer: tuple[View, ...]
