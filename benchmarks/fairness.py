# SPDX-License-Identifier: Apache-2.0
"""What a small plan waits for beside a large one: ``python -m benchmarks.fairness``.

Green threads, as in Karbor, and a server on loopback that takes ``--delay`` seconds for a request.
The small plan is three requests, one after the other (look, snapshot, poll); the large one is so
many at once. Seconds of the small plan alone, beside the large one under one limit whose clients
take turns, and beside it when both stand in one queue.
"""

import eventlet

eventlet.monkey_patch()

import argparse  # noqa: E402
import json  # noqa: E402
import time  # noqa: E402

from keystoneauth1 import session, token_endpoint  # noqa: E402

from benchmarks import loopback  # noqa: E402
from karbor_manila.manila import client  # noqa: E402

_REQUESTS = 3


def connect(url: str) -> client.Manila:
    """A client, as each operation has one."""
    known = session.Session(auth=token_endpoint.Token(url, "token"))
    return client.Manila(known, client.Where(endpoint=f"{url}/v2"))


def seconds(small: client.Manila, large: client.Manila | None, number: int) -> float:
    """How long the small plan takes, begun while the large one has its requests under way."""
    threads = [eventlet.spawn(large.snapshot, "8b4f") for _ in range(number)] if large else []
    eventlet.sleep(0.2)
    began = time.monotonic()
    for _ in range(_REQUESTS):
        small.snapshot("8b4f")
    taken = time.monotonic() - began
    for thread in threads:
        thread.wait()
    return taken


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="of the large plan")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with loopback.serving(given.delay) as url:
        small, large = connect(url), connect(url)
        figures = {
            "alone": seconds(small, None, 0),
            "beside, in turns": seconds(small, large, given.requests),
            "beside, in one queue": seconds(large, large, given.requests),
        }
    if given.json:
        print(json.dumps(figures))  # noqa: T201
        return
    print(f"seconds of {_REQUESTS} requests; the large plan has {given.requests}")  # noqa: T201
    for name, figure in figures.items():
        print(f"{figure:8.2f}  {name}")  # noqa: T201


if __name__ == "__main__":
    main()
