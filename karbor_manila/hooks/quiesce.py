# SPDX-License-Identifier: Apache-2.0
"""The hook ``quiesce``: nobody writes to a share while it is protected, by its access rules."""

import dataclasses
import datetime
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.hooks.base import (
    CHECKPOINT,
    INTERRUPTED,
    PROTECT,
    SHARE,
    TIMED_OUT,
    Call,
    Hook,
    Outcome,
)
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.held_rules import HeldRules
from karbor_manila.manila.quiescing import Quiescing

LOG = logging.getLogger(__name__)

_OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "quiesce_scope",
        default=SHARE,
        choices=[
            (SHARE, "each share for itself, as long as its own snapshot takes"),
            (
                CHECKPOINT,
                "all shares of a checkpoint, from the first snapshot until the last",
            ),
        ],
        help="Which shares the hook 'quiesce' makes read-only at the same time. It gives access "
        "rules with the level rw the level ro before a protection, and puts them back afterwards. "
        "Needs microversion 2.88 of Manila, enable_pre_hooks and enable_post_hooks.",
    ),
)

# Of a call's deadline: what is left is for the request that is under way then.
_OF_DEADLINE = 0.9


class QuiesceHook(Hook):
    """Makes rules with the level ``rw`` read-only around a protection.

    Rules are remembered by their ids before they are touched, and bear a mark in Manila as long as
    they are read-only for a checkpoint (:mod:`karbor_manila.manila.access_holds`). Only those are
    put back that have both.
    """

    options: ClassVar[Collection[cfg.Opt]] = _OPTIONS
    needs_post: ClassVar[bool] = True

    @property
    def points(self) -> frozenset[str]:
        """Of a protection alone: nothing else keeps what a share has at a moment."""
        return frozenset({PROTECT})

    @property
    def scope(self) -> str:
        """As configured."""
        return str(self.options_here.quiesce_scope)

    def pre(self, *, call: Call) -> Mapping[str, Any] | None:
        """Make the rules read-only. Errors are those of :meth:`.quiescing.Quiescing.freeze`."""

        def remember(rules: Mapping[str, list[str]]) -> None:
            call.remember({"rules": rules})

        shares = [str(view["id"]) for view in call.shares]
        self._quiescing(call).freeze(shares, self._timeout, remember)
        LOG.info("Shares %s are read-only for checkpoint %s", shares, call.checkpoint_id)
        return None

    def post(
        self, *, call: Call, data: Mapping[str, Any] | None, outcome: Outcome
    ) -> Mapping[str, Any] | None:
        """Put them back. Errors are those of :meth:`.quiescing.Quiescing.thaw`."""
        if data:
            settle = 0.0
            if outcome.status == INTERRUPTED:
                settle = min(call.environment.client.timeouts.settle, self._timeout / 2)
            # While the work goes on, a share that is busy with it stays so: nobody waits for that.
            patient = outcome.status != TIMED_OUT
            self._quiescing(call).thaw(data["rules"], self._timeout, settle, patient=patient)
            LOG.info("Shares %s are as before %s", list(data["rules"]), call.checkpoint_id)
        return None

    @property
    def _timeout(self) -> float:
        return float(self.options_here.hook_timeout) * _OF_DEADLINE

    def _quiescing(self, call: Call) -> Quiescing:
        # Until then at most it stays so: the freeze time, in it the pre, and a post behind it.
        options = self.options_here
        longest = options.hook_freeze_timeout + 2 * options.hook_timeout
        until = call.environment.clock.utcnow() + datetime.timedelta(seconds=longest)
        flow = call.environment.client
        # A Manila that is away is told as such, before the whole call is given up.
        outage = min(flow.timeouts.outage, self._timeout)
        timeouts = dataclasses.replace(flow.timeouts, outage=outage)
        client = FlowClient(flow.manila, timeouts, clock=flow.clock)
        held = HeldRules(client, call.checkpoint_id, call.project_id, until)
        return Quiescing(client, held)
