# SPDX-License-Identifier: Apache-2.0
"""How long the way back takes from a lost database or a lost bank: ``python -m benchmarks.lost``.

A sandbox of its own, with plans of a few shares and checkpoints of them. Karbor's database is taken
away: seconds until a new one lists every checkpoint, and of ``plans import``. Then the bank of
before half of the checkpoints is put back: seconds of ``adopt --all`` for the others.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.losing import database_lost
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait


def main() -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lost", description=__doc__)
    parser.add_argument("--plans", type=int, default=10)
    parser.add_argument("--shares", type=int, default=5, help="of each plan")
    parser.add_argument("--checkpoints", type=int, default=4, help="of each plan")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options = {"manila_share_protection/plans_interval": 5}
        stack = Stack(Path(folder) / "state", karbor_options=options)
        stack.start()
        try:
            rows = measured(stack, given.plans, given.shares, given.checkpoints)
        finally:
            stack.destroy()
    size = f"{given.plans} plans of {given.shares} shares, {given.checkpoints} checkpoints of each"
    lines = [f"| {size} | seconds |", "|---|---|", *(f"| {what} | {s:.1f} |" for what, s in rows)]
    print("\n".join(lines))  # noqa: T201 - the result
    return 0


def measured(stack: Stack, plans: int, shares: int, checkpoints: int) -> list[tuple[str, float]]:
    """What was measured, and its seconds."""
    alpha = Tenant(stack.info, "alpha")
    made = [
        alpha.plan_of_shares([alpha.make_share(f"{plan}.{n}") for n in range(shares)])
        for plan in range(plans)
    ]
    copy, bank = stack.info.bank.parent / "copy", stack.info.bank
    for number in range(checkpoints):
        if number == checkpoints // 2:
            shutil.copytree(bank, copy)
        for plan in made:
            alpha.protect(plan)
    every = plans * checkpoints
    wait("the copies of plans", lambda: _copies(bank), lambda seen: seen >= plans, 30)
    rows = []
    begun = time.monotonic()
    with database_lost(stack):
        _listed(alpha, every)
        rows.append(("a new database, Karbor started, all checkpoints listed", _since(begun)))
        rows.append(("`plans import`", _timed(lambda: _command(stack, "plans", "import"))))
    shutil.rmtree(bank)
    copy.rename(bank)
    back = every - plans * (checkpoints // 2)
    adopt = _timed(lambda: _command(stack, "adopt", alpha.provider, "--all"))
    _listed(alpha, every)
    rows.append((f"`adopt --all`, {back} checkpoints of {shares} shares", adopt))
    rows.append(("`audit` afterwards", _timed(lambda: _command(stack, "audit"))))
    return rows


def _listed(alpha: Tenant, count: int) -> None:
    look = alpha.karbor.checkpoints.list
    wait("all checkpoints", lambda: len(look(alpha.provider)), lambda seen: seen == count, 60)


def _copies(bank: Path) -> int:
    return sum(path.is_file() for path in (bank / "karbor/karbor-manila/plans").rglob("*"))


def _since(begun: float) -> float:
    return time.monotonic() - begun


def _timed(work: Callable[[], Any]) -> float:
    begun = time.monotonic()
    work()
    return _since(begun)


def _command(stack: Stack, *argv: str) -> None:
    conf = stack.state.directory("karbor") / "karbor.conf"
    command = [str(stack.info.bin / "karbor-manila"), *argv, "--config-file", str(conf)]
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    raise SystemExit(main())
