# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila hold`` and ``release``: a checkpoint that nobody removes for a while."""

import argparse
import datetime
from typing import Any

from karbor_manila.cli import columns
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant.of_checkpoint import OfCheckpoint

# As hold_why in schemas/verify.json.
_LONGEST = 255


class _OfHold(OfCheckpoint):
    """Shows the hold that there is or was."""

    def facts(self, told: dict[str, Any]) -> dict[str, Any]:
        """What is shown of the answer."""
        hold = told.get("hold") or {}
        return {name: columns.Text(hold.get(name)) for name in ("why", "by", "since", "until")}


class Hold(_OfHold):
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
            help=f"for whoever finds that it cannot be deleted; at most {_LONGEST} characters.",
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
        if (length := len(given.why)) > _LONGEST:
            raise WrongUsage(f"--why has {length} characters: it is {_LONGEST} at most.")
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


class Release(_OfHold):
    """End the hold on a checkpoint: it may be removed again as any other.

    Whoever may delete the checkpoint may release it; what an administrator of another project
    holds, an administrator alone. Nothing is deleted by it. Exit code 1: it could not be done.
    """

    depth = "release"
