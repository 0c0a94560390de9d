# SPDX-License-Identifier: Apache-2.0
"""What a tenant's command is made of whose result is no table: no formats, no columns."""

import argparse
from typing import Any

from cliff.command import Command

from karbor_manila.cli.output import Output
from karbor_manila.cli.tenant.base import TenantCommand


class _NoTable(Output):
    """Stands between what tenants' commands have in common and cliff's formats, and leaves them
    out."""

    formatter_namespace = formatter_default = ""

    def _load_formatter_plugins(self) -> Any:
        return ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """That of a command, without what is about formats."""
        return Command.get_parser(self, prog_name)

    def run(self, parsed_args: argparse.Namespace) -> int:
        """The exit code is what the action returns."""
        return Command.run(self, parsed_args)


class PlainCommand(TenantCommand, _NoTable):
    """A command that asks Karbor's API and writes its result itself."""
