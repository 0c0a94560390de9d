# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila doctor``: is there anything wrong with Karbor, Manila and what is between?"""

import argparse
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from karbor_manila.cli import diagnosing
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.operator.commands import HostCommand

#: What they log is in the lines of the doctor.
_SAYING_IT_TWICE = ("karbor", "karbor_manila", "stevedore", "keystoneauth")


class Doctor(HostCommand):
    """Look for what is wrong with Karbor, Manila and what is between them.

    A line for each thing that was looked at: good, doubtful or bad, with what to do. Nothing is
    changed, but that an object is written into each bank and removed again. A check that fails or
    takes longer than --timeout is a line, too, and does not end the others. Exit code 3: something
    is bad; what is doubtful counts with --strict.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, which checks, and what counts."""
        parser = super().get_parser(prog_name)
        diagnosing.add_options(parser)
        parser.add_argument(
            "--releases",
            action="store_true",
            help="also ask the package index, with pip, for newer releases.",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each finding.

        :raises WrongUsage: there is no such check
        """
        from karbor_manila.cli.operator.checks.catalogue import CHECKS  # noqa: PLC0415
        from karbor_manila.cli.operator.checks.facts import HostFacts  # noqa: PLC0415

        if strange := diagnosing.unknown(CHECKS, parsed_args.check):
            raise WrongUsage(strange)
        if parsed_args.list_checks:
            return diagnosing.listed(CHECKS)
        facts = HostFacts(
            parsed_args.config_file,
            # What a service says of itself tells more than that a check took too long.
            parsed_args.timeout / 2,
            look_for_releases=parsed_args.releases,
        )
        with _quiet(self.app.options.verbose_level):
            table, self.left = diagnosing.examined(CHECKS, facts, parsed_args)
        return table


@contextlib.contextmanager
def _quiet(verbose_level: int) -> Iterator[None]:
    """Logs only when they are asked for (-v)."""
    loggers = [logging.getLogger(name) for name in _SAYING_IT_TWICE]
    before = [logger.level for logger in loggers]
    if verbose_level <= 1:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
