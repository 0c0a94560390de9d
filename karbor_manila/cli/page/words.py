# SPDX-License-Identifier: Apache-2.0
"""How the page writes times, ages and states; each takes a value of the views and gives text."""

import datetime

from karbor_manila.cli.columns import length
from karbor_manila.cli.views.days import Day
from karbor_manila.cli.views.plan_state import Drill
from karbor_manila.cli.views.runs import Run

#: One letter for each state of a day, so that nobody needs its colour.
LETTERS = {
    "good": "",
    "partial": "\u2013",
    "failed": "\u00d7",
    "missed": "!",
    "running": "\u2026",
    "none": "",
    "unknown": "?",
}

#: The states of a day in words.
MEANINGS = {
    "good": "good",
    "partial": "with shares left out",
    "failed": "failed",
    "missed": "missed",
    "running": "running",
    "none": "no run",
    "unknown": "not known",
}


def moment(when: datetime.datetime | None) -> str:
    """A time of the day, UTC; a dash for none."""
    return f"{when:%Y-%m-%d %H:%M}" if when else "\u2013"


def age(seconds: float | None, exact: bool = True) -> str:
    """A length of time; a dash for none."""
    if seconds is None:
        return "\u2013"
    return length(seconds) if exact else f"at most {length(seconds)}"


def promise(seconds: float | None) -> str:
    """How old the newest good checkpoint may be."""
    if seconds is None:
        return "nothing is promised"
    return f"promised: {length(seconds).removesuffix(' 0 min').removesuffix(' 0 h')}"


def since(run: Run, now: datetime.datetime) -> str:
    """How long a run took, or has taken."""
    return age(run.seconds(now))


def day(found: Day) -> str:
    """One day of a strip, as a sentence."""
    counts = ", ".join(f"{number} {MEANINGS[state]}" for state, number in found.counts.items())
    words = [f"{found.day:%a %d %b}: {counts or MEANINGS[found.state]}", *found.reasons]
    return ". ".join(word.rstrip(".") for word in words)


def drill(found: Drill | None) -> str:
    """How the last drill of a plan went."""
    return f"{found.word}, {moment(found.at)}" if found else "never"
