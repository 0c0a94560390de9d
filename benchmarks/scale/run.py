# SPDX-License-Identifier: Apache-2.0
"""Protects, restores and deletes a project of N shares through Karbor's REST API."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.scale.measured import Measured
from benchmarks.scale.probe import Probe
from benchmarks.scale.usage import Usage
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from sandbox.waiting import Unfinished

#: What a share needs in the simulated Manila: a few seconds, as with real backends.
PROFILE: dict[str, Any] = {
    "latency": {"seconds": 0.01, "jitter": 0.5},
    "actions": {
        "snapshot.create": {"seconds": 3.0, "jitter": 0.3},
        "share.create_from_snapshot": {"seconds": 3.0, "jitter": 0.3},
        "snapshot.delete": {"seconds": 1.0, "jitter": 0.3},
    },
}
_WARM = 10
# A checkpoint of many shares is a long answer: who asks too often measures that.
_LOOKS = 200


class Scale:
    """One size after the other, each in a Karbor of its own.

    :param say: takes a line of progress
    :param seconds: the most that one work may take
    """

    def __init__(self, stack: Stack, say: Callable[[str], None], seconds: float) -> None:
        self._stack = stack
        self._say = say
        self._seconds = seconds
        self._tenant = Tenant(stack.info, "alpha")

    def run(self, count: int) -> Iterator[Measured]:
        """The three works, in a Karbor that has done each on a few shares before."""
        self._stack.restart("karbor")
        for shares, told in ((_WARM, False), (count, True)):
            self._stack.simulator.clear()
            self._stack.simulator.seed(self._tenant.project_id, shares)
            for line in self._works(shares):
                if told:
                    self._say(f"{line.work} of {shares}: {line.wall:.1f} s {line.failed}")
                    yield line

    def _works(self, count: int) -> Iterator[Measured]:
        karbor, tenant = self._tenant.karbor, self._tenant
        plan = tenant.plan_of_project()
        interval = max(0.2, count / _LOOKS * 0.2)

        def checkpoint(begun: Any) -> Callable[[], Any]:
            return lambda: karbor.checkpoints.get(plan.provider_id, begun.id)

        made: list[Any] = []

        def protect() -> Any:
            made.append(karbor.checkpoints.create(plan.provider_id, plan.id))
            return checkpoint(made[0])

        def restore() -> Any:
            begun = karbor.restores.create(plan.provider_id, made[0].id, None, {}, None)
            return lambda: karbor.restores.get(begun.id)

        def delete() -> Any:
            karbor.checkpoints.delete(plan.provider_id, made[0].id)
            return checkpoint(made[0])

        for work, begin, good in (
            ("protect", protect, "available"),
            ("restore", restore, "success"),
            ("delete", delete, "deleted"),
        ):
            line = self._measure(work, count, begin, good, interval)
            yield line
            if line.failed:
                return
        karbor.plans.delete(plan.id)

    def _measure(
        self, work: str, count: int, begin: Callable[[], Any], good: str, interval: float
    ) -> Measured:
        pid = self._stack.status()["karbor"]
        assert pid, "Karbor does not run"
        usage, simulator = Usage(pid), self._stack.simulator
        simulator.clear_counts()
        usage.forget_peak()
        baseline, cpu, began = usage.resident(), usage.cpu(), time.monotonic()
        answered, failed = 0.0, ""
        with Probe(self._stack.info.karbor_url) as probe:
            try:
                look = begin()
                answered = time.monotonic() - began
                ended = wait(work, look, _has_ended, self._seconds, interval)
                failed = "" if ended.status == good else f"{work} is {ended.status}"
            except Unfinished as late:
                failed = str(late)
            except Exception as error:  # noqa: BLE001 - whatever Karbor's client raises is a figure
                failed = f"{type(error).__name__}: {error}"
            wall = time.monotonic() - began
        return Measured(
            work=work,
            shares=count,
            wall=wall,
            answer=answered or wall,
            cpu=usage.cpu() - cpu,
            baseline=baseline,
            peak=usage.peak(),
            standstill=probe.longest,
            requests=simulator.counts(),
            failed=failed,
        )


def _has_ended(seen: Any) -> bool:
    return seen.status not in ("protecting", "deleting", "in_progress")
