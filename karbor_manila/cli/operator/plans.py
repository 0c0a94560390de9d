# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila plans``: the copies of plans in the banks, and a lost database that gets them."""

import argparse
import logging
from typing import TYPE_CHECKING, Any

from cliff.columns import FormattableColumn

from karbor_manila.cli.columns import Text
from karbor_manila.cli.operator.commands import HostCommand
from karbor_manila.common.errors import KarborManilaError

if TYPE_CHECKING:
    from karbor_manila.bank.plan_copies import Place, PlanCopy
    from karbor_manila.database.plans import Plans

LOG = logging.getLogger(__name__)

_COLUMNS = (
    "Plan", "Name", "Project", "Provider", "Resources", "Parameters", "Schedules",
    "Lost Schedules", "State",
)  # fmt: skip

#: States of a plan.
_THERE, _DELETED, _LOST = "in the database", "deleted in the database", "not in the database"


class _Count(FormattableColumn[Any]):
    """Entries, of which people see how many."""

    def human_readable(self) -> str:
        return str(len(self._value) or "")

    def machine_readable(self) -> Any:
        return self._value


class _PlansCommand(HostCommand):
    """A command about the copies in the banks of the providers of ours."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and which plans."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--project", default="", metavar="ID", help="Only the plans of this project."
        )
        parser.add_argument(
            "plan", metavar="PLAN", nargs="*", help="The id of a plan. By default all."
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each plan."""
        from karbor_manila.bank import identity, plan_copies  # noqa: PLC0415
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415
        from karbor_manila.database import plans  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        there = plans.read()
        wanted, rows = set(parsed_args.plan), []
        for provider in host.ours():
            try:
                identity.compare(provider.bank, provider.id)
                self.check(host, provider)
                for place, copy in plan_copies.everything(provider.bank, provider.id):
                    if parsed_args.project not in ("", place.project_id):
                        continue
                    if not wanted or place.plan_id in wanted:
                        rows.append(self._row(provider, place, copy, there))
            except KarborManilaError as error:
                # What there is in another bank has to be shown.
                LOG.error("Provider %s: %s", provider.name, error)
                self.failed = True
        for plan_id in sorted(wanted - {row[0] for row in rows}):
            LOG.error("No bank has a copy of plan %s", plan_id)
            self.failed = True
        return _COLUMNS, rows

    def check(self, host: Any, provider: Any) -> None:
        """Whether this user may do what the command does. Raises WrongUser."""

    def settle(self, provider: Any, copy: "PlanCopy", there: "Plans") -> str:
        """Do what the command is for.

        :returns: the last column
        """
        plan_id = copy.place.plan_id
        if plan_id in there.plans:
            self.left |= bool(copy.lost_schedules)
            return _THERE
        if plan_id in there.deleted:
            return _DELETED
        self.left = True
        return _LOST

    def _row(self, provider: Any, place: "Place", copy: Any, there: "Plans") -> tuple[Any, ...]:
        ids = (place.plan_id, place.project_id, place.provider_id)
        if isinstance(copy, KarborManilaError):
            self.failed = True
            nothing = _Count([])
            return (
                ids[0], Text(None), *ids[1:], nothing, _Count({}), nothing, nothing, str(copy),
            )  # fmt: skip
        state = self.settle(provider, copy, there)
        return (
            ids[0],
            Text(copy.plan["name"]),
            *ids[1:],
            _Count(list(copy.plan["resources"])),
            _Count(dict(copy.plan["parameters"])),
            _Count(list(copy.schedules)),
            _Count(list(copy.lost_schedules)),
            state,
        )


class PlansList(_PlansCommand):
    """List the plans whose copies are in the banks, with their schedules.

    Nothing is changed. 'karbor-manila schedules import' takes what '-f json' prints. Exit code 3: a
    plan, or a schedule of one, is not in Karbor's database.
    """


class PlansImport(_PlansCommand):
    """Put the plans that Karbor's database has lost back into it, from their copies in the banks.

    Each gets the id that it had, so that its checkpoints are its own again. What is there, or was
    deleted there, stays as it is. Karbor's services may run. Exit code 3: schedules are lost, too;
    a user of the project makes them again by 'karbor-manila schedules import', because each needs a
    trust of a user.
    """

    def check(self, host: Any, provider: Any) -> None:
        """It writes into the bank."""
        host.check_user(provider, "plans import")

    def settle(self, provider: Any, copy: "PlanCopy", there: "Plans") -> str:
        """Put a lost one back."""
        from karbor_manila.bank import identity, plan_copies  # noqa: PLC0415
        from karbor_manila.database import plans  # noqa: PLC0415

        before = self.left
        state = super().settle(provider, copy, there)
        if state != _LOST:
            return state
        self.left = before or bool(copy.schedules or copy.lost_schedules)
        try:
            identity.confirm(provider.bank, provider.id)
            # Before the plan: whoever sees it without its schedules must not take them for deleted.
            lost = copy.as_lost()
            if lost != copy:
                plan_copies.write(provider.bank, lost)
            plans.put_back(copy.plan)
        except KarborManilaError as error:
            LOG.error("%s", error)
            self.failed = True
            return f"failed: {error}"
        return "put back"
