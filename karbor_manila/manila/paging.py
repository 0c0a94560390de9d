# SPDX-License-Identifier: Apache-2.0
"""A long list of Manila, read page by page while others create and delete.

``marker`` is ignored, a page may be short because ``limit`` counts joined rows, and a server may
give less than what is asked for (``osapi_max_limit``). So each step is as long as the page that
came: never too long, and repeats are dropped. A deletion moves what follows to the front; a page
is therefore asked for so that it overlaps the one before, and one that begins with something new
may have lost something in between: it is asked for again, from further in front.

The order is total and does not change (``created_at`` or another column, then the id:
manila/db/sqlalchemy/api.py, apply_sorting). So pages of which each begins with what an earlier one
had leave out nothing that was there all the time, whatever came and went meanwhile.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from karbor_manila.manila.errors import ManilaTransient

View = dict[str, Any]

#: Gives the views from an offset on, and how many there are in all, if the server says so.
Page = Callable[[int], tuple[list[View], int | None]]


class Listing(list[View]):
    """The views of a list.

    ``whole`` is whether they are known to have all that was there from the first request to the
    last: the server said how many there are, and either so many came, or the pages follow each
    other without a gap to its last entry. What a list that is not whole leaves out may be there.
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


def _overlap(length: int) -> int:
    """So many entries of a page are asked for again."""
    return max(1, round(length * _OVERLAP))


class _Chain:
    """Whether pages follow each other without a gap, from the first entry to the last.

    ``offset`` counts rows of the database, of which a share with replicas has several, and the
    number of entries does not. So it is only known where each page before the last has as many
    entries as rows were asked for: a row of each. The last one is so short that more rows than are
    deleted between two requests would have to be missing, if it were cut.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._unbroken = self._last_is_full = True
        self._to_the_end = False

    def add(self, page: list[View], offset: int, total: int | None, *, new: bool) -> None:
        """One more page.

        :param new: whether it has something that none had before
        """
        if new:
            self._unbroken = self._unbroken and self._last_is_full
            self._last_is_full = len(page) == self._size
        ends = total is not None and offset + len(page) == total
        self._to_the_end = ends and len(page) <= self._size - _overlap(self._size)

    def break_(self) -> None:
        """Something may be missing before the next page."""
        self._unbroken = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing can be missing, when the page after the last one is empty."""
        return self._unbroken and self._to_the_end


def everything(
    ask: Page,
    size: int,
    asked: str,
    wanted: Collection[str] | None = None,
    most: int | None = None,
) -> Listing:
    """All that is there from the first request to the last, each entry once.

    :param wanted: the ids that are looked for; nothing is asked for once all of them were seen
    :param most: so many pages are worth it; of what has more the first one is enough
    :param size: the number that a page is asked to have
    :param asked: what is asked, for the error
    :raises ManilaTransient: the list changed faster than it could be read
    """
    seen: dict[str, View] = {}
    totals: set[int | None] = set()
    chain = _Chain(size)
    offset = back = steps_back = length = idle = 0
    while True:
        page, total = ask(offset)
        totals.add(total)
        linked = not offset or not page or page[0]["id"] in seen
        if not linked and len(page) > 1:
            steps_back += 1
            size = min(size, length)  # so much the server gives, and there is more
            if steps_back > _MOST_STEPS_BACK:
                raise ManilaTransient(asked, _UNREADABLE)
            back = back * 2 or _overlap(len(page))
            offset = max(0, offset - back)
            continue
        back, length = 0, len(page)
        fresh = {view["id"]: view for view in page if view["id"] not in seen}
        if not linked:
            chain.break_()
        if page:
            chain.add(page, offset, total, new=bool(fresh))
        seen.update(fresh)
        at_once = total is not None and not offset and len(seen) >= total
        enough = wanted is not None and seen.keys() >= set(wanted)
        enough = enough or (most is not None and total is not None and total > most * size)
        if not page or at_once or enough:
            counted = not steps_back and totals == {len(seen)}
            return Listing(seen.values(), whole=counted or (not page and chain.is_whole))
        idle = 0 if fresh else idle + 1
        if idle > _MOST_IDLE:
            raise ManilaTransient(asked, _UNREADABLE)
        offset += length - (_overlap(length) if fresh and length >= size > 1 else 0)
