# SPDX-License-Identifier: Apache-2.0
"""What the tenant's commands have in common, in ``karbor-manila`` and in ``openstack``. They speak
to Karbor's API and never import Karbor: where they run there is no karbor.conf, and to load
eventlet takes long."""

import argparse
import functools
import sys
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from karbor_manila.cli import numbers
from karbor_manila.cli.errors import KarborRefused, WrongUsage
from karbor_manila.cli.output import Output
from karbor_manila.cli.tenant import cloud_options, reading
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.visible import visible

if TYPE_CHECKING:
    from karbor_manila.cli.tenant.api import Karbor, View
    from karbor_manila.cli.tenant.following import Follower
    from karbor_manila.common.clock import Clock

#: The exit code when something is not well.
NOT_WELL = 3
_ERROR, _WRONG_USAGE = 1, 2

HOUR = 3600.0

#: The words that the OpenStack client knows our commands by.
IN_OPENSTACK = "openstack share protection"


class TenantCommand(Output):
    """A command that asks Karbor's API.

    :cvar clock: for tests; None for the real one
    """

    # Of the cloud's options --timeout is replaced by ours.
    conflict_handler = "resolve"
    clock: "Clock | None" = None

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The cloud's options, before those of the command; ``openstack`` has taken its own."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        if self.in_openstack:
            return parser
        argv = getattr(self.app, "argv", None) or sys.argv[1:]
        if cloud_options.are_enough(argv):
            cloud_options.show(parser)
            return parser
        # Here and below: what takes long to load is loaded when it is needed.
        from karbor_manila.cli.tenant.cloud import Cloud  # noqa: PLC0415

        self.cloud = Cloud(parser, argv)
        return parser

    @property
    def in_openstack(self) -> bool:
        """Whether it is the OpenStack client that runs the command: that has logged in."""
        return hasattr(self.app, "client_manager")

    @property
    def program(self) -> str:
        """What stands before the name of a command of ours."""
        return IN_OPENSTACK if self.in_openstack else "karbor-manila"

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print what was found; the exit code says whether it is well."""
        from karbor_manila.common.clock import Clock  # noqa: PLC0415

        self.code = 0
        self.time = self.clock or Clock()
        self._given = parsed_args
        try:
            return super().run(parsed_args) or self.code
        except WrongUsage as error:
            self.inform(str(error))
            return _WRONG_USAGE

    @functools.cached_property
    def karbor(self) -> "Karbor":
        """Karbor, as the one who has called the command.

        Made when it is first needed: what is wrong on the command line, and what needs no cloud, is
        told to those who have no login, too.

        :raises KarborRefused: no cloud is named, or not all that a login needs
        """
        if not self.in_openstack:
            return self.cloud.karbor(self._given, self.time)
        from karbor_manila.cli.tenant.api import Karbor  # noqa: PLC0415

        return Karbor(self.app.client_manager.share_protection, self.time)

    def follower(self, kind: str, seconds: float) -> "Follower":
        """Who waits for a ``restore`` or ``verification``, for so many seconds."""
        from karbor_manila.cli.tenant.following import Follower  # noqa: PLC0415
        from karbor_manila.cli.tenant.progress import printer  # noqa: PLC0415

        shown = printer(quiet=self.app.options.verbose_level == 0)
        return Follower(self.karbor, kind, seconds, self.time, self.program, shown)

    def not_well(self) -> None:
        """Something is not as it should be; an error is worse."""
        self.code = self.code or NOT_WELL

    def went_wrong(self, *reasons: str) -> None:
        """What was asked for has failed."""
        self.code = _ERROR
        for reason in reasons:
            self.inform(reason)

    @staticmethod
    def inform(line: str) -> None:
        """One line for people, which is not part of the result."""
        sys.stderr.write(f"{visible(line)}\n")

    def find_checkpoint(self, checkpoint_id: str, provider_id: str | None = None) -> "View":
        """The checkpoint; ``provider_id`` in it is that of the provider to ask for it.

        :param provider_id: None to try them all
        :raises KarborRefused: no provider has it
        """
        failure: KarborManilaError | None = None
        for candidate in [provider_id] if provider_id else self._provider_ids():
            try:
                found = self.karbor.checkpoint(candidate, checkpoint_id)
            except KarborManilaError as error:
                # That one provider does not answer, or refuses it as of another project, is worth
                # more than that another does not have it.
                if failure is None or getattr(error, "status", 0) != 404:
                    failure = error
                continue
            # Providers can share a bank; the plan's own knows how to give back what is in it.
            own = (found.get("protection_plan") or {}).get("provider_id")
            return {**found, "provider_id": provider_id or own or candidate}
        if failure is None or getattr(failure, "status", 0) == 404:
            raise KarborRefused(
                f"show checkpoint {checkpoint_id}", 404, "none of its providers has it"
            )
        raise failure

    def _provider_ids(self) -> list[str]:
        return [provider["id"] for provider in self.karbor.providers()]


class TenantLister(TenantCommand, Lister):
    """A command whose result is a table."""


def add_checkpoint(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """The checkpoint that a command is about."""
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        nargs="?" if optional else None,
        help="id of a checkpoint",
    )
    parser.add_argument(
        "--provider",
        metavar="ID",
        help="the provider that has the checkpoint. By default all are tried.",
    )


def add_timeout(parser: argparse.ArgumentParser, seconds: float = HOUR) -> None:
    """How long a command waits."""
    parser.add_argument(
        "--timeout",
        type=numbers.fraction(),
        default=seconds,
        metavar="SECONDS",
        help=f"how long to wait (default: {seconds:.0f}). What has begun goes on afterwards.",
    )


def add_plans(parser: argparse.ArgumentParser) -> None:
    """Which plans a command is about, and how old a checkpoint may be."""
    parser.add_argument(
        "--plan",
        action="append",
        default=[],
        metavar="PLAN",
        help="id or name of a plan, the id first; may be given several times. By default all of "
        "the project.",
    )
    parser.add_argument(
        "--max-age",
        type=numbers.fraction(),
        metavar="HOURS",
        help="not well (exit code 3) when the newest good checkpoint of a plan is older.",
    )


def chosen_plans(karbor: "Karbor", words: list[str]) -> list[Any]:
    """The plans with these ids or names, by name; all for none.

    :raises WrongUsage: there is no such plan, or the name is that of more than one
    """
    plans = sorted(karbor.plans(), key=lambda plan: (plan["name"] or "", plan["id"]))
    known = [(plan["id"], plan["name"], plan) for plan in plans]
    chosen = set()
    for word in words:
        fitting = reading.called(known, word)
        if not fitting:
            raise WrongUsage(f"There is no plan {word!r} in this project.")
        if len(fitting) > 1:
            ids = ", ".join(plan["id"] for plan in fitting)
            raise WrongUsage(f"{word!r} is the name of several plans: {ids}.")
        chosen.add(fitting[0]["id"])
    return [plan for plan in plans if not words or plan["id"] in chosen]
