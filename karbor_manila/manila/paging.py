# SPDX-License-Identifier: Apache-2.0
"""A long list of Manila, read page by page while others create and delete.

``marker`` is ignored, a page may be short because ``limit`` counts joined rows, and a server may
give less than what is asked for (``osapi_max_limit``). So each step is as long as the page that
came: never too long, and repeats are dropped. A deletion moves what follows to the front; a page
is therefore asked for so that it overlaps the one before, and one that begins with something new
may have lost something in between: it is asked for again, from further in front.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from karbor_manila.manila.errors import ManilaTransient

View = dict[str, Any]

#: Gives the views from an offset on, and how many there are in all, if the server says so.
Page = Callable[[int], tuple[list[View], int | None]]


class Listing(list[View]):
    """The views of a list.

    ``whole`` is whether they are known to be all that were there at one moment: the server said how
    many there are, each time the same, so many came, and nothing moved between the pages. What a
    list that is not whole leaves out may be there.
    """

    def __init__(self, views: Iterable[View] = (), *, whole: bool = False) -> None:
        super().__init__(views)
        self.whole = whole


# Of a full page so much is asked for again: deletions between two requests are few.
_OVERLAP = 0.05

# After so many requests without anything new in a row, or steps back in all, a list is given up: it
# changes faster than it can be read, or the server ignores the offset.
_MOST_IDLE = 200
_MOST_STEPS_BACK = 50

_UNREADABLE = "the list changed while it was read"


def everything(ask: Page, size: int, asked: str, wanted: Collection[str] | None = None) -> Listing:
    """All that is there from the first request to the last, each entry once.

    :param wanted: the ids that are looked for; nothing is asked for once all of them were seen

    :param size: the number that a page is asked to have
    :param asked: what is asked, for the error
    :raises ManilaTransient: the list changed faster than it could be read
    """
    seen: dict[str, View] = {}
    totals: set[int | None] = set()
    offset = back = steps_back = length = idle = 0
    while True:
        page, total = ask(offset)
        totals.add(total)
        if offset and len(page) > 1 and page[0]["id"] not in seen:
            steps_back += 1
            size = min(size, length)  # so much the server gives, and there is more
            if steps_back > _MOST_STEPS_BACK:
                raise ManilaTransient(asked, _UNREADABLE)
            back = back * 2 or max(1, round(len(page) * _OVERLAP))
            offset = max(0, offset - back)
            continue
        back, length = 0, len(page)
        fresh = {view["id"]: view for view in page if view["id"] not in seen}
        seen.update(fresh)
        at_once = total is not None and not offset and len(seen) >= total
        enough = wanted is not None and seen.keys() >= set(wanted)
        if not page or at_once or enough:
            return Listing(seen.values(), whole=not steps_back and totals == {len(seen)})
        idle = 0 if fresh else idle + 1
        if idle > _MOST_IDLE:
            raise ManilaTransient(asked, _UNREADABLE)
        overlap = max(1, round(length * _OVERLAP)) if fresh and length >= size > 1 else 0
        offset += length - overlap
