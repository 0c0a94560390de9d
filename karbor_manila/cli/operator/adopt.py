# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila adopt``: checkpoints that the bank has lost, written again from Manila."""

import argparse
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from karbor_manila.cli.columns import Lines, Moment, Text
from karbor_manila.cli.operator.bank import provider_of
from karbor_manila.cli.operator.commands import HostCommand
from karbor_manila.common.errors import KarborManilaError

if TYPE_CHECKING:
    from karbor_manila.cli.operator.host import Host
    from karbor_manila.recovery.adoptable import Adoptable, Search
    from karbor_manila.recovery.adoption import Adopted, Adoption

LOG = logging.getLogger(__name__)

_COLUMNS = ("Checkpoint", "Project", "Plan", "Made At", "Shares", "Without", "State")


class Adopt(HostCommand):
    """List the checkpoints that a bank has never held although Manila keeps their shares, or write
    them into it again.

    For a bank that was put back from an older copy. Without a checkpoint and without --all nothing
    is changed. Nothing is ever changed or removed in Manila. Exit code 3: something could be
    adopted and was not asked for, or has come back without some of its shares. Exit code 1 and a
    list: something that was asked for could not be adopted.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and which checkpoints."""
        parser = super().get_parser(prog_name)
        parser.add_argument("provider", metavar="PROVIDER", help="The id of the provider.")
        parser.add_argument(
            "checkpoint", metavar="CHECKPOINT", nargs="*", help="The id of a checkpoint to adopt."
        )
        parser.add_argument("--all", action="store_true", help="Adopt all that are listed.")
        parser.add_argument(
            "--project",
            default="",
            metavar="ID",
            help="Whose the checkpoints are, when the marks of several projects name one. Marks in "
            "other projects may be forged and are passed over.",
        )
        parser.add_argument(
            "--plan",
            default="",
            metavar="ID",
            help="The plan that the checkpoints are to be of, when Karbor's database knows none.",
        )
        parser.add_argument(
            "--bank",
            default="",
            metavar="ID",
            help="The id of a bank that is lost for good, whose marks count in place of those of "
            "the bank that is there.",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each checkpoint."""
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415
        from karbor_manila.recovery.adoptable import Search  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        provider = provider_of(host, parsed_args.provider)
        wanted = parsed_args.checkpoint
        changes = bool(wanted or parsed_args.all)
        if changes:
            host.check_user(provider, f"adopt {provider.id}")
        bank_id = _bank_id(provider, parsed_args.bank)
        search = Search(provider, bank_id, plan_id=parsed_args.plan, project_id=parsed_args.project)
        if not changes:
            listed = [self._listed(found) for found in search.find()]
            half = search.half_done()
            self.left |= bool(half)
            state = "begun, and not listed yet: can be adopted"
            return _COLUMNS, listed + [_bare(checkpoint_id, state) for checkpoint_id in half]
        return _COLUMNS, list(self._adopted(host, provider, search, bank_id, wanted))

    def _listed(self, found: "Adoptable") -> tuple[Any, ...]:
        self.left = True
        without = [*found.missing, *found.passed_over]
        return _row(found, list(found.keeping), without, found.why_not or "can be adopted")

    def _adopted(
        self, host: "Host", provider: Any, search: "Search", bank_id: str, wanted: list[str]
    ) -> Iterator[tuple[Any, ...]]:
        from karbor_manila.recovery.adoption import Adoption  # noqa: PLC0415

        held = host.claims()
        with host.told(), host.alive(held, [provider]):
            adoption = Adoption(provider, held, search, bank_id)
            left = set(wanted)
            every = search.find(wanted)
            for checkpoint_id in search.half_done(wanted):
                left.discard(checkpoint_id)
                yield self._completed(adoption, checkpoint_id)
            for found in every:
                left.discard(found.id)
                yield self._one(adoption, found)
            for checkpoint_id in sorted(left):
                self.failed = True
                yield _bare(
                    checkpoint_id, "Manila has nothing that bears its mark, or it is in the bank"
                )

    def _completed(self, adoption: "Adoption", checkpoint_id: str) -> tuple[Any, ...]:
        """One that was adopted but for the index; as :meth:`_one`."""
        try:
            adoption.complete(checkpoint_id)
        except KarborManilaError as error:
            LOG.error("%s", error)
            self.failed = True
            return _bare(checkpoint_id, f"failed: {error}")
        return _bare(checkpoint_id, "adopted")

    def _one(self, adoption: "Adoption", found: "Adoptable") -> tuple[Any, ...]:
        """One that resists must not keep the others from being adopted."""
        try:
            done: Adopted = adoption.adopt(found)
        except KarborManilaError as error:
            LOG.error("%s", error)
            self.failed = True
            return _row(found, [], list(found.keeping), f"failed: {error}")
        without = [*found.missing, *found.passed_over, *done.without.values()]
        self.left |= bool(found.missing or done.without)
        return _row(found, list(done.shares), without, "adopted")


def _bank_id(provider: Any, lost_id: str) -> str:
    """The id of the bank whose marks count.

    :param lost_id: of a bank that is lost; empty for the one that is there
    :raises BankSuspect: there is none, or the lost one is in use
    """
    from karbor_manila.bank import identity  # noqa: PLC0415
    from karbor_manila.recovery.errors import BankSuspect  # noqa: PLC0415

    there = identity.compare(provider.bank, provider.id)
    if there is None:
        raise BankSuspect(provider.name, "it has no id, so it is empty or new")
    if lost_id in ("", there):
        return there
    for known in identity.KNOWN.all():
        if known.bank_id == lost_id:
            why = f"bank {lost_id} is not lost but that of provider {known.provider_id}"
            raise BankSuspect(provider.name, why)
    return lost_id


def _bare(checkpoint_id: str, state: str) -> tuple[Any, ...]:
    """One of which no more is known."""
    return (checkpoint_id, "", "", Moment(None), Lines([]), Lines([]), state)


def _row(found: "Adoptable", shares: list[str], without: list[str], state: str) -> tuple[Any, ...]:
    return (
        found.id,
        found.project_id,
        Text(found.plan.name or found.plan.id),
        Moment(found.made_at),
        Lines(shares),
        Lines(without),
        state,
    )
