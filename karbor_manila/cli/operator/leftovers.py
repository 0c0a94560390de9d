# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila gc``: what drivers made for restores and copies, and nobody removed."""

import argparse
import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from karbor_manila.cli import numbers
from karbor_manila.cli.operator.commands import HostCommand
from karbor_manila.common.errors import KarborManilaError

if TYPE_CHECKING:
    from karbor_manila.recovery.gc import Leftover, Leftovers

LOG = logging.getLogger(__name__)


class Gc(HostCommand):
    """List what drivers made for restores and copies, besides their shares, and nobody removed.

    The manager removes the same from time to time (gc_interval of karbor.conf). Exit code 3:
    something was found (without --remove), or something could not be removed. Exit code 1 and a
    list: the list lacks what a driver or a bank did not show.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and what to do about it."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--remove",
            action="store_true",
            help="Let the drivers remove what is listed with the action remove.",
        )
        parser.add_argument(
            "--grace",
            type=numbers.fraction(),
            metavar="SECONDS",
            help="Leave alone what is younger (by default gc_grace of karbor.conf).",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each leftover."""
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415
        from karbor_manila.recovery.gc import Leftovers  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        held = host.claims()
        grace = host.settings.gc_grace if parsed_args.grace is None else parsed_args.grace
        # What is removed is claimed, and a claim counts with a fresh lease alone.
        remove, ours = parsed_args.remove, host.ours()
        mine = host.writable("gc --remove") if remove else ours
        here = [provider for provider in ours if provider in mine]
        alive = host.alive(held, mine) if remove else contextlib.nullcontext()
        with alive:
            rows = [
                row
                for provider in here
                for row in self._rows(provider, Leftovers(provider, held, grace=grace), remove)
            ]
        self.failed |= len(here) < len(ours)
        return (
            (
                "Driver",
                "Leftover",
                "Checkpoint",
                "Restore",
                "Project",
                "Since",
                "Why",
                "Done" if remove else "Action",
            ),
            rows,
        )

    def _rows(self, provider: Any, leftovers: "Leftovers", remove: bool) -> Iterator[Any]:
        try:
            found = leftovers.find()
        except KarborManilaError as error:
            # What was removed for another provider has to be reported.
            LOG.error("Provider %s: %s", provider.name, error)
            self.failed = True
            return
        self.failed |= bool(leftovers.errors)  # the log has them
        for each in found:
            yield (
                each.driver,
                each.id,
                each.mark.checkpoint,
                each.mark.restore,
                each.project_id,
                each.created_at or "",
                each.why,
                self._about(leftovers, each, remove),
            )

    def _about(self, leftovers: "Leftovers", each: "Leftover", remove: bool) -> str:
        """The last column. One that resists must not keep the others from being removed."""
        if not remove:
            self.left = True
            return "remove" if each.removable else "none"
        try:
            outcome = leftovers.remove(each)
        except KarborManilaError as error:
            self.left = True
            return f"failed: {error}"
        self.left |= not outcome.settled
        return str(outcome)
