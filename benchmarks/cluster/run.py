# SPDX-License-Identifier: Apache-2.0
"""Protects many plans at once through Karbor's REST API on a cluster of so many workers."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.cluster.measured import Measured
from benchmarks.cluster.spread import Spread
from benchmarks.scale.usage import Usage
from sandbox.cluster import layout
from sandbox.stack import Stack
from sandbox.tenant import Tenant

#: What a share needs in the simulated Manila: a few seconds, as with real backends.
PROFILE: dict[str, Any] = {
    "latency": {"seconds": 0.01, "jitter": 0.5},
    "actions": {"snapshot.create": {"seconds": 3.0, "jitter": 0.3}},
}
_LOOK = 0.5  # seconds
_CLIENTS = 40


class Cluster:
    """Plans that are protected at once, on what is started of a cluster.

    :param seconds: the most that all of them may take
    """

    def __init__(self, stack: Stack, seconds: float) -> None:
        self._stack = stack
        self._seconds = seconds
        self._tenant = Tenant(stack.info, "alpha")

    def run(self, plans: int, shares: int) -> Measured:
        """All plans once, after each worker has protected a few."""
        workers = tuple(layout.worker(number) for number in self._stack.workers())
        alive = tuple(name for name in workers if self._stack.running(name))
        self._protect(len(alive) * 2, 1)
        self._stack.simulator.clear()
        return self._measure(alive, plans, shares)

    def _measure(self, workers: tuple[str, ...], plans: int, shares: int) -> Measured:
        status = self._stack.status()
        others = [layout.API, layout.RABBITMQ, layout.MARIADB, "manila"]
        usages = {name: Usage(status[name] or 0) for name in (*workers, *others)}
        before = {name: usage.cpu() for name, usage in usages.items()}
        pids = {status[name] or 0: name for name in workers}
        with Spread(self._stack.state.bank, pids) as spread:
            began = time.monotonic()
            answers, failed = self._protect(plans, shares)
            seconds = time.monotonic() - began
        cpu = {name: usage.cpu() - before[name] for name, usage in usages.items()}
        return Measured(
            workers=len(workers),
            plans=plans,
            shares=shares,
            seconds=seconds,
            answer=max(answers, default=0.0),
            cpu={name: cpu[name] for name in workers},
            others=sum(cpu[name] for name in others),
            taken=spread.plans(),
            idle=spread.idle,
            failed=failed,
        )

    def _protect(self, plans: int, shares: int) -> tuple[list[float], list[str]]:
        ids = self._stack.simulator.seed(self._tenant.project_id, plans * shares)
        made = [self._plan(ids[number * shares : (number + 1) * shares]) for number in range(plans)]
        with ThreadPoolExecutor(_CLIENTS) as pool:
            begun = list(pool.map(self._begin, made))
        failed = [each for each in begun if isinstance(each, str)]
        good = [each for each in begun if not isinstance(each, str)]
        failed += self._wait([checkpoint for checkpoint, _took in good], made[0].provider_id)
        for plan in made:
            self._tenant.karbor.plans.delete(plan.id)
        return [took for _checkpoint, took in good], failed

    def _plan(self, ids: list[str]) -> Any:
        resources = [{"type": "OS::Manila::Share", "id": each, "name": "s"} for each in ids]
        return self._tenant.karbor.plans.create("p", self._tenant.provider, resources, {})

    def _begin(self, plan: Any) -> Any:
        """The checkpoint and the seconds of the answer, or why there is none."""
        began = time.monotonic()
        try:
            begun = self._tenant.karbor.checkpoints.create(plan.provider_id, plan.id)
        except Exception as error:  # noqa: BLE001 - whatever Karbor's client raises is a figure
            return f"{type(error).__name__}: {error}"
        return begun.id, time.monotonic() - began

    def _wait(self, checkpoints: list[str], provider: str) -> list[str]:
        deadline = time.monotonic() + self._seconds
        left, failed = set(checkpoints), []
        while left and time.monotonic() < deadline:
            listed = self._tenant.karbor.checkpoints.list(provider, limit=1000)
            ended = {each.id: each.status for each in listed if each.id in left}
            for checkpoint_id, status in ended.items():
                if status != "protecting":
                    left.discard(checkpoint_id)
                    failed += [] if status == "available" else [f"{checkpoint_id} is {status}"]
            time.sleep(_LOOK)
        return failed + [f"{each} did not end" for each in left]
