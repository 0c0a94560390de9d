# SPDX-License-Identifier: Apache-2.0
"""Results in words: a line for each case, and the totals."""

from collections.abc import Collection
from typing import Any

from tests.faults.run import Result


def line(result: Result, *, demand: bool) -> str:
    """One case. Below it stands what was broken, if it is demanded."""
    if not result.hit and not demand:
        verdict = "not met"
    elif demand:
        verdict = "BROKEN" if result.broken else "kept"
    else:
        verdict = ", ".join(_marks(result)) or "kept"
    ends = ", ".join(f"{name}: {end}" for name, end in result.outcomes.items())
    told = f"{verdict:<10} {result.seconds:5.1f} s  {result.case.name}  ->  {ends}"
    return "\n".join([told, *(f"    {item}" for item in (result.broken if demand else ()))])


def totals(results: Collection[Result], provider: str, driver: str) -> list[str]:
    """What became of all of them. A case whose fault was never met counts as not tried."""
    tried = [result for result in results if result.hit]
    passing = [result for result in tried if not result.case.fails]
    rows = [
        ("cases tried", len(tried)),
        ("faults that no request met", len(results) - len(tried)),
        ("should have been retried", len(passing)),
        ("... and were not", sum(bool(one.ended_otherwise) for one in passing)),
        ("should have failed", len(tried) - len(passing)),
        (
            "... and did not",
            sum(bool(one.ended_otherwise) and not one.stuck for one in tried if one.case.fails),
        ),
        ("failed without a word of why", sum(one.silent for one in tried)),
        ("stuck", sum(one.stuck for one in tried)),
        ("checkpoints that could not be deleted", sum(len(one.undeletable) for one in tried)),
        ("left in Manila, unaccounted for", sum(len(one.unaccounted) for one in tried)),
        ("left in Manila after the DELETE", sum(len(_in_manila(one)) for one in tried)),
        ("harm that the case itself complains of", sum(bool(one.complaints) for one in tried)),
        ("seconds", round(sum(one.seconds for one in results))),
    ]
    return [f"{provider}, driver {driver}", *(f"  {name:<40} {number:>6}" for name, number in rows)]


def as_dict(result: Result) -> dict[str, Any]:
    """For other programs."""
    return {
        "name": result.case.name,
        "operations": list(result.case.operations),
        "fails": result.case.fails,
        "hit": result.hit,
        "outcomes": result.outcomes,
        "reasons": result.reasons,
        "stuck": result.stuck,
        "silent": result.silent,
        "undeletable": result.undeletable,
        "unaccounted": result.unaccounted,
        "left": result.left,
        "kept": not result.broken,
        "broken": result.broken,
        "seconds": round(result.seconds, 1),
    }


def _marks(result: Result) -> list[str]:
    marks = {
        "stuck": result.stuck,
        "failed": bool(result.ended_otherwise) and not result.stuck and not result.case.fails,
        "succeeded": bool(result.ended_otherwise) and not result.stuck and result.case.fails,
        "silent": result.silent,
        "undeletable": bool(result.undeletable),
        "orphans": bool(result.unaccounted),
        "harm": bool(result.complaints),
        "remains": bool(_in_manila(result)),
    }
    return [name for name, so in marks.items() if so]


def _in_manila(result: Result) -> list[str]:
    return [thing for thing in result.left if not thing.startswith("page ")]
