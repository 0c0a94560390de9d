# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila doctor tenant``: is there anything wrong, as far as a tenant can see?"""

import argparse
from typing import Any

from karbor_manila.cli import diagnosing
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant.base import TenantLister


class DoctorTenant(TenantLister):
    """Look for what is wrong between a project, Karbor and Manila.

    A line for each thing that was looked at: good, doubtful or bad, with what to do. Nothing is
    changed. Operators have 'karbor-manila doctor', which looks deeper, on Karbor's host. Exit code
    3: something is bad; what is doubtful counts with --strict.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which checks, and what counts."""
        parser = super().get_parser(prog_name)
        diagnosing.add_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each finding.

        :raises WrongUsage: there is no such check
        """
        from karbor_manila.cli.tenant.checks import CHECKS  # noqa: PLC0415
        from karbor_manila.cli.tenant.surroundings import Surroundings  # noqa: PLC0415

        if strange := diagnosing.unknown(CHECKS, parsed_args.check):
            raise WrongUsage(strange)
        if parsed_args.list_checks:
            return diagnosing.listed(CHECKS)
        # What a service says of itself tells more than that a check took too long.
        cloud = Surroundings(lambda: self.karbor, self.time, parsed_args.timeout / 2)
        table, wrong = diagnosing.examined(CHECKS, cloud, parsed_args)
        if wrong:
            self.not_well()
        return table
