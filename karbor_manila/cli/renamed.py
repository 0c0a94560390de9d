# SPDX-License-Identifier: Apache-2.0
"""Command lines of earlier releases, as they are written now."""

from collections.abc import Sequence

REPORT, OUTCOME = "report", "outcome"

#: What who writes the old name is told.
REPORT_IS_OUTCOME = (
    "'karbor-manila report ID' is 'karbor-manila outcome ID' now, and its old name goes with the "
    "next release."
)

# Options of the two that take no value in a word of its own.
_FLAGS = frozenset(
    (
        "-h", "--help", "-v", "--verbose", "-q", "--quiet", "--debug", "--json", "--all-projects",
        "--without-manila", "--insecure", "--collect-timing", "--noindent", "--print-empty",
        "--fit-width", "--sort-ascending", "--sort-descending",
    )
)  # fmt: skip
# Takes a port or nothing; no id is one.
_SERVE = "--serve"


def is_old_report(argv: Sequence[str]) -> bool:
    """Whether this is ``report ID``: what follows ``report`` now is options alone.

    :param argv: from the name of the command on
    """
    if list(argv[:1]) != [REPORT]:
        return False
    rest = iter(argv[1:])
    before = ""
    for word in rest:
        if not word.startswith("-") and not (before == _SERVE and word.isdecimal()):
            return True
        if word.startswith("-") and word not in (*_FLAGS, _SERVE) and "=" not in word:
            next(rest, None)
        before = word
    return False


def as_now(argv: Sequence[str]) -> list[str]:
    """The same command line, by today's names.

    :param argv: with options before the command, if there are any
    """
    for place, word in enumerate(argv):
        if word == REPORT and is_old_report(argv[place:]):
            return [*argv[:place], OUTCOME, *argv[place + 1 :]]
        if not word.startswith("-"):
            break
    return list(argv)
