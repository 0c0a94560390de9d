# SPDX-License-Identifier: Apache-2.0
"""A run of Karbor's retention: the list that it gets, and what it may delete.

Karbor's operation engine prunes through the REST API with nothing but a list and a DELETE: it asks
for the plan's checkpoints, deletes what comes after the first ``max_backups`` of those that are
``available``, then what is older than ``retention_duration`` days, and ends at the first DELETE
that is refused (karbor/services/operationengine/operations/retention_operation.py). What it may
remove is decided in :mod:`karbor_manila.common.retention`; the list is written so that its
arithmetic comes to that.
"""

import datetime
import itertools
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints
from karbor_manila.common import retention as rules
from karbor_manila.common.clock import Clock
from karbor_manila.common.retention import Decision, Kept, Rules
from karbor_manila.database.errors import DatabaseUnreadable
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.recovery.claims import Claims
from karbor_manila.service import counts
from karbor_manila.service.errors import KeptForRules, StaysForRetention
from karbor_manila.service.retention.facts import AT_REST, is_counted, kept, rules_of
from karbor_manila.service.retention.recogniser import Recogniser

LOG = logging.getLogger(__name__)

#: So many failed checkpoints are removed after one list: their flows begin at once, and each waits
#: for Manila.
FAILED_AT_A_TIME = 10

#: Removes a checkpoint as a DELETE does: the context, the ids of provider and checkpoint. Says
#: whether it goes.
Delete = Callable[[Any, str, str], bool]

#: Of a provider and the id of a plan, which checkpoints its keep rules keep; those of the third are
#: claimed by who asks.
KeptByRules = Callable[[Any, str, frozenset[str]], frozenset[str]]


class RetentionRun:
    """Serves the requests of retention.

    :param claims: of this process
    :param recogniser: knows whose requests are retention's
    :param spawn: lets a function run in the background
    :param delete: how a checkpoint is removed; it asks :meth:`check` under the claim
    :param kept: the ids of what the keep rules of a plan keep, whatever its retention says
    """

    def __init__(
        self,
        claims: Claims,
        recogniser: Recogniser,
        spawn: Callable[..., Any],
        delete: Delete,
        kept: KeptByRules,
        clock: Clock | None = None,
    ) -> None:
        self._claims = claims
        self._recogniser = recogniser
        self._spawn = spawn
        self._delete = delete
        self._kept_by_rules = kept
        self._clock = clock or Clock()

    def asks(self, context: Any, provider: Any) -> bool:
        """Whether a list or a DELETE is one of retention, of a provider whose shares are ours."""
        return protects_shares(provider) and self._recogniser.is_retention(context)

    def counts(self, context: Any, provider: Any, checkpoint: Any) -> bool:
        """Whether the quota counts one less after the DELETE of a checkpoint at rest: of each that
        Karbor's API takes, and of the failed ones that are cleared here if it counted them."""
        is_good = checkpoint.status == constants.CHECKPOINT_STATUS_AVAILABLE
        return is_good or is_counted(checkpoint) or not self.asks(context, provider)

    def shown(self, context: Any, provider: Any, plan_id: str) -> list[dict[str, Any]]:
        """The list from which retention comes to what may go of a plan; failed checkpoints that
        may go as well are removed in the background.

        :raises karbor.exception.BankListObjectsFailed: the bank cannot be listed
        """
        limits = rules_of(provider.id, plan_id)
        if limits is None:
            LOG.info("Plan %s has no retention any more: nothing of it is removed", plan_id)
            return []
        query = _of_plan(provider, context.project_id, plan_id)
        timed = list(checkpoints.timed(provider, query))
        found = [checkpoint for _made, checkpoint in timed]
        today = self._clock.utcnow().date()
        at_rest = self._kept(timed)
        # What an operation works with is refused to a DELETE, and retention would end there.
        busy = self._in_work(provider)
        stays = busy | self._ruled(provider, plan_id)
        decision = rules.decide(at_rest, limits, today).without(stays)
        failed = _to_clear(found, {item.id for item in decision.failed}, busy)
        if failed:
            self._spawn(self._clear, context, provider, failed)
        return listing(decision, limits, {item.id: item.to_dict() for item in found}, today)

    def check(self, context: Any, provider: Any, checkpoint: Any) -> None:
        """Refuse to retention what it never removes. The caller holds the checkpoint's claim.

        :raises StaysForRetention: it may be the newest of something
        """
        if checkpoint.status not in AT_REST or not self.asks(context, provider):
            return  # its deletion was asked for before, or is a user's own decision
        plan_id = checkpoint.protection_plan["id"]
        if str(checkpoint.id) in self._ruled(provider, plan_id, str(checkpoint.id)):
            raise KeptForRules(str(checkpoint.id))
        query = _of_plan(provider, checkpoint.project_id, plan_id)
        newer = itertools.takewhile(
            lambda other: other[1].id != checkpoint.id, checkpoints.timed(provider, query)
        )
        now = self._clock.utcnow()
        made = checkpoints.made_at(provider, query, checkpoint.id)
        known = kept(checkpoint, 0 if made is None else made, self._clock.sleep, now)
        if not rules.may_go(known, self._kept(newer)):
            raise StaysForRetention(str(checkpoint.id))

    def _kept(self, timed: Iterable[tuple[int, Any]]) -> Iterator[Kept]:
        """What those at rest hold. One that cannot be read counts for nothing, and stays."""
        for made, checkpoint in timed:
            if checkpoint.status not in AT_REST:
                continue
            try:
                yield kept(checkpoint, made, self._clock.sleep, self._clock.utcnow())
            except (ValueError, TypeError, karbor_exception.KarborException) as error:
                LOG.error("Checkpoint %s: what it holds cannot be read: %s", checkpoint.id, error)

    def _ruled(self, provider: Any, plan_id: str, *ours: str) -> frozenset[str]:
        """What the keep rules of a plan keep, of the good ones alone.

        :param ours: the ids of those that are claimed for this
        :raises karbor.exception.InvalidInput: it is not known; retention goes on with its next run
        """
        try:
            return self._kept_by_rules(provider, plan_id, frozenset(ours))
        except DatabaseUnreadable as error:
            raise karbor_exception.InvalidInput(reason=str(error)) from error

    def _in_work(self, provider: Any) -> frozenset[str]:
        """The ids of the checkpoints that operations work with (deletes, restores, copies), or did
        before he died: that has to be settled first."""
        return frozenset(
            claim.checkpoint_id for claim in self._claims.all() if claim.provider_id == provider.id
        )

    def _clear(self, context: Any, provider: Any, failed: list[Any]) -> None:
        """Remove failed checkpoints as an ordinary DELETE does."""
        for checkpoint in failed:
            counted = is_counted(checkpoint)
            plan_id = checkpoint.protection_plan["id"]
            try:
                if not self._delete(context, provider.id, checkpoint.id):
                    continue
            except Exception as error:  # noqa: BLE001 - whatever it is, the next run tries again
                LOG.warning(
                    "Failed checkpoint %s of plan %s is not removed by retention now: %s",
                    checkpoint.id,
                    plan_id,
                    getattr(error, "exc_info", (None, error))[1],
                )
                continue
            LOG.info(
                "Failed checkpoint %s of plan %s is removed by retention: newer ones hold what it "
                "keeps, or its deletion had failed",
                checkpoint.id,
                plan_id,
            )
            if counted:
                counts.lower(context)


def listing(
    decision: Decision, limits: Rules, shown: Mapping[str, dict[str, Any]], today: datetime.date
) -> list[dict[str, Any]]:
    """The list from which Karbor's retention comes to the decision.

    It keeps the first ``max_backups`` by their places, so as many of those that stay come first,
    with today's date, by which no age is reached. All the others in the list go.

    :param shown: Karbor's own view of each checkpoint, by id
    """
    first = decision.staying[: limits.most or 0]
    return [shown[item.id] | {"created_at": today.isoformat()} for item in first] + [
        shown[item.id] for item in decision.going
    ]


def _to_clear(found: list[Any], may_go: set[str], busy: Collection[str]) -> list[Any]:
    """The failed checkpoints that are removed now: the oldest first, then some of those whose end
    was asked for before and did not come. A sample, so that none waits for ever behind others that
    cannot go."""
    failed = [checkpoint for checkpoint in reversed(found) if checkpoint.id in may_go]
    doomed = [
        checkpoint
        for checkpoint in found
        if checkpoint.status == constants.CHECKPOINT_STATUS_ERROR_DELETING
        and checkpoint.id not in busy
    ]
    room = max(0, FAILED_AT_A_TIME - len(failed))
    return failed[:FAILED_AT_A_TIME] + random.sample(doomed, min(room, len(doomed)))


def _of_plan(provider: Any, project_id: str, plan_id: str) -> checkpoints.Query:
    return checkpoints.Query(provider_id=provider.id, project_id=project_id, plan_id=plan_id)
