# SPDX-License-Identifier: Apache-2.0
"""A share's access rules: who may mount it, read at its protection and given back on request."""

import functools
from collections.abc import Callable, Collection
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.common.polling import poll
from karbor_manila.manila import access_holds, statuses
from karbor_manila.manila.client import Manila
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.manila.views import Rule, View

LOG = logging.getLogger(__name__)

# The level that a rule had which is read-only for a while: no other one is made so.
_HELD_FROM = "rw"

Retry = Callable[[Callable[[], Any]], Any]


def read(manila: Manila, share_id: str, retry: Retry) -> list[Rule] | None:
    """The rules that are granted; None when Manila does not show them to this user."""
    try:
        rules = retry(lambda: manila.access_rules(share_id))
    except ManilaRefused as refused:
        LOG.warning("The access rules of share %s are not shown: %s", share_id, refused)
        return None
    return [_plain(rule) for rule in rules if rule.get("state") not in statuses.RULE_NOT_GRANTED]


def grant(
    manila: Manila,
    share_id: str,
    rules: Collection[Rule],
    *,
    retry: Retry,
    timeout: float,
    clock: Clock,
) -> list[str]:
    """Ask for the rules and wait until each is in force or has failed.

    :param timeout: seconds
    :returns: a sentence for each rule that is not in force
    """
    problems = []
    asked = []
    for rule in rules:
        try:
            retry(functools.partial(_allow, manila, share_id, rule))
            asked.append(rule)
        except ClaimLost:
            raise  # no trouble with the rule: nothing more is for this process to do
        except KarborManilaError as error:
            problems.append(f"{_named(rule)}: {error}")
    if asked:
        problems += _await(manila, share_id, asked, retry, timeout, clock)
    return problems


def _allow(manila: Manila, share_id: str, rule: Rule) -> None:
    wanted = {name: rule[name] for name in ("access_type", "access_to", "access_level")}
    if manila.features.access_rules_resource and rule.get("metadata"):
        wanted["metadata"] = rule["metadata"]
    try:
        manila.allow_access(share_id, wanted)
    except ManilaRefused:
        # Manila refuses a rule that is there: it was asked for before, and the reply was lost.
        if _key(rule) not in {_key(known) for known in manila.access_rules(share_id)}:
            raise


def _await(
    manila: Manila,
    share_id: str,
    rules: Collection[Rule],
    retry: Retry,
    timeout: float,
    clock: Clock,
) -> list[str]:
    def states() -> dict[Any, str]:
        seen = retry(lambda: manila.access_rules(share_id))
        return {_key(rule): str(rule.get("state")) for rule in seen}

    def are_final(found: dict[Any, str]) -> bool:
        return all(found.get(_key(rule)) in {*statuses.RULE_FINAL, None} for rule in rules)

    found = poll(states, are_final, timeout=timeout, clock=clock, longest=5.0)
    return [
        _not_in_force(share_id, rule, found.get(_key(rule), "unknown"))
        for rule in rules
        if found.get(_key(rule)) != statuses.RULE_ACTIVE
    ]


def _not_in_force(share_id: str, rule: Rule, state: str) -> str:
    """Manila takes a rule of any type; whether the share's protocol has a use for it its backend
    says, and a rule in error keeps the share from being reverted."""
    said = f"{_named(rule)}: its state is {state!r}"
    if state != statuses.ERROR:
        return said
    return (
        f"{said}: the backend of share {share_id} refuses it. Remove it (openstack share access "
        f"delete): while it is there the share cannot be restored in place."
    )


def _plain(rule: View) -> Rule:
    """As its owner made it: one that is read-only for a while is recorded with its own level."""
    metadata = rule.get("metadata") or {}
    own = access_holds.without(metadata)
    return {
        "access_type": str(rule["access_type"]),
        "access_to": str(rule["access_to"]),
        "access_level": _HELD_FROM if access_holds.is_held(metadata) else rule.get("access_level"),
        "metadata": {name: str(value) for name, value in own.items()},
    }


def _key(rule: View) -> tuple[str, str]:
    return str(rule["access_type"]), str(rule["access_to"])


def _named(rule: Rule) -> str:
    return f"access rule {rule['access_type']} {rule['access_to']} ({rule['access_level']})"
