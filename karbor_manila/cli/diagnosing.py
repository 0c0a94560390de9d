# SPDX-License-Identifier: Apache-2.0
"""What the doctors' commands have in common: which checks are done, their table, the exit code."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from karbor_manila.cli import numbers
from karbor_manila.cli.diagnosis import Check, Level, diagnose

#: Seconds that one check may take.
TIMEOUT = 20.0

COLUMNS = ("Check", "About", "State", "Seen", "To Do")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which checks, how long each may take, what counts as not well."""
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="NAME",
        help="do this check and none that is not named; may be given several times. By default "
        "all. --list-checks names them.",
    )
    parser.add_argument(
        "--list-checks", action="store_true", help="only list the checks and what they look at."
    )
    parser.add_argument(
        "--timeout",
        type=numbers.fraction(above=True),
        default=TIMEOUT,
        metavar="SECONDS",
        help="how long one check may take (default: %(default)g). The others go on.",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit code 3 for what is doubtful, too."
    )
    parser.add_argument(
        "--only-wrong", action="store_true", help="leave out the lines about what is good."
    )


def unknown(checks: Sequence[Check], named: Iterable[str]) -> str:
    """What is wrong with the names after --check, a sentence; empty when nothing is."""
    known = [check.name for check in checks]
    strange = [name for name in named if name not in known]
    if not strange:
        return ""
    return f"There is no check {', '.join(strange)}. There are: {', '.join(known)}."


def listed(checks: Iterable[Check]) -> tuple[Any, Any]:
    """The table of the checks themselves."""
    return ("Check", "Looks At", "Bad And Doubtful"), [
        (check.name, check.looks, check.wrong) for check in checks
    ]


def examined(
    checks: Sequence[Check], patient: Any, given: argparse.Namespace
) -> tuple[tuple[Any, Any], bool]:
    """The table of what was found, and whether something in it is not well.

    :param given: the options of :func:`add_options`
    """
    chosen = [check for check in checks if not given.check or check.name in given.check]
    wrong = {Level.BAD, Level.DOUBTFUL} if given.strict else {Level.BAD}
    rows, is_wrong = [], False
    for check, finding in diagnose(chosen, patient, given.timeout):
        is_wrong |= finding.level in wrong
        if finding.level is Level.GOOD and given.only_wrong:
            continue
        state = finding.level.value
        rows.append((check.name, finding.about, state, finding.seen, finding.todo))
    return (COLUMNS, rows), is_wrong
