# SPDX-License-Identifier: Apache-2.0
"""What is asked of Karbor for a whole checkpoint: a hold, its end, and an undelete."""

import argparse
from typing import Any, ClassVar

from cliff.show import ShowOne

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.base import TenantCommand, add_checkpoint, add_timeout


class OfCheckpoint(TenantCommand, ShowOne):
    """Asks for something that is of a whole checkpoint, and tells how it stands then.

    Karbor's API has no request of its own for it: it is a verification that checks nothing.
    """

    depth: ClassVar[str]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which checkpoint."""
        parser = super().get_parser(prog_name)
        add_checkpoint(parser)
        add_timeout(parser, 120)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each fact."""
        wanted = {"depth": self.depth} | self.wanted(parsed_args)
        found = self.find_checkpoint(parsed_args.checkpoint, parsed_args.provider)
        record = self.karbor.begin(
            "verification", found["provider_id"], found["id"], {reading.SHARE: wanted}
        )
        record = self.follower("verification", parsed_args.timeout).end_of(record)
        told: dict[str, Any] = {}
        if record["status"] == reading.SUCCESS:
            for _of, _status, reason in reading.outcomes(record):
                told = reading.details(reason) or told
            self.inform(str(told.get("told") or ""))
        else:
            self.went_wrong(*reading.why_failed(record))
        about = {"checkpoint": found["id"], "result": told.get("way") or record["status"]}
        about |= self.facts(told)
        return tuple(about), tuple(about.values())

    def wanted(self, given: argparse.Namespace) -> dict[str, str]:
        """What is asked for besides, as Karbor takes it. Raises WrongUsage."""
        return {}

    def facts(self, told: dict[str, Any]) -> dict[str, Any]:
        """What is shown of the answer besides."""
        return {}
