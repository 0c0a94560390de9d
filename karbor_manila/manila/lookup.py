# SPDX-License-Identifier: Apache-2.0
"""How a driver looks at many shares or snapshots in Manila with few requests."""

from collections.abc import Callable, Collection

from karbor_manila.manila.views import View

#: Up to so many are asked for one by one; more of them with one list.
FEW = 2


def look(
    ids: Collection[str],
    one: Callable[[str], View | None],
    listed: Callable[[], list[View]],
) -> dict[str, View | None]:
    """The views of those with these ids; None for what is not there.

    A list is read page by page while others create and delete, and proves no absence: what it
    leaves out is asked for by itself before it counts as gone.

    :param one: shows one, or None
    :param listed: lists many
    """
    if len(ids) <= FEW:
        return {each: one(each) for each in ids}
    found = {view["id"]: view for view in listed()}
    return {each: found[each] if each in found else one(each) for each in ids}
