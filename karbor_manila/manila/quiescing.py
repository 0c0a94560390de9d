# SPDX-License-Identifier: Apache-2.0
"""Shares whose access rules are read-only for a while: ``rw`` to ``ro``, and back.

Several holders may want the same rule read-only at the same time, such as two checkpoints of one
share. The last of them puts it back. Each writes its mark before it looks at the others' marks: who
comes (``held``) then sees that one is about to put the rule back (``thawing``) and waits, or that
one sees that somebody has come and leaves the rule to him.
"""

import functools
from collections.abc import Callable, Collection, Mapping

from karbor_manila.common.errors import ClaimLost, DeadlineExceeded, KarborManilaError
from karbor_manila.common.polling import poll
from karbor_manila.manila.errors import AccessLevelsUnsupported, RulesNotPutBack
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.freezing import Freezing, Remember
from karbor_manila.manila.held_rules import HeldRules
from karbor_manila.manila.thawing import Thawing

_LONGEST = 2.0  # seconds between two looks

_AWAITED = "a change of the access rules"
_SEEN = "they are in transition, or are being put back after another checkpoint"


class Quiescing:
    """Makes the rules of shares read-only for one holder, and puts them back.

    :param client: the flow's client
    :param held: the rules, as that holder sees them
    """

    def __init__(self, client: FlowClient, held: HeldRules) -> None:
        self._client = client
        self._held = held

    def freeze(self, shares: Collection[str], timeout: float, remember: Remember) -> None:
        """Make every rule with the level ``rw`` that is in force read-only; no such is left.

        :param timeout: seconds
        :param remember: given the ids of the rules by their shares, all of them each time, before
            one of them is touched
        :raises AccessLevelsUnsupported: Manila is too old; nothing was touched
        :raises RuleNotChanged: a backend refuses it
        :raises DeadlineExceeded: rules stay in transition, or are being put back by another holder
        """
        manila = self._client.manila
        if not manila.features.access_levels:
            offered = manila.features.microversion
            raise AccessLevelsUnsupported(offered, endpoint=manila.endpoint)
        rules: dict[str, list[str]] = {}
        steps = {share: Freezing(self._held, share, rules, remember).step for share in shares}
        if left := self._until_done(steps, timeout):
            raise DeadlineExceeded(_AWAITED + " of share " + ", ".join(left), timeout, _SEEN)

    def thaw(self, rules: Mapping[str, Collection[str]], timeout: float) -> None:
        """Put the rules back that are read-only for this holder and for nobody else. What is gone,
        or was changed by its owner meanwhile, stays as it is.

        :param rules: the ids of those that were made read-only, by their shares
        :param timeout: seconds
        :raises RulesNotPutBack: some are read-only still, of whatever share; the others are not
        """
        failed: dict[str, str] = {}

        def guarded(share: str, step: Callable[[], bool]) -> bool:
            try:
                return step()
            except ClaimLost:
                raise
            except KarborManilaError as error:  # the rules of other shares are put back
                failed[share] = str(error)
                return True

        steps = {
            share: functools.partial(guarded, share, Thawing(self._held, share, ids).step)
            for share, ids in rules.items()
        }
        for share in self._until_done(steps, timeout):
            failed[share] = str(DeadlineExceeded(_AWAITED, timeout, _SEEN))
        if failed:
            raise RulesNotPutBack(failed)

    def _until_done(self, steps: Mapping[str, Callable[[], bool]], timeout: float) -> list[str]:
        """Step by step; the shares that are not done in time."""
        left = dict(steps)

        def look() -> list[str]:
            for share, step in list(left.items()):
                if step():
                    del left[share]
            return sorted(left)

        clock = self._client.clock
        return poll(look, lambda shares: not shares, timeout=timeout, clock=clock, longest=_LONGEST)
