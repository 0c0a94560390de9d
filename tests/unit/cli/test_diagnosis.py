# SPDX-License-Identifier: Apache-2.0
"""Checks: one that fails, hangs or cannot tell does not end the others, and says so."""

import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from karbor_manila.cli.diagnosis import (
    Asked,
    Check,
    Finding,
    Level,
    diagnose,
    good,
)
from karbor_manila.cli.errors import NotKnown
from karbor_manila.common.errors import KarborManilaError


def check(name: str, look: Callable[[Any], Any]) -> Check:
    return Check(name, "what", "wrong", f"Mend {name}.", look)


def fine(_patient: Any) -> list[Finding]:
    return [good("x", "It is well")]


def at_once(_seconds: float, call: Callable[[], Any]) -> Any:
    return call()


def test_one_that_fails_does_not_end_the_others() -> None:
    def halfway(_patient: Any) -> Iterator[Finding]:
        yield good("", "so far")
        raise KeyError("tape")

    found = list(diagnose([check("a", halfway), check("b", fine)], None, 1.0, at_once))
    assert [(each.name, finding.level) for each, finding in found] == [
        ("a", Level.GOOD),
        ("a", Level.BAD),
        ("b", Level.GOOD),
    ]
    assert found[1][1] == Finding(Level.BAD, "", "KeyError: 'tape'", "Mend a.")


def test_one_that_hangs_is_bad_and_says_how_to_wait_longer() -> None:
    hung: list[int] = []

    def wait(_seconds: float, call: Callable[[], Any]) -> Any:
        call()
        if not hung:
            hung.append(1)
            raise concurrent.futures.TimeoutError

    hangs = check("a", fine)
    (_, so_far), (_, late), (_, other) = diagnose([hangs, check("b", fine)], None, 7.5, wait)
    assert so_far.level is Level.GOOD
    assert (late.level, late.seen) == (Level.BAD, "There was no answer within 7.5 s")
    assert late.todo == "Mend a. --timeout gives it more time."
    assert other.level is Level.GOOD


def test_what_is_asked_for_in_vain_is_the_finding_of_one_check_alone() -> None:
    asked, times = Asked(), []

    def away() -> None:
        times.append(1)
        raise KarborManilaError("Manila is away")

    def look(_patient: Any) -> list[Finding]:
        asked("Manila", away)
        return []

    (_, first), (_, second) = diagnose([check("a", look), check("b", look)], None, 1.0, at_once)
    assert (first.level, first.seen) == (Level.BAD, "Manila is away")
    assert second.level is Level.DOUBTFUL
    assert second.seen == "This was not looked at: Manila: Manila is away."
    assert times == [1]


def test_nobody_waits_for_what_another_check_is_still_asking_for() -> None:
    asked = Asked()

    def while_it_is_asked() -> str:
        with pytest.raises(NotKnown, match="no answer when another check asked"):
            asked("Manila", lambda: "a second time")
        return "there"

    assert asked("Manila", while_it_is_asked) == "there"
    assert asked("Manila", lambda: "again") == "there"


def test_a_secret_in_a_strangers_error_is_not_shown() -> None:
    def look(_patient: Any) -> list[Finding]:
        raise ValueError("mysql://karbor:hunter2@db/karbor\nis no URL")

    ((_, finding),) = diagnose([check("a", look)], None, 1.0, at_once)
    assert finding.seen == "ValueError: mysql://karbor:***@db/karbor is no URL"


def test_a_check_of_nothing_says_so() -> None:
    ((_, finding),) = diagnose([check("a", lambda _patient: [])], None, 1.0, at_once)
    assert finding == good("", "There is nothing to look at")
