# SPDX-License-Identifier: Apache-2.0
"""Karbor's CPU for a request to Manila: ``python -m benchmarks.requests``.

Eventlet's patched threads, as Karbor has them; a server on loopback in another process, which
answers at once. Each number is the median of several rounds, in milliseconds of CPU of the client
alone: a bare ``requests`` session, keystoneauth1, our client one after the other, and our client
side by side as a flow's requests are.
"""

import eventlet

eventlet.monkey_patch()

import argparse  # noqa: E402
import json  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402

import requests  # noqa: E402
from keystoneauth1 import session, token_endpoint  # noqa: E402

from benchmarks import loopback  # noqa: E402
from karbor_manila.drivers.parallel import as_they_come  # noqa: E402
from karbor_manila.manila import client  # noqa: E402


def contenders(url: str, number: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is compared: a name, and what sends so many requests."""
    bare = requests.Session()
    known = session.Session(auth=token_endpoint.Token(url, "token"))
    manila = client.Manila(
        session.Session(auth=token_endpoint.Token(url, "token")), client.Where(endpoint=f"{url}/v2")
    )
    many = range(number)
    yield "requests", lambda: [bare.get(f"{url}/v2/snapshots/8b4f").json() for _ in many]
    yield (
        "keystoneauth1",
        lambda: [known.get(f"{url}/v2/snapshots/8b4f", microversion=None).json() for _ in many],
    )
    yield "ours, in a row", lambda: [manila.snapshot("8b4f") for _ in many]
    yield (
        "ours, side by side",
        lambda: list(as_they_come(many, lambda _: manila.snapshot("8b4f"), manila.parallel)),
    )
    yield "side by side, no request", lambda: list(as_they_come(many, _nothing, 10))


def _nothing(_key: int) -> None:
    eventlet.sleep(0)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = {}
    with loopback.serving() as url:
        for name, send in contenders(url, given.requests):
            send()
            taken = []
            for _ in range(given.rounds):
                began = time.process_time()
                send()
                taken.append((time.process_time() - began) * 1000 / given.requests)
            figures[name] = round(statistics.median(taken), 3)
    if given.json:
        print(json.dumps(figures))  # noqa: T201
        return
    print("ms of CPU a request")  # noqa: T201
    for name, figure in figures.items():
        print(f"{figure:8.3f}  {name}")  # noqa: T201


if __name__ == "__main__":
    main()
