# SPDX-License-Identifier: Apache-2.0
"""Creates what bears a mark, once; HTTP 500 to one request, again and again, is no outage.

Many a database behind Manila has the character set ``utf8``, which has no letters of four bytes:
a name with one ends in HTTP 500 each time (oslo.db raises DBDataError, and Manila's API knows
nothing of it), while everything else is answered.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila.errors import ManilaFailing, ManilaTransient
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.ownership import SHARE
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds before the next attempt; when they are used up, the same answer is final.
PAUSES = (1.0, 3.0, 6.0)

_MOST_NAMED = 3


def limited(ask: Callable[[], T], fields: Mapping[str, Any], clock: Clock) -> Callable[[], T]:
    """``ask``, which :func:`karbor_manila.common.retry.retry` repeats, so that it ends after a few
    times in the same HTTP 500 of Manila's own.

    :param ask: the creating request alone; what else is asked in an attempt is answered
    :param fields: what is sent with it
    """
    answers: list[tuple[str, float]] = []

    def asked() -> T:
        try:
            return ask()
        except ManilaTransient as error:
            if error.status != 500 or (answers and answers[0][0] != error.cause):
                answers.clear()
            if error.status != 500:
                raise
            answers.append((error.cause, clock.now()))
            if len(answers) > len(PAUSES):
                raise ManilaFailing(
                    error.asked,
                    clock.now() - answers[0][1],
                    error.cause,
                    times=len(answers),
                    unusual="; ".join(list(unusual(fields))[:_MOST_NAMED]),
                    endpoint=error.endpoint,
                ) from error
            pause = max(error.retry_after, PAUSES[len(answers) - 1])
            raise ManilaTransient(
                error.asked, error.cause, pause, status=500, endpoint=error.endpoint
            ) from error

    return asked


def unusual(fields: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """What is out of the ordinary in the values of a request, some words each."""
    for name, value in fields.items():
        where = f"{within} {name!r}" if within else str(name)
        if isinstance(value, Mapping):
            yield from unusual(value, where)
            continue
        odd = next((letter for letter in f"{name}{value}" if _is_odd(letter)), None)
        if odd is not None:
            what = unicodedata.name(odd, "a control character")
            yield f"{where} has U+{ord(odd):04X} ({what}), which not every database takes"


def _is_odd(letter: str) -> bool:
    return ord(letter) > 0xFFFF or (unicodedata.category(letter) == "Cc" and letter not in "\n\t\r")


class Creation:
    """Creates what bears a mark, once: what an earlier attempt has made is adopted.

    :param client: the flow's client
    :param find: gives the views of a kind that bear a mark in the session's own project, anew or as
        the flow's first list had them; by default as shares and snapshots are found
    """

    def __init__(
        self, client: FlowClient, find: Callable[[str, Mark, bool], list[View]] | None = None
    ) -> None:
        self._client = client
        self._find = find or self._with_mark
        # What had to be asked for more than once, under which mark, and when it was answered.
        self._repeated: dict[str, tuple[Mark, float]] = {}
        # The marks of what a request without an answer may still make.
        self._in_doubt: set[Mark] = set()

    def create(
        self,
        kind: str,
        mark: Mark,
        fields: Mapping[str, Any],
        ask: Callable[[], View],
        is_ours: Callable[[View], bool],
    ) -> View:
        """Create something in the session's own project, or adopt what bears the mark.

        The first attempt looks into the flow's one list, each later one anew: a request without an
        answer may have been carried out. It may be later, too, when its repetition is refused: the
        error is ``in_doubt`` then.

        :param fields: what ``ask`` sends, for the error of an HTTP 500 that does not end
        :param ask: sends the one request that creates
        :param is_ours: whether what bears the mark can be adopted
        :returns: the view, of any status
        """
        client = self._client
        asked = limited(ask, fields, client.clock)
        attempts = 0

        def attempt() -> View:
            nonlocal attempts
            attempts += 1
            for view in self._find(kind, mark, attempts > 1 or mark in self._in_doubt):
                if is_ours(view):
                    LOG.info("%s %s is adopted", kind.capitalize(), view["id"])
                    return view
            try:
                view = asked()
            except ManilaTransient:
                self._in_doubt.add(mark)
                raise
            client.note_request(view)
            return view

        try:
            made = client.retry(attempt)
        except KarborManilaError as error:
            error.in_doubt = mark in self._in_doubt
            raise
        if mark in self._in_doubt:
            self._in_doubt.remove(mark)
            self._repeated[made["id"]] = (mark, client.clock.now())
        return made

    def doubles(self, kind: str, kept_id: str) -> list[str]:
        """What else bears the mark of what had to be asked for twice, given once: an in-doubt
        request may have been carried out after the last look.

        A share is the user's, and costs: for it this waits until such a request has settled. A
        snapshot that still appears goes with its checkpoint.
        """
        client = self._client
        mark, asked = self._repeated.pop(kept_id, (None, 0.0))
        if mark is None:
            return []
        if kind == SHARE:
            left = asked + client.timeouts.settle - client.clock.now()
            client.clock.sleep(max(0.0, left))
        marked = self._find(kind, mark, True)  # noqa: FBT003 - anew
        doubles = [str(view["id"]) for view in marked if view["id"] != kept_id]
        if doubles:
            LOG.warning("Beside %s %s there are %s: removed", kind, kept_id, doubles)
        return doubles

    def _with_mark(self, kind: str, mark: Mark, fresh: bool) -> list[View]:  # noqa: FBT001 - as find
        # What is made belongs to the session's own project, whatever project it works for.
        own = self._client.manila.own_project_id
        return self._client.with_mark(kind, mark, own, fresh=fresh)
