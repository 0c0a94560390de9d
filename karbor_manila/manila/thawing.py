# SPDX-License-Identifier: Apache-2.0
"""Puts the access rules of one share back that were made read-only, a step at each look."""

import functools
from collections.abc import Callable, Collection

from oslo_log import log as logging

from karbor_manila.common.errors import KarborManilaError, RefusedError
from karbor_manila.manila import statuses
from karbor_manila.manila.access_holds import HELD, LEFT, THAWING
from karbor_manila.manila.errors import ManilaRefused, RuleNotChanged, RulesOfBusyShare
from karbor_manila.manila.held_rules import RO, RW, HeldRules, named
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)

_BUSY = 400  # what Manila answers when a share is in transition, among other things


class Thawing:
    """The steps for one share.

    :param ids: of the rules that were made read-only
    :param settled_at: of the clock; before then Manila may still make one read-only, or mark it, at
        the request of a process that has died
    :param patient: whether a share in transition is waited for: Manila changes no rule of it
    :ivar busy: the status of such a share, as it was seen last
    """

    def __init__(
        self,
        of: HeldRules,
        share: str,
        ids: Collection[str],
        settled_at: float = 0.0,
        *,
        patient: bool = True,
    ) -> None:
        self.busy = ""
        self._of = of
        self._settled_at = settled_at
        self._patient = patient
        self._share = share
        self._ids = frozenset(ids)
        self._asked: set[str] = set()
        self._refused: dict[str, KarborManilaError] = {}
        self._looked = False

    def step(self) -> bool:
        """One look, and what follows from it; whether all is done."""
        of = self._of
        is_settled = of.now() >= self._settled_at  # before the look: what comes later is not seen
        if not self._looked and not of.is_there(self._share):
            return True
        rules = of.rules(self._share) or []
        if not self._looked:
            self._warn_of_others(rules)
        self._looked = True
        held = [rule for rule in self._ours(rules) if of.says(rule) == HELD]
        for rule in held:
            self._guarded(rule, lambda rule: of.mark(rule, THAWING))
        if held:
            rules = of.rules(self._share) or []  # who has come meanwhile is seen now
        thaw = functools.partial(self._thaw, is_settled=is_settled)
        done = [self._guarded(rule, thaw) is not False for rule in self._ours(rules)]
        if all(done) and self._refused:
            raise next(iter(self._refused.values()))
        return all(done) and is_settled

    def _guarded(self, rule: View, step: Callable[[View], bool | None]) -> bool | None:
        """A step with one rule; None when Manila refuses it: the others are put back all the
        same."""
        if rule["id"] in self._refused:
            return None
        try:
            return step(rule)
        except RefusedError as error:
            self._refused[rule["id"]] = error
            return None

    def _ours(self, rules: Collection[View]) -> list[View]:
        """Those that we made read-only and have not put back: the mark goes at the end."""
        return [
            rule
            for rule in rules
            if rule["id"] in self._ids and self._of.says(rule) not in ("", LEFT)
        ]

    def _thaw(self, rule: View, *, is_settled: bool) -> bool:
        of, state = self._of, rule["state"]
        if state in statuses.RULE_GOING:
            return True  # its owner removes it; another level would bring it back
        if rule["access_level"] == RO and HELD in of.others_say(rule):
            of.mark(rule, LEFT)  # the last one puts it back
            return True
        if rule["access_level"] == RO and (rule["id"] not in self._asked or not is_settled):
            if self._give(rule, RW):
                self._asked.add(rule["id"])
            return False
        if rule["access_level"] == RO or state == statuses.RULE_ACTIVE:
            # It is as before, or its owner has made it read-only since we put it back.
            if is_settled:
                of.unmark(rule)
            return is_settled
        if state == statuses.ERROR:
            if rule["id"] in self._asked:
                self._refused[rule["id"]] = RuleNotChanged(self._share, named(rule), RW)
                return True
            # An earlier attempt has failed. The same level once more would change nothing.
            self._give(rule, RO)
        return False

    def _give(self, rule: View, level: str) -> bool:
        """Ask for a level; whether that was taken."""
        self.busy = ""
        try:
            return self._of.give(rule, level)
        except ManilaRefused as refused:
            if refused.status != _BUSY:
                raise
            self.busy = self._of.busy(self._share)
            if not self.busy:
                return self._of.give(rule, level)  # it has become ready between the two
            if not self._patient:
                raise RulesOfBusyShare(self._share, self.busy) from None
            return False

    def _warn_of_others(self, rules: Collection[View]) -> None:
        came = [
            named(rule)
            for rule in rules
            if rule["access_level"] == RW
            and rule["state"] == statuses.RULE_ACTIVE
            and rule["id"] not in self._ids
        ]
        if came:
            LOG.warning(
                "Share %s was not read-only to all while checkpoint %s kept it: its owner made "
                "rules with the level rw meanwhile (%s)",
                self._share,
                self._of.holder,
                ", ".join(came),
            )
