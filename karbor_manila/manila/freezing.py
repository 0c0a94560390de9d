# SPDX-License-Identifier: Apache-2.0
"""Makes the access rules of one share read-only, a step at each look."""

from karbor_manila.manila import statuses
from karbor_manila.manila.access_holds import HELD, THAWING
from karbor_manila.manila.errors import RuleNotChanged
from karbor_manila.manila.held_rules import RO, RW, HeldRules, named
from karbor_manila.manila.views import View


class Freezing:
    """The steps for one share: :meth:`look`, :meth:`mark`, :meth:`go_on`, until that is done.

    :ivar ids: of the rules that are touched, or will be by :meth:`mark`
    """

    def __init__(self, of: HeldRules, share: str) -> None:
        self.ids: list[str] = []
        self._of = of
        self._share = share
        self._rules: list[View] | None = None
        self._new: list[View] = []
        # By their ids: those that were read-only for somebody already, and those that we asked for.
        self._found: set[str] = set()
        self._asked: set[str] = set()
        self._looked = False

    def look(self) -> bool:
        """See the rules as they are now; whether there are some that have to be marked. A share
        that is gone has no rules."""
        of = self._of
        is_there = self._looked or of.is_there(self._share)
        self._looked = True
        self._rules = of.rules(self._share) if is_there else None
        self._new = [rule for rule in self._rules or () if self._is_to_be_marked(rule)]
        self.ids += [rule["id"] for rule in self._new]
        return bool(self._new)

    def mark(self) -> None:
        """Mark what is new, and see who has marked it meanwhile."""
        if not self._new:
            return
        for rule in self._new:
            if rule["access_level"] == RO:
                self._found.add(rule["id"])
            self._of.mark(rule, HELD)
        self._rules = self._of.rules(self._share)

    def go_on(self) -> bool:
        """What follows from the rules as they were seen; whether all is done."""
        done = [self._freeze(rule) for rule in self._rules or ()]  # each, whatever others say
        return all(done)

    def _is_to_be_marked(self, rule: View) -> bool:
        if rule["state"] != statuses.RULE_ACTIVE:
            return False
        held = self._of.is_others(rule) or bool(self._of.says(rule))
        new = rule["id"] not in self.ids
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
            self.ids.remove(rule_id)
        return True
