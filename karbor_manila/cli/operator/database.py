# SPDX-License-Identifier: Apache-2.0
"""The operator's commands about our tables in Karbor's database: their version and its upgrade."""

import argparse
from typing import Any

from karbor_manila.cli.columns import Text
from karbor_manila.cli.operator.commands import HostCommand


class DbVersion(HostCommand):
    """Show the version of our tables in Karbor's database, and the one that this release needs.

    Nothing is changed. Exit code 3: it is another one. An older one is upgraded by
    karbor-protection at its start, or by 'karbor-manila db upgrade'.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line."""
        from karbor_manila.database import schema  # noqa: PLC0415

        found = schema.version(_engine(parsed_args))
        if found == schema.HEAD:
            state = "as needed"
        elif found is None:
            state = "never upgraded"
        else:
            state = "older" if found in schema.REVISIONS else "of a later release"
        self.left = found != schema.HEAD
        return ("Version", "Needed", "State"), [(Text(found), schema.HEAD, state)]


class DbUpgrade(HostCommand):
    """Bring our tables in Karbor's database to the version that this release needs.

    karbor-protection does the same at its start. The command is for a database user who may change
    tables, where Karbor's own may not: give it a configuration file with that user's connection.
    Processes may go on working, those of the release before, too.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line: the version before, and now."""
        from karbor_manila.database import schema  # noqa: PLC0415

        before, now = schema.upgrade(_engine(parsed_args))
        return ("Before", "Now"), [(Text(before), now)]


def _engine(parsed_args: argparse.Namespace) -> Any:
    from karbor.db.sqlalchemy import api as karbor_db  # noqa: PLC0415

    from karbor_manila.cli.operator import host  # noqa: PLC0415

    host.configure(parsed_args.config_file)
    return karbor_db.get_engine()
