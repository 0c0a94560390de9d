# SPDX-License-Identifier: Apache-2.0
"""How long a flow over N shares takes to be built and made ready, and how long nothing else runs.

    python -m benchmarks.flows --shares 100 200 500

Beside it a green thread looks at the clock; its longest pause is the time in which this process
would have renewed no lease and answered no request. Needs Karbor alone, neither Manila nor a bank.
"""

import eventlet

eventlet.monkey_patch()

import argparse  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import uuid  # noqa: E402
from typing import Any  # noqa: E402

from karbor.common import config  # noqa: E402, F401 - registers Karbor's options
from karbor.resource import Resource  # noqa: E402
from karbor.services.protection import graph, resource_flow  # noqa: E402
from karbor.services.protection.flows.workflow import TaskFlowEngine  # noqa: E402
from oslo_config import cfg  # noqa: E402

from karbor_manila.operations.plugin import SHARE  # noqa: E402
from karbor_manila.service.flows.engine import Engine  # noqa: E402
from karbor_manila.service.protection import ShareProtectionPlugin  # noqa: E402

_TICK = 0.01  # seconds


class Ticker:
    """A green thread that wants to run all the time."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._thread = eventlet.spawn(self._run)
        eventlet.sleep(0)

    def _run(self) -> None:
        last = time.monotonic()
        while True:
            eventlet.sleep(_TICK)
            now = time.monotonic()
            self.longest = max(self.longest, now - last - _TICK)
            last = now

    def stop(self) -> float:
        """The longest pause, in seconds."""
        eventlet.sleep(2 * _TICK)
        self._thread.kill()
        return self.longest


def measure(engine: Any, count: int) -> tuple[float, float, float]:
    """Seconds to build the flow of a protection, to make it ready, of the longest standstill."""
    nodes = [Resource(type=SHARE, id=str(uuid.uuid4()), name="share") for _ in range(count)]
    built = graph.build_graph(nodes, lambda _node: [])
    plugins = {SHARE: ShareProtectionPlugin(cfg.ConfigOpts())}
    ticker = Ticker()
    begun = time.monotonic()
    inner = resource_flow.build_resource_flow("protect", None, engine, plugins, built, {})
    flow = engine.build_flow("all", "linear")
    engine.add_tasks(flow, inner)
    building = time.monotonic() - begun
    store = {"checkpoint": None, "operation_log": None}
    ready = engine.get_engine(flow, store=store)
    ready.compile()
    ready.prepare()
    ready.validate()
    return building, time.monotonic() - begun - building, ticker.stop()


def main() -> int:
    """A line for each number of shares and each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shares", type=int, nargs="+", default=[100, 200, 500])
    parser.add_argument("--ours", action="store_true", help="leave out Karbor's own engine")
    given = parser.parse_args()
    engines = [("ours", Engine)] if given.ours else [("Karbor's", TaskFlowEngine), ("ours", Engine)]
    sys.stdout.write("shares  engine   build    ready    standstill (seconds)\n")
    for count in given.shares:
        for name, make in engines:
            row = measure(make(), count)
            sys.stdout.write(f"{count:<7} {name:<8} " + "  ".join(f"{x:7.3f}" for x in row) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
