# SPDX-License-Identifier: Apache-2.0
"""The outcomes of a cluster's scenarios as a table in Markdown."""

from collections.abc import Iterable

from tests.crash.cluster import plans
from tests.crash.cluster.harness import Outcome


def markdown(outcomes: Iterable[Outcome]) -> str:
    """A row for what happened, a column for each operation: of ten plans, how many got what they
    had asked for, and what broke a promise."""
    by_trouble: dict[str, dict[str, Outcome]] = {}
    for outcome in outcomes:
        by_trouble.setdefault(outcome.trouble, {})[outcome.operation] = outcome
    columns = [name for name in plans.OPERATIONS if any(name in row for row in by_trouble.values())]
    lines = [_row(["", *columns]), _row(["---"] * (len(columns) + 1))]
    lines += [
        _row([trouble, *(_cell(row.get(name)) for name in columns)])
        for trouble, row in by_trouble.items()
    ]
    return "\n".join(lines) + "\n"


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    kinds = sorted({finding.kind for finding in outcome.findings})
    return f"{outcome.well} of {plans.PLANS}" + (f", **{', '.join(kinds)}**" if kinds else "")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
