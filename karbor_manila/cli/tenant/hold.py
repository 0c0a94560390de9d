# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila hold`` and ``release``: a checkpoint that nobody removes for a while."""

import argparse
import datetime
from typing import Any, ClassVar

from cliff.show import ShowOne

from karbor_manila.cli import columns
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.base import TenantCommand, add_checkpoint, add_timeout


class _OfCheckpoint(TenantCommand, ShowOne):
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
        from karbor_manila.cli.tenant.following import Follower  # noqa: PLC0415

        wanted = {"depth": self.depth} | self.wanted(parsed_args)
        found = self.find_checkpoint(parsed_args.checkpoint, parsed_args.provider)
        record = self.karbor.begin(
            "verification", found["provider_id"], found["id"], {reading.SHARE: wanted}
        )
        follower = Follower(self.karbor, "verification", parsed_args.timeout, self.time)
        record = follower.end_of(record)
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
        """What is shown of the answer."""
        hold = told.get("hold") or {}
        return {name: columns.Text(hold.get(name)) for name in ("why", "by", "since", "until")}


class Hold(_OfCheckpoint):
    """Hold a checkpoint: neither retention nor a DELETE removes it, nor a restore in place.

    It is over with the end of the day of --until (UTC), or with karbor-manila release. The same
    user may hold it again to change why and until when; what another user holds is refused. Exit
    code 1: it could not be done.
    """

    depth = "hold"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Why and how long."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--why",
            required=True,
            metavar="TEXT",
            help="for whoever finds that it cannot be deleted; at most 255 characters.",
        )
        parser.add_argument(
            "--until",
            metavar="DAY",
            help="the last day of the hold, YYYY-MM-DD in UTC. By default until it is released.",
        )
        return parser

    def wanted(self, given: argparse.Namespace) -> dict[str, str]:
        """Raises WrongUsage for what Karbor would refuse."""
        if not given.why.strip():
            raise WrongUsage("--why is empty. Say why the checkpoint is held.")
        wanted = {"hold_why": given.why}
        if given.until:
            today = self.time.utcnow().date()
            try:
                day = datetime.date.fromisoformat(given.until)
            except ValueError:
                raise WrongUsage(
                    f"--until {given.until}: it is no day; give it as YYYY-MM-DD."
                ) from None
            if day < today:
                raise WrongUsage(f"--until {day}: it is over; today is {today} (UTC).")
            wanted["hold_until"] = day.isoformat()
        return wanted


class Release(_OfCheckpoint):
    """End the hold on a checkpoint: it may be removed again as any other.

    Whoever may delete the checkpoint may release it; what an administrator of another project
    holds, an administrator alone. Nothing is deleted by it. Exit code 1: it could not be done.
    """

    depth = "release"
