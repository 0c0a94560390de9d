# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint does not hold, why, and of which kind that is.

Not every gap is a fault: a share whose type has no snapshots was never protected and never will be,
one in ``error`` was protected yesterday and is missing today. The first says nothing of how well a
project is protected; the second makes the checkpoint *partial*: what it holds can be restored, but
it takes no complete one's place. This module imports nothing of Karbor: the commands read with it
what the service has written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: In the ``extra_info`` of a checkpoint.
KEY = "left_out"

#: It cannot be protected as it is, and nobody expects it: no plugin for its type, no snapshot
#: support, made by karbor-manila itself, in the recycle bin.
NOT_SUPPORTED = "not_supported"

#: It should be protected and cannot be until an administrator or its user mends it.
BROKEN = "broken"

#: It is being removed, or was removed since the resources were listed.
GONE = "gone"

#: The plan, or the owner of the share, does not want it there: no gap at all.
EXCLUDED = "excluded"

#: What has to be mended comes first: a long list is cut.
_ORDER = (BROKEN, GONE, NOT_SUPPORTED, EXCLUDED)

#: A checkpoint names so much of what it leaves out; of the others it tells the number.
MOST_NAMED = 100


@dataclass(frozen=True)
class LeftOut:
    """One resource that is not in a checkpoint.

    ``reason`` is a phrase without a full stop; ``id`` is None for a whole type that could not be
    listed.
    """

    type: str
    id: str | None
    name: str | None
    reason: str
    kind: str


@dataclass(frozen=True)
class Why:
    """Why a resource is left out: ``reason``, a sentence or a phrase, and of which kind that is."""

    reason: str
    kind: str


def dump(items: Iterable[LeftOut]) -> list[dict[str, Any]]:
    """As it stands in the checkpoint: JSON, at most :data:`MOST_NAMED` entries and a last one that
    counts the others."""
    ordered = sorted(items, key=lambda item: _ORDER.index(item.kind))
    named = [asdict(item) for item in ordered[:MOST_NAMED]]
    more = len(ordered) - MOST_NAMED
    return [*named, {"reason": f"and {more} more"}] if more > 0 else named


def broken(extra_info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a checkpoint left out although it should hold it; empty for one that is not partial.

    Earlier releases wrote no kind: what they left out does not count.

    :param extra_info: the checkpoint's, decoded; tenants can give one of their own
    """
    return [item for item in _entries(extra_info) if item.get("kind") == BROKEN]


def keys(extra_info: Mapping[str, Any]) -> frozenset[str]:
    """Karbor's keys, ``type#id``, of what is left out. One that went after the shares were listed
    is in the graph of the checkpoint all the same."""
    return frozenset(f"{item.get('type')}#{item.get('id')}" for item in _entries(extra_info))


def _entries(extra_info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    known = extra_info.get(KEY)
    return [item for item in known if isinstance(item, Mapping)] if isinstance(known, list) else []
