# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila verify``: could a checkpoint give its shares back?"""

import argparse
from typing import Any

from karbor_manila.cli import columns
from karbor_manila.cli.tenant import asking, reading
from karbor_manila.cli.tenant.base import TenantLister, add_checkpoint, add_timeout

_LEFT_OUT = "undefined"


class Verify(TenantLister):
    """Verify a checkpoint: its records, the plan of a restore, or a restore as a drill.

    Options of a restore are those of the restore that is planned or drilled. Exit code 3: a share
    is not good.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which checkpoint and how deeply."""
        parser = super().get_parser(prog_name)
        add_checkpoint(parser)
        parser.add_argument(
            "--depth",
            choices=("record", "plan", "drill"),
            default="record",
            help="record: what the checkpoint holds, and its snapshots. plan: whether a restore "
            "could be made now. drill: temporary shares are restored, checked and removed again.",
        )
        asking.add_options(parser)
        parser.add_argument(
            "--no-wait",
            dest="wait",
            action="store_false",
            help="do not wait for the result; show tells it later.",
        )
        parser.add_argument("--wait", action="store_true", default=True, help=argparse.SUPPRESS)
        add_timeout(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each share."""
        asking.check_pairs(parsed_args)
        found = self.find_checkpoint(parsed_args.checkpoint, parsed_args.provider)
        held = reading.shares(found)
        asked = asking.parameters(parsed_args, held)
        if parsed_args.depth != "record" or asked:
            asked = asking.with_depth(asked, parsed_args.depth)
        record = self.karbor.begin("verification", found["provider_id"], found["id"], asked)
        if parsed_args.wait:
            follower = self.follower("verification", parsed_args.timeout)
            record = follower.end_of(record, len(held))
        rows = results(held, record)
        bad = record["status"] not in (reading.SUCCESS, reading.GOING)
        if bad:
            self.not_well()
        for reason in general(held, record) if bad else of_others(held, record):
            self.inform(reason)
        return (
            ("Share", "ID", "Result", "Told", "Verification"),
            [(*row, record["id"]) for row in rows],
        )


def results(held: list[reading.Share], record: dict[str, Any]) -> list[tuple[Any, ...]]:
    """A line for each share of a checkpoint: name, id, result, details."""
    by_id = {of: (status, reason) for of, status, reason in reading.outcomes(record)}
    rows: list[tuple[Any, ...]] = []
    for share in held:
        status, reason = by_id.get(share.id, ("", ""))
        details = reading.details(reason)
        sentence = reading.sentence(reason)
        rows.append(
            (
                share.name,
                share.id,
                result(record["status"], status),
                columns.Facts(details) if details is not None else columns.Text(sentence or None),
            )
        )
    return rows


def result(of_all: str, status: str) -> str:
    """What the status of a share means, in words."""
    if status == "available":
        return "good"
    if status == _LEFT_OUT:
        return "left out"
    if not status:
        return {reading.GOING: "under way", reading.SUCCESS: "good"}.get(of_all, "not told")
    return "bad" if of_all != reading.GOING or status == "error" else "under way"


def general(held: list[reading.Share], record: dict[str, Any]) -> list[str]:
    """Why a verification failed that did not succeed: reasons that stand at no share."""
    notes = of_others(held, record)
    if not notes and not any(reason for _of, _status, reason in reading.outcomes(record)):
        return reading.why_failed(record)
    return notes


def of_others(held: list[reading.Share], record: dict[str, Any]) -> list[str]:
    """The reasons of anything but the shares of the checkpoint, such as what is passed over."""
    ids = {share.id for share in held}
    notes = (
        reading.sentence(reason)
        for of, _status, reason in reading.outcomes(record)
        if of not in ids
    )
    return list(dict.fromkeys(filter(None, notes)))
