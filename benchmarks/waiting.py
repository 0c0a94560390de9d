# SPDX-License-Identifier: Apache-2.0
"""What it costs Karbor that many shares wait for one poller: ``python -m benchmarks.waiting``.

Green threads as in karbor-protection, a Manila that answers at once: the CPU and the memory are
the poller's alone. ``--shares 100 1000 10000`` says how many wait at a time.
"""

import eventlet

eventlet.monkey_patch()

import argparse  # noqa: E402 - after the patch
import random  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402

from karbor_manila.common.polling import PENDING, Poller  # noqa: E402

# Seconds in which the shares become ready, one after the other.
_LAST = 8.0


def wait_for_all(shares: int) -> int:
    """Let so many green threads wait; how many looks there were."""
    began = time.monotonic()
    ready = {f"{number:036}": began + random.uniform(0, _LAST) for number in range(shares)}  # noqa: S311
    looks = []

    def look(keys):
        looks.append(len(keys))
        now = time.monotonic()
        return {key: {"status": "available" if ready[key] < now else "creating"} for key in keys}

    def judge(view):
        return view if view["status"] == "available" else PENDING

    poller = Poller(look, expected=shares)
    pool = eventlet.GreenPool(shares)
    for key in ready:
        pool.spawn(poller.wait, key, judge, 600.0, key)
    pool.waitall()
    return len(looks)


def main() -> None:
    """Print a line for each number of shares."""
    say = sys.stdout.write
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shares", type=int, nargs="+", default=[1, 100, 1000, 10000])
    say(f"{'shares':>8} {'looks':>6} {'ms CPU a share':>15} {'KiB a share':>12}\n")
    for shares in parser.parse_args().shares:
        began = time.process_time()
        looks = wait_for_all(shares)
        spent = (time.process_time() - began) * 1000 / shares
        tracemalloc.start()
        wait_for_all(shares)
        peak = tracemalloc.get_traced_memory()[1] / 1024 / shares
        tracemalloc.stop()
        say(f"{shares:8} {looks:6} {spent:15.3f} {peak:12.1f}\n")


if __name__ == "__main__":
    main()
