# SPDX-License-Identifier: Apache-2.0
"""Asking for something new: HTTP 500 to one request, again and again, is no outage of Manila.

Many a database behind Manila has the character set ``utf8``, which has no letters of four bytes:
a name with one ends in HTTP 500 each time (oslo.db raises DBDataError, and Manila's API knows
nothing of it), while everything else is answered.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from karbor_manila.common.clock import Clock
from karbor_manila.manila.errors import ManilaFailing, ManilaTransient

T = TypeVar("T")

#: Seconds before the next attempt; when they are used up, the same answer is final.
PAUSES = (1.0, 3.0, 6.0)

_MOST_TOLD = 3


def few_times(ask: Callable[[], T], fields: Mapping[str, Any], clock: Clock) -> Callable[[], T]:
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
                    unusual="; ".join(list(unusual(fields))[:_MOST_TOLD]),
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
