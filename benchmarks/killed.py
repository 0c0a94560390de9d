# SPDX-License-Identifier: Apache-2.0
"""How long a hundred interrupted protections take to be recovered, on the sandbox.

    python -m benchmarks.killed --shares 100

Karbor is killed (SIGKILL) while Manila makes all snapshots, which take long enough; they are
finished, and Karbor is started again. Once the shares are in one checkpoint, once each in one of
its own. Seconds are counted from the moment at which Karbor serves again.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.scripts import each, for_threads
from sandbox.karbor import providers
from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait

#: Seconds that a snapshot takes: none is complete when all of them are asked for.
_SLOW = 40.0


def interrupted(stack: Stack, tenant: Tenant, plans: list[Any]) -> list[Any]:
    """The plans' checkpoints, after a kill when Manila has all of their snapshots."""
    wanted = sum(len(plan.resources) for plan in plans)
    delays = stack.state.directory("manila") / "delays.json"
    knobs.write(delays, {"create_snapshot": _SLOW})
    made = each(lambda plan: tenant.karbor.checkpoints.create(plan.provider_id, plan.id), plans)
    wait("all snapshots", tenant.snapshots, lambda found: len(found) >= wanted, 600, 0.05)
    stack.kill("karbor")
    wait(
        "the ends of the snapshots",
        tenant.snapshots,
        lambda found: all(one.status == "available" for one in found),
        600,
        1.0,
    )
    return [(plan.provider_id, one.id) for plan, one in zip(plans, made, strict=True)]


def recovered(stack: Stack, tenant: Tenant, checkpoints: list[Any]) -> tuple[int, float]:
    """How many of them were still at work when Karbor served again, and the seconds until all had
    ended well."""
    stack.start_service("karbor")
    began = time.monotonic()
    left, at_first = list(checkpoints), -1
    while left:
        found = {one: tenant.checkpoint(*one).status for one in left}
        if set(found.values()) - {"protecting", "available"}:
            raise RuntimeError(f"not recovered: {sorted(set(found.values()))}")
        left = [one for one, status in found.items() if status != "available"]
        at_first = len(left) if at_first < 0 else at_first
        if time.monotonic() - began > 600:
            raise TimeoutError(f"{len(left)} checkpoints are still at work")
        time.sleep(0.2)
    return at_first, time.monotonic() - began


def main() -> int:
    """Print a line for each of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shares", type=int, default=100)
    given = parser.parse_args()
    say = Console(stderr=True).print
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "state", say=say)
        try:
            tenant = Tenant(stack.start(), "alpha")
            for_threads(tenant.manila)
            provider = tenant.info.providers[providers.OURS]
            create = tenant.manila.shares.create
            made = [create("NFS", 1, name=f"s{n}") for n in range(given.shares)]
            shares = [tenant.wait_share(share.id, seconds=600) for share in made]
            for name, groups in (("one checkpoint", [shares]), ("one each", [[s] for s in shares])):
                plans = [tenant.plan_of_shares(group, provider=provider) for group in groups]
                checkpoints = interrupted(stack, tenant, plans)
                at_work, seconds = recovered(stack, tenant, checkpoints)
                sys.stdout.write(
                    f"{given.shares} shares, {name}: {at_work} checkpoints were at work, all "
                    f"available after {seconds:.1f} s\n"
                )
                sys.stdout.flush()
                for checkpoint in checkpoints:
                    tenant.karbor.checkpoints.delete(*checkpoint)
                wait("no snapshots", tenant.snapshots, lambda found: not found, 600, 1.0)
        finally:
            stack.destroy()
    return 0


if __name__ == "__main__":
    sys.exit(main())
