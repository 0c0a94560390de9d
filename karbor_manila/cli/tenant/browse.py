# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila browse``: a file of yesterday, without a restore."""

import argparse
import datetime
from typing import Any

from karbor_manila.cli import columns
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.base import TenantLister, add_checkpoint, add_timeout
from karbor_manila.cli.tenant.reading import SHARE, Share
from karbor_manila.common import access_to, durations

_USUAL, _SHORTEST, _LONGEST = "1h", 10, 30 * 86400


class Browse(TenantLister):
    """Mount the snapshot of a share beside the share, read-only, for a while.

    With --to the one who is named may mount it until the time is over, and where is told; the same
    again makes it longer. With --end that is taken back at once, with --list what is open is told.
    Nothing is restored, and the share itself is not touched. Exit code 1: it could not be done.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which snapshot, for whom and how long."""
        parser = super().get_parser(prog_name)
        add_checkpoint(parser)
        parser.add_argument(
            "share",
            metavar="SHARE",
            nargs="?",
            help="the share (its id, or its name in the checkpoint); may be left out when the "
            "checkpoint has one alone. --end and --list are for all of them without it.",
        )
        parser.add_argument(
            "--to",
            metavar="CIDR|USER",
            help="who may mount the snapshot: an address, a network, or the name of a user.",
        )
        parser.add_argument(
            "--access-type",
            choices=(access_to.IP, access_to.USER, access_to.CERT),
            help="what --to is. By default an address or a network is ip, anything else is user.",
        )
        parser.add_argument(
            "--for",
            dest="length",
            metavar="TIME",
            help=f"for how long, such as 30m, 1h, 2d; from {_SHORTEST}s to "
            f"{_LONGEST // 86400}d (default: {_USUAL}).",
        )
        parser.add_argument(
            "--end",
            action="store_true",
            help="take access back now: that of --to, or all that was given by this command.",
        )
        parser.add_argument(
            "--list", dest="listed", action="store_true", help="tell what access is open."
        )
        add_timeout(parser, 600)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each access."""
        wanted = _wanted(parsed_args)
        found = self.find_checkpoint(parsed_args.checkpoint, parsed_args.provider)
        held = reading.shares(found)
        chosen = _chosen(held, parsed_args)
        own = {f"{SHARE}#{share.id}": {"include": "true"} for share in chosen}
        asked = {SHARE: {"depth": "browse", "include": "false"} | wanted} | own
        record = self.karbor.begin("verification", found["provider_id"], found["id"], asked)
        record = self.follower("verification", parsed_args.timeout).end_of(record)
        if record["status"] != reading.SUCCESS:
            self.went_wrong(*reading.why_failed(record))
        by_id = {of: (status, reason) for of, status, reason in reading.outcomes(record)}
        rows: list[tuple[Any, ...]] = []
        for share in chosen:
            status, reason = by_id.get(share.id, ("", ""))
            rows += self._rows(share, status, reason)
        header = ("Share", "ID", "Result", "To", "Until", "Export Locations", "Verification")
        return header, [(*row, record["id"]) for row in rows]

    def _rows(self, share: Share, status: str, reason: str) -> list[tuple[Any, ...]]:
        told = reading.details(reason)
        if told is None:
            return []  # why was said
        if told.get("told"):
            self.inform(str(told["told"]))
        way = str(told.get("way") or status)
        accesses = told.get("open", told.get("ended"))
        if accesses is None:
            accesses = [told.get("access") or {}]
        elif not accesses:
            self.inform(f"No access to the snapshot of {share.label} is open.")
        places = columns.Lines(told.get("export_locations") or [])
        return [
            (share.name, share.id, each.get("state") or way, *_of(each), places)
            for each in accesses
        ]


def _of(access: dict[str, Any]) -> tuple[Any, Any]:
    """Who, and until when."""
    who = " ".join(filter(None, (access.get("type"), access.get("to")))) or None
    until = access.get("until")
    moment = datetime.datetime.fromisoformat(until) if until else None
    return columns.Text(who), columns.Moment(moment)


def _wanted(given: argparse.Namespace) -> dict[str, str]:
    """What is asked for, as Karbor takes it.

    :raises WrongUsage: options that do not go together, or values that Karbor would refuse
    """
    if given.listed and (given.end or given.to):
        raise WrongUsage("--list goes with neither --to nor --end.")
    if not (given.listed or given.end or given.to):
        raise WrongUsage("Say who may mount the snapshot (--to), or give --end or --list.")
    if given.length and (given.listed or given.end):
        raise WrongUsage("--for goes with --to alone.")
    if given.access_type and not given.to:
        raise WrongUsage("--access-type says what --to is, which is missing.")
    wanted = {"browse_end": "true"} if given.end else {}
    if given.to:
        try:
            wanted["browse_type"] = access_to.type_of(given.to, given.access_type)
        except ValueError as error:
            raise WrongUsage(f"--to {given.to}: {error}.") from None
        wanted["browse_to"] = given.to
        if not given.end:
            wanted["browse_for"] = str(_seconds(given.length or _USUAL))
    return wanted


def _seconds(text: str) -> int:
    try:
        found = durations.seconds(text)
    except ValueError as error:
        raise WrongUsage(f"--for: {error}") from None
    if not _SHORTEST <= found <= _LONGEST:
        raise WrongUsage(
            f"--for {text}: it is {_SHORTEST}s at least, {_LONGEST // 86400}d at most."
        )
    return found


def _chosen(held: list[Share], given: argparse.Namespace) -> list[Share]:
    if given.share:
        return [reading.share_called(held, given.share)]
    if len(held) == 1 or not given.to or given.end:
        return held
    known = ", ".join(share.label for share in held) or "none"
    raise WrongUsage(f"Say which SHARE of the checkpoint: {known}.")
