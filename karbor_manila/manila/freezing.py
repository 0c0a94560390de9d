# SPDX-License-Identifier: Apache-2.0
"""Makes the access rules of one share read-only, a step at each look."""

from collections.abc import Callable, Collection, Mapping

from karbor_manila.manila import statuses
from karbor_manila.manila.access_holds import HELD, THAWING
from karbor_manila.manila.errors import RuleNotChanged
from karbor_manila.manila.held_rules import RO, RW, HeldRules, named
from karbor_manila.manila.views import View

#: Given the ids of rules by their shares.
Remember = Callable[[Mapping[str, list[str]]], None]


class Freezing:
    """The steps for one share.

    :param rules: the ids of all rules that are touched, by their shares; those of this one join
    :param remember: called with them before one of them is touched
    """

    def __init__(
        self, of: HeldRules, share: str, rules: dict[str, list[str]], remember: Remember
    ) -> None:
        self._of = of
        self._share = share
        self._all = rules
        self._remember = remember
        # By their ids: those that were read-only for somebody already, and those that we asked for.
        self._found: set[str] = set()
        self._asked: set[str] = set()
        self._looked = False

    def step(self) -> bool:
        """One look, and what follows from it; whether all is done."""
        of = self._of
        if not self._looked and not of.is_there(self._share):
            return True
        self._looked = True
        rules = of.rules(self._share)
        if rules and self._mark(rules):
            rules = of.rules(self._share)  # who has marked them meanwhile is seen now
        done = [self._freeze(rule) for rule in rules or ()]  # each, whatever the one before says
        return all(done)

    def _mark(self, rules: Collection[View]) -> bool:
        of = self._of
        new = [rule for rule in rules if self._is_to_be_marked(rule)]
        if not new:
            return False
        known = self._all.setdefault(self._share, [])
        known += [rule["id"] for rule in new if rule["id"] not in known]
        self._remember({share: list(ids) for share, ids in self._all.items()})
        for rule in new:
            if rule["access_level"] == RO:
                self._found.add(rule["id"])
            of.mark(rule, HELD)
        return True

    def _is_to_be_marked(self, rule: View) -> bool:
        if rule["state"] != statuses.RULE_ACTIVE:
            return False
        held = self._of.is_others(rule) or bool(self._of.says(rule))
        new = rule["id"] not in self._all.get(self._share, ())
        return new and (rule["access_level"] == RW or (rule["access_level"] == RO and held))

    def _freeze(self, rule: View) -> bool:
        of, rule_id = self._of, rule["id"]
        if rule["state"] == statuses.ERROR:
            if rule_id in self._asked:
                raise RuleNotChanged(self._share, named(rule), RO)
            return True  # not in force
        if rule["state"] != statuses.RULE_ACTIVE:
            return False
        if not of.says(rule):
            return rule["access_level"] != RW
        if THAWING in of.others_say(rule):
            return False  # it may be rw at any moment
        if rule["access_level"] == RW:
            self._asked.add(rule_id)
            of.give(rule, RO)
            return False
        if rule_id not in self._asked | self._found and not of.is_others(rule):
            of.unmark(rule)  # its owner made it so between our look and our mark
            self._all[self._share].remove(rule_id)
        return True
