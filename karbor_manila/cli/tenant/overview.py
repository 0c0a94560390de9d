# SPDX-License-Identifier: Apache-2.0
"""Asks Karbor's API for what the states of plans are made from, with few requests."""

import datetime
import itertools
from collections.abc import Iterable, Iterator

from karbor_manila.cli.errors import KarborRefused
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.api import PAGE, Karbor, View
from karbor_manila.cli.tenant.logs import Logs
from karbor_manila.cli.views.plan_state import (
    PlanState,
    Sources,
    newest_good,
    plan_of,
    state_of,
)

#: So many checkpoints that are not listed any more are looked up for their drills.
_LOOK_UPS = 20

#: So many failures are read at most, to find those of runs that made no checkpoint.
_FAILURES = PAGE

#: From so many plans of a provider on, its checkpoints are listed together: a list for each plan is
#: a request each, while a page holds those of many plans.
_TOGETHER = 3


class Overview:
    """Gathers the states of plans.

    :param stuck_after: seconds after which a checkpoint that is still worked on counts as stuck
    """

    def __init__(self, karbor: Karbor, now: datetime.datetime, stuck_after: float) -> None:
        self._karbor = karbor
        self._verifications = _Kept(karbor.verifications())
        self._logs = Logs(karbor)
        self._sources = Sources(
            logs_of=self._logs.of,
            verifications=self._verifications,
            failures=_Kept(itertools.islice(karbor.logs(status="error"), _FAILURES)),
            now=now,
            stuck_after=stuck_after,
        )
        # By checkpoint, and the providers of which it is known for the newest checkpoints.
        self._plan_of: dict[str, str] = {}
        self._seen: set[str] = set()

    def states(self, plans: Iterable[View]) -> list[PlanState]:
        """The state of each of these plans."""
        plans = list(plans)
        listed = self._listed(plans)
        drills = self._drills(listed) if plans else {}
        timed = {drill["checkpoint_id"] for drill in drills.values()}
        timed |= {found["id"] for items in listed.values() if (found := newest_good(items))}
        self._logs.read(
            [
                item
                for items in listed.values()
                for item in items
                if item["id"] in timed or item["status"] in reading.IN_WORK
            ]
        )
        return [
            state_of(plan, listed[plan["id"]], drills.get(plan["id"]), self._sources)
            for plan in plans
        ]

    def _listed(self, plans: list[View]) -> dict[str, list[View]]:
        """The checkpoints of each plan, newest first."""
        listed: dict[str, list[View]] = {plan["id"]: [] for plan in plans}
        of_provider: dict[str, list[str]] = {}
        for plan in plans:
            of_provider.setdefault(plan["provider_id"], []).append(plan["id"])
        for provider_id, plan_ids in of_provider.items():
            if len(plan_ids) < _TOGETHER:
                for plan_id in plan_ids:
                    listed[plan_id] = list(self._karbor.checkpoints(provider_id, plan_id))
                continue
            self._seen.add(provider_id)
            for checkpoint in self._karbor.checkpoints(provider_id):
                plan_id = plan_of(checkpoint)
                self._plan_of[checkpoint["id"]] = plan_id
                if plan_id in plan_ids:
                    listed[plan_id].append(checkpoint)
        return listed

    def _drills(self, listed: dict[str, list[View]]) -> dict[str, View]:
        """The newest drill of each plan."""
        for plan_id, items in listed.items():
            self._plan_of.update((item["id"], plan_id) for item in items)
        newest: dict[str, View] = {}
        look_ups = _LOOK_UPS
        for verification in self._verifications:
            if reading.depth(verification) != "drill" or reading.why_not_due(verification):
                continue
            checkpoint_id = verification["checkpoint_id"]
            if checkpoint_id not in self._plan_of:
                self._see(verification["provider_id"])
            if checkpoint_id not in self._plan_of and look_ups:
                look_ups -= 1
                self._plan_of[checkpoint_id] = self._looked_up(verification)
            newest.setdefault(self._plan_of.get(checkpoint_id, ""), verification)
            if newest.keys() >= listed.keys():
                break
        return newest

    def _see(self, provider_id: str) -> None:
        """Of which plans a provider's newest checkpoints are: one request for many of them."""
        if provider_id in self._seen:
            return
        self._seen.add(provider_id)
        try:
            for item in itertools.islice(self._karbor.checkpoints(provider_id), PAGE):
                self._plan_of.setdefault(item["id"], plan_of(item))
        except KarborRefused:
            return  # each is looked up

    def _looked_up(self, verification: View) -> str:
        """The plan of a checkpoint that is not listed: deleted, or another provider's."""
        try:
            checkpoint = self._karbor.checkpoint(
                verification["provider_id"], verification["checkpoint_id"]
            )
        except KarborRefused:
            return ""
        return plan_of(checkpoint)


class _Kept:
    """Entries, asked for as far as somebody reads, and only once. May be read repeatedly."""

    def __init__(self, source: Iterator[View]) -> None:
        self._source = source
        self._known: list[View] = []

    def __iter__(self) -> Iterator[View]:
        for number in itertools.count():
            if number == len(self._known):
                item = next(self._source, None)
                if item is None:
                    return
                self._known.append(item)
            yield self._known[number]
