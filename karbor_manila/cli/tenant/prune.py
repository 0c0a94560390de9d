# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila prune --dry-run``: what do the keep rules of a plan keep, and what goes?"""

import argparse
from typing import TYPE_CHECKING, Any

from karbor_manila.cli import columns
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.base import TenantLister, chosen_plans
from karbor_manila.common.errors import InvalidParameter

if TYPE_CHECKING:
    from karbor_manila.common.keep_rules import KeepRules

_COLUMNS = ("Plan", "Checkpoint", "Made At", "Status", "Verdict", "Why")
_SHORT = ("Checkpoint", "Made At", "Verdict", "Why")


class Prune(TenantLister):
    """Show what the keep rules of plans (keep_daily and so on) keep, and what goes.

    One line for each checkpoint, the newest first, with the rules that keep it. Nothing is removed:
    Karbor carries the rules out itself, after each checkpoint of the plan and every hour. What
    somebody works with then goes later.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which plans, and which rules."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--plan",
            action="append",
            default=[],
            metavar="PLAN",
            help="id or name of a plan, the id first; may be given several times. By default all "
            "of the project that have keep rules.",
        )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="show it for these rules in place of the plan's, such as keep_daily=7; may be "
            "given several times.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="needed: it says that nothing is removed here."
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each checkpoint."""
        if not parsed_args.dry_run:
            raise WrongUsage(
                "Karbor carries the keep rules out itself; --dry-run shows what they keep. What is "
                "to go at once is deleted by its id."
            )
        instead = _instead(parsed_args.set)
        plans = chosen_plans(self.karbor, parsed_args.plan)
        rows = []
        for plan in plans:
            rules = instead or _rules(plan)
            if rules or parsed_args.plan:
                rows += self._rows(plan, rules)
        several = len({row["Plan"] for row in rows}) > 1
        machine = parsed_args.formatter != "table"
        shown = _COLUMNS if several or machine else _SHORT
        return shown, [[row[name] for name in shown] for row in rows]

    def _rows(self, plan: dict[str, Any], rules: "KeepRules") -> list[dict[str, Any]]:
        from karbor_manila.cli.tenant import kept  # noqa: PLC0415 - with what it needs
        from karbor_manila.common import keeping  # noqa: PLC0415

        listed = {
            each["id"]: each for each in self.karbor.checkpoints(plan["provider_id"], plan["id"])
        }
        at_rest = [each for each in listed.values() if each["status"] in (reading.GOOD, "error")]
        now = self.time.utcnow()
        found = [kept.as_made(each, place, now) for place, each in enumerate(at_rest)]
        rows = [
            {
                "Plan": plan["name"] or plan["id"],
                "Checkpoint": verdict.checkpoint.id,
                "Made At": columns.Moment(verdict.checkpoint.made),
                "Status": listed[verdict.checkpoint.id]["status"],
                "Verdict": "keep" if verdict.stays else "remove",
                "Why": columns.Lines(list(verdict.why)),
            }
            for verdict in keeping.decide(found, rules)
        ]
        if not all(kept.made_at(each)[1] for each in at_rest):
            self.inform(
                f"Plan {plan['name'] or plan['id']}: this Karbor tells only the days of its "
                f"checkpoints, which are taken for days in UTC."
            )
        return rows


def _instead(pairs: list[str]) -> "KeepRules | None":
    """The rules that were given in place of the plan's."""
    from karbor_manila.common import keep_rules  # noqa: PLC0415 - time zones take time to load

    given = {}
    for word in pairs:
        name, equals, value = word.partition("=")
        if not equals or name not in (*keep_rules.PARTS, keep_rules.ZONE):
            known = ", ".join((*keep_rules.PARTS, keep_rules.ZONE))
            raise WrongUsage(f"--set {word}: it takes KEY=VALUE, of {known}.")
        given[name] = value
    if not given:
        return None
    try:
        rules = keep_rules.of_plan({reading.SHARE: given})
    except InvalidParameter as error:
        raise WrongUsage(str(error)) from error
    if not rules:
        # A zone alone: the plan's own rules, which would be shown for none, may have another one.
        known = ", ".join(keep_rules.PARTS)
        raise WrongUsage(f"--set {' '.join(pairs)}: give a rule as well, of {known}.")
    return rules


def _rules(plan: dict[str, Any]) -> "KeepRules":
    """What a plan asks for; what cannot be read is refused by its next protection."""
    from karbor_manila.common import keep_rules  # noqa: PLC0415 - as above

    try:
        return keep_rules.of_plan(plan.get("parameters"))
    except InvalidParameter as error:
        raise WrongUsage(f"Plan {plan['name'] or plan['id']}: {error}") from error
