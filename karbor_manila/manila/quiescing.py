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
from karbor_manila.manila.errors import (
    AccessLevelsUnsupported,
    RulesNotPutBack,
    RulesOfBusyShare,
)
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.freezing import Freezing
from karbor_manila.manila.held_rules import HeldRules
from karbor_manila.manila.thawing import Thawing

#: Given the ids of rules by their shares.
Remember = Callable[[Mapping[str, list[str]]], None]

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
        left = {share: Freezing(self._held, share) for share in shares}
        every = dict(left)

        def look() -> list[str]:
            if any([work.look() for work in left.values()]):  # noqa: C419 - each of them
                remember({share: list(work.ids) for share, work in every.items() if work.ids})
                for work in left.values():
                    work.mark()
            for share, work in list(left.items()):
                if work.go_on():
                    del left[share]
            return sorted(left)

        if late := self._poll(look, timeout):
            raise DeadlineExceeded(_AWAITED + " of share " + ", ".join(late), timeout, _SEEN)

    def thaw(
        self,
        rules: Mapping[str, Collection[str]],
        timeout: float,
        settle: float = 0.0,
        *,
        patient: bool = True,
    ) -> None:
        """Put the rules back that are read-only for this holder and for nobody else. What is gone,
        or was changed by its owner meanwhile, stays as it is.

        :param rules: the ids of those that were made read-only, by their shares
        :param timeout: seconds
        :param settle: seconds, less than ``timeout``, for which requests of a process that has died
            may still be carried out: so long what they do is undone, too
        :param patient: whether shares in transition are waited for: Manila changes no rule of them
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

        works = self._thawing(rules, settle, patient=patient)
        left = {
            share: functools.partial(guarded, share, work.step) for share, work in works.items()
        }

        def look() -> list[str]:
            for share, step in list(left.items()):
                if step():
                    del left[share]
            return sorted(left)

        late = DeadlineExceeded(_AWAITED, timeout, _SEEN)
        for share in self._poll(look, timeout):
            busy = works[share].busy
            failed[share] = str(RulesOfBusyShare(share, busy) if busy else late)
        if failed:
            raise RulesNotPutBack(failed)

    def _thawing(
        self, rules: Mapping[str, Collection[str]], settle: float, *, patient: bool
    ) -> dict[str, Thawing]:
        settled_at = self._client.clock.now() + settle
        return {
            share: Thawing(self._held, share, rules[share], settled_at, patient=patient)
            for share in rules
        }

    def _poll(self, look: Callable[[], list[str]], timeout: float) -> list[str]:
        """Look until no share is left; those that are when the time is over."""
        clock = self._client.clock
        return poll(look, lambda left: not left, timeout=timeout, clock=clock, longest=_LONGEST)
