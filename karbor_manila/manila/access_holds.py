# SPDX-License-Identifier: Apache-2.0
"""Marks in the metadata of access rules that are read-only for a while: for whom, and until when.

Each holder has a key of its own, so that no holder's write undoes another's. A tenant can write or
remove any of them, and changes by that what becomes of his own rule alone.
"""

import datetime
from collections.abc import Mapping

#: What stands before the id of a holder. It is part of keys in Manila.
PREFIX = "karbor-manila-quiesced-"

#: The rule is to stay read-only for this holder.
HELD = "held"
#: This holder needs it no more, and is about to put it back unless somebody else holds it.
THAWING = "thawing"
#: This holder is done with it, and has left it to another one, who removes this mark, too.
LEFT = "left"


def key_of(holder: str) -> str:
    """The key of a holder's mark."""
    return PREFIX + holder


def value_of(word: str, until: datetime.datetime) -> str:
    """A mark's value.

    :param until: UTC; then the holder is over with it, or dead
    """
    return f"{word} until {until:%Y-%m-%dT%H:%M:%SZ}"


def word_of(metadata: Mapping[str, str], holder: str) -> str:
    """What a holder's mark says; empty when there is none."""
    return str(metadata.get(key_of(holder), "")).partition(" ")[0]


def is_held(metadata: Mapping[str, str], but_by: str = "") -> bool:
    """Whether somebody, be it long ago, has made the rule read-only and not put it back. Who has
    left it to another one may have come too late: the other one was done with it.

    :param but_by: a holder who does not count
    """
    return any(
        key.startswith(PREFIX) and key != key_of(but_by) and str(value).partition(" ")[0] != LEFT
        for key, value in metadata.items()
    )


def others_say(metadata: Mapping[str, str], holder: str, now: datetime.datetime) -> set[str]:
    """What the marks of all but this holder say, as far as their time is not over."""
    return {
        str(value).partition(" ")[0]
        for key, value in metadata.items()
        if key.startswith(PREFIX) and key != key_of(holder) and _is_alive(str(value), now)
    }


def left(metadata: Mapping[str, str]) -> list[str]:
    """The keys of those who have left the rule to another one."""
    return [
        key
        for key, value in metadata.items()
        if key.startswith(PREFIX) and str(value).partition(" ")[0] == LEFT
    ]


def without(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata that are the owner's own."""
    return {key: value for key, value in metadata.items() if not key.startswith(PREFIX)}


def _is_alive(value: str, now: datetime.datetime) -> bool:
    try:
        return datetime.datetime.fromisoformat(value.partition(" until ")[2]) > now
    except (ValueError, TypeError):  # nothing that value_of writes
        return False
