# SPDX-License-Identifier: Apache-2.0
"""What lets the delays and faults files act on the methods of the driver (see knobs.py)."""

import functools
from collections.abc import Callable, Iterator

from manila import exception

from sandbox.manila import knobs, tree

KEYS = (
    "id",
    "share_id",
    "snapshot_id",
    "share_instance_id",
    "share_group_id",
    "share_group_snapshot_id",
)
PARTS = (
    "share",
    "shares",
    "share_group_snapshot_members",
    "active_replica_snapshot",
    "share_replica_snapshot",
)
"""What a dict or row holds that a call is about, too."""


def turnable_as(name: str | None) -> Callable:
    """Let the delays and faults files act on a method, under a name that is not its own."""

    def decorate(method: Callable) -> Callable:
        known = name or method.__name__

        @functools.wraps(method)
        def turned(self, *args, **kwargs):
            ids = ids_of([*args, *kwargs.values()])
            try:
                self.knobs.before(known, ids)
                answer = method(self, *args, **kwargs)
                self.knobs.after(known, ids)
            except (tree.CopyFailed, knobs.Fault) as error:
                raise exception.ShareBackendException(msg=str(error)) from error
            return answer

        return turned

    return decorate


turnable = turnable_as(None)
"""Lets the delays and faults files act on a driver method."""


def ids_of(arguments: list) -> set[str]:
    """Collect the ids of what a call is about: resources, their instances, and those of a list.

    What Manila calls share_id of a snapshot is the share's instance
    (manila/db/sqlalchemy/models.py, ShareSnapshotInstance); the share is one step further.
    """
    found = {_get(one, key) for one in _walk(arguments) for key in KEYS}
    return {one for one in found if isinstance(one, str)}


def _walk(things: list) -> Iterator[object]:
    for thing in things:
        if isinstance(thing, (list, tuple)):
            yield from _walk(list(thing))
            continue
        yield thing
        if isinstance(thing, dict):
            # Only dicts are asked: a row may be detached from its session and refuse.
            yield from _walk([thing[part] for part in PARTS if thing.get(part)])
        else:
            # The manager gives rows their parts itself, as plain attributes of the object.
            loaded = getattr(thing, "__dict__", {})
            yield from _walk([loaded[part] for part in PARTS if loaded.get(part)])


def _get(argument: object, key: str) -> object:
    """Answer a key of a dict or database row; None of the context, a size or a list."""
    try:
        return argument[key]
    except (TypeError, KeyError, AttributeError):
        return None
