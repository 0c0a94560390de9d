# SPDX-License-Identifier: Apache-2.0
"""Protect, restore and delete N shares: ours, Karbor's own plugin and a bare client, in one run.

    python -m benchmarks --shares 1 20 100

Run it in the sandbox's karbor venv (``tox -e benchmark`` does). Every figure is taken on one
sandbox, one after the other, so only the ratios mean something; the proxy counts the requests.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import BARE, Bare, Contender, Measured, Provider
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import Tenant


def main() -> int:
    """Measure, print a table, and with ``--json`` a line of JSON a measurement."""
    given = _parser().parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "state", say=console.print)
        try:
            info = stack.start()
            tenant = Tenant(info, "alpha")
            contenders: list[Contender] = [
                Bare(tenant),
                Provider(tenant, "karbor-manila"),
                Provider(tenant, "karbor-stock"),
            ]
            measured = []
            for count in given.shares:
                console.print(f"making {count} shares")
                shares = _make_shares(tenant, count)
                for contender in contenders:
                    for _ in range(given.rounds):
                        console.print(f"{contender.name}: {count} shares")
                        measured += contender.run(shares, Proxy(info.proxy_control_url))
                tenant.clean()
        finally:
            stack.destroy()
    if given.json:
        for line in measured:
            sys.stdout.write(json.dumps(asdict(line)) + "\n")
    else:
        Console().print(_table(measured))
    return 0


def _make_shares(tenant: Tenant, count: int) -> list:
    made = [tenant.manila.shares.create("NFS", 1, name=f"s{n}") for n in range(count)]
    shares = [tenant.wait_share(share.id) for share in made]
    for share in shares:
        (tenant.folder(share.id) / "file").write_text("a few bytes")
    return shares


def _table(measured: list[Measured]) -> Table:
    """One line for each work and contender: the best round, and its ratio to the bare client's."""
    table = Table("work", "shares", "who", "seconds", "to bare", "requests a share")
    best: dict[tuple[str, int, str], Measured] = {}
    for line in measured:
        key = (line.work, line.shares, line.who)
        if key not in best or line.seconds < best[key].seconds:
            best[key] = line
    for (work, shares, who), line in sorted(best.items(), key=lambda item: item[0]):
        bare = best[(work, shares, BARE)].seconds
        table.add_row(
            work,
            str(shares),
            who,
            f"{line.seconds:.2f}",
            f"{line.seconds / bare:.2f}",
            "" if line.requests is None else f"{line.requests / shares:.2f}",
        )
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--shares", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--rounds", type=int, default=2, help="the best one is shown")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
