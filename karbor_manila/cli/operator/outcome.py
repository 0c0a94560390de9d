# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila outcome``: the whole report of a restore or verification, on Karbor's host."""

import argparse
from typing import Any

from karbor_manila.cli import columns
from karbor_manila.cli.operator.commands import HostCommand


class Outcome(HostCommand):
    """Show the whole report of a restore or verification of very many shares.

    Karbor's database has room for 64 KiB of it; what was shortened there is whole in the bank.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which restore or verification."""
        parser = super().get_parser(prog_name)
        parser.add_argument("record", metavar="ID", help="of the restore or verification.")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each share of the checkpoint."""
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415
        from karbor_manila.service import reports  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        providers = {provider.id: provider for provider in host.providers}
        lines = list(reports.of(providers, parsed_args.record))
        return (
            ("Share", "Told Of", "Status", "Told"),
            [
                (line.share, line.resource, line.status, columns.Text(line.reason or None))
                for line in lines
            ],
        )
