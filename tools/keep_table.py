# SPDX-License-Identifier: Apache-2.0
"""Writes what keep rules leave of simulated checkpoints into their page.

``python3 tools/keep_table.py``, in an environment that has karbor_manila. A test compares. One day
after the other a checkpoint is made and the rules are carried out, as karbor-protection does it.
"""

import datetime
import sys
import zoneinfo
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "doc" / "tasks" / "keep.md"
BEGIN, END = "<!-- made by tools/keep_table.py -->", "<!-- end -->"

#: The end of each simulation: after the end of summer time, and of a year.
LAST = datetime.datetime(2027, 1, 15, 1, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
RULES = {"keep_daily": "7", "keep_weekly": "4", "keep_monthly": "12", "keep_yearly": "10"}


def left(days: int) -> list[Any]:
    """What is there after so many days of one checkpoint a night, with the rules that keep it."""
    from karbor_manila.common import keep_rules, keeping  # noqa: PLC0415 - a test names this file

    given = {"OS::Manila::Share": RULES | {"keep_time_zone": "Europe/Berlin"}}
    rules = keep_rules.of_plan(given)
    holds = frozenset({"a share"})
    there: list[keeping.Made] = []
    verdicts: list[keeping.Verdict] = []
    for day in reversed(range(days)):
        # Half past one by the wall, whatever the season.
        night = (LAST.replace(tzinfo=None) - datetime.timedelta(days=day)).replace(
            tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")
        )
        made = night.astimezone(datetime.UTC)
        there.append(keeping.Made(made.isoformat(), made, True, True, holds, holds))
        verdicts = keeping.decide(there, rules)
        there = [each.checkpoint for each in verdicts if each.stays]
    return [each for each in verdicts if each.stays]


def table(days: int) -> list[str]:
    """The lines of one table."""
    from karbor_manila.common import keeping  # noqa: PLC0415 - as above

    kept = left(days)
    rows = []
    for each in kept:
        local = each.checkpoint.made.astimezone(LAST.tzinfo)
        words = [said for said in each.why if said not in (keeping.NEWEST, keeping.NEWEST_WHOLE)]
        rows.append(f"| {local:%a %Y-%m-%d %H:%M %z} | {', '.join(words)} |")
    return [
        f"After {days} nights {len(kept)} are left:",
        "",
        "| made | kept by |",
        "|---|---|",
        *rows,
    ]


def written(text: str) -> str:
    """A page with the tables in place of those that it has."""
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    tables = "\n\n".join("\n".join(table(days)) for days in (31, 3 * 365))
    return f"{text[:begin]}\n{tables}\n{text[end:]}"


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parents[2]))
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
