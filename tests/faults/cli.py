# SPDX-License-Identifier: Apache-2.0
"""Runs the table on a sandbox of its own, prints a line for each case and the totals.

For Karbor's own plugin nothing is demanded: what became of each case is counted, on Karbor's own
manager. Needs Karbor's venv, or one with what tox installs.
"""

import argparse
import fnmatch
import sys
import tempfile
from pathlib import Path

from sandbox.files import write_json
from sandbox.karbor.providers import IDS, OURS
from sandbox.stack import Stack
from sandbox.state import BANKS, FILES
from tests.faults.case import OPTIONS
from tests.faults.cases import DRIVERS, table
from tests.faults.report import as_dict, line, totals
from tests.faults.run import Result, run
from tests.faults.site import Site

# Seconds. Karbor's own plugin has no deadlines: what takes longer than this never ends.
PATIENCE = {True: 100.0, False: 60.0}


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen cases; 0 when ours kept every promise, and always for Karbor's own plugin."""
    given = _parse(arguments)
    ours = given.provider == OURS
    cases = [
        case
        for group in table(given.provider, given.driver).values()
        for case in group
        if fnmatch.fnmatch(case.name, given.only)
    ]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        stack = Stack(
            given.state or Path(folder) / "state",
            say=_say,
            stock_manager=not ours,
            bank=given.bank,
            # What is taken away by hand has to be met by the operation, not told before.
            karbor_options={"manila_share_protection/watch_spool": ""},
        )
        stack.start()
        try:
            patience = given.patience or PATIENCE[ours]
            site = Site(stack, given.provider, patience, given.driver)
            # Those with the same options together: another set of them is a start of Karbor.
            for case in sorted(cases, key=lambda case: list(OPTIONS).index(case.options)):
                result = run(case, site)
                results.append(result)
                _print(line(result, demand=ours))
                if given.json:
                    write_json(given.json, [as_dict(one) for one in results])
        finally:
            stack.destroy()
    _print("", *totals(results, given.provider, given.driver))
    return 1 if ours and any(result.broken for result in results) else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--provider", choices=sorted(IDS), default=OURS)
    parser.add_argument("--driver", choices=["snapshot", *DRIVERS], default="snapshot")
    parser.add_argument("--bank", choices=BANKS, default=FILES, help="where the bank is")
    parser.add_argument("--only", metavar="GLOB", default="*", help="cases by their names")
    parser.add_argument("--state", metavar="DIR", help="state folder; default: a temporary one")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results there, too")
    parser.add_argument("--patience", metavar="SECONDS", type=float, help="until it is stuck")
    given = parser.parse_args(arguments)
    if given.driver in DRIVERS and given.provider != OURS:
        parser.error(f"{given.provider} has snapshots alone")
    return given


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
