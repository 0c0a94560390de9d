# SPDX-License-Identifier: Apache-2.0
"""Another host's clock against this one's."""

import datetime
import email.utils
from collections.abc import Callable
from typing import Any

from karbor_manila.cli.diagnosis import Finding, bad, doubtful, good

#: Seconds of difference from which it is doubtful, and bad.
DOUBTFUL, BAD = 5.0, 60.0

ADVICE = "Have both hosts ask the same time server (chrony, ntpd)."


def compared(
    about: str,
    read: Callable[[], datetime.datetime | None],
    now: Callable[[], datetime.datetime],
) -> Finding | None:
    """What is to be said of a clock; None when there is none.

    :param read: gives its time (UTC), some time after it was asked
    :param now: gives ours
    """
    before = now()
    theirs = read()
    after = now()
    if theirs is None:
        return None
    # The answer may be of any moment meanwhile, and a Date has whole seconds.
    early = (before - theirs).total_seconds() - 1.0
    late = (theirs - after).total_seconds()
    difference = max(early, late, 0.0)
    where = "behind" if early > late else "ahead of"
    return judged(about, difference, f"Its clock is {where} this host's by {difference:.0f} s")


def judged(about: str, difference: float, said: str) -> Finding:
    """The finding for so many seconds of difference."""
    if difference < DOUBTFUL:
        return good(about, "Its clock agrees with this host's")
    return (bad if difference >= BAD else doubtful)(about, said, ADVICE)


def date_of(session: Any, url: str) -> datetime.datetime | None:
    """The header Date of what stands there, whatever it answers."""
    answer = session.get(url, authenticated=False, raise_exc=False)
    text = answer.headers.get("Date")
    return email.utils.parsedate_to_datetime(text) if text else None
