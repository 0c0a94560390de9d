# SPDX-License-Identifier: Apache-2.0
"""How a driver looks at many things in Manila with few requests."""

from collections.abc import Callable, Collection

from karbor_manila.drivers.base import View

#: Up to so many things are asked for one by one; more of them with one list.
FEW = 2


def look(
    ids: Collection[str],
    one: Callable[[str], View | None],
    listed: Callable[[], list[View]],
    *,
    complete: bool,
) -> dict[str, View | None]:
    """The views of the things with these ids; None for what is not there.

    :param one: shows one thing, or None
    :param listed: lists many things
    :param complete: whether what ``listed`` leaves out is certainly not there; otherwise each such
        thing is asked for by itself before it counts as gone
    """
    if len(ids) <= FEW:
        return {thing: one(thing) for thing in ids}
    found = {view["id"]: view for view in listed()}
    return {
        thing: found[thing] if thing in found else (None if complete else one(thing))
        for thing in ids
    }
