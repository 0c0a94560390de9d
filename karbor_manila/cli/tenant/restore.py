# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila restore``: shares back from a checkpoint, or first what that would do."""

import argparse
from typing import Any

from karbor_manila.cli import columns
from karbor_manila.cli.tenant import asking, reading, verify
from karbor_manila.cli.tenant.base import TenantLister, add_checkpoint, add_timeout
from karbor_manila.cli.tenant.reading import Share


class Restore(TenantLister):
    """Restore the shares of a checkpoint: as new shares, or in place.

    With --dry-run nothing is restored: what would be made, what would be lost and what cannot be
    done is told. Exit code 1: the restore failed. Exit code 3: it could not be done (--dry-run).
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which checkpoint, what of it and how."""
        parser = super().get_parser(prog_name)
        add_checkpoint(parser)
        asking.add_options(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="tell what would be done; change nothing."
        )
        parser.add_argument("--wait", action="store_true", help="wait until the shares are back.")
        add_timeout(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each share."""
        asking.check_pairs(parsed_args)
        found = self.find_checkpoint(parsed_args.checkpoint, parsed_args.provider)
        held = reading.shares(found)
        asked = asking.parameters(parsed_args, held)
        if parsed_args.dry_run:
            return self._plan(found, held, asked, parsed_args.timeout)
        record = self.karbor.begin("restore", found["provider_id"], found["id"], asked)
        if parsed_args.wait:
            record = self._end_of("restore", record, parsed_args.timeout, len(held))
        if record["status"] not in (reading.SUCCESS, reading.GOING):
            self.went_wrong(*reading.why_failed(record))
        if not parsed_args.wait and record["status"] == reading.GOING:
            look = f"{self.program} show {found['id']}"
            self.inform(f"Restore {record['id']} has begun. Look at it with: {look}")
        outcomes = reading.outcomes(record)
        for _of, status, reason in outcomes:
            if not status:  # of the record as a whole, such as what it has no room for
                self.inform(reading.sentence(reason))
        return (
            ("Share", "ID", "New Share", "Status", "Export Locations", "Not Restored", "Restore"),
            [(*_made(held, *outcome), record["id"]) for outcome in outcomes if outcome[1]]
            if parsed_args.wait or record["status"] != reading.GOING
            else [
                (
                    share.name,
                    share.id,
                    columns.Text(None),
                    record["status"],
                    columns.Lines([]),
                    columns.Lines([]),
                    record["id"],
                )
                for share in held
            ],
        )

    def _plan(
        self, found: dict[str, Any], held: list[Share], asked: Any, timeout: float
    ) -> tuple[Any, Any]:
        record = self.karbor.begin(
            "verification", found["provider_id"], found["id"], asking.with_depth(asked, "plan")
        )
        record = self._end_of("verification", record, timeout, len(held))
        bad = record["status"] != reading.SUCCESS
        if bad:
            self.not_well()
        for reason in verify.general(held, record) if bad else verify.of_others(held, record):
            self.inform(reason)
        by_id = {of: (status, reason) for of, status, reason in reading.outcomes(record)}
        return (
            ("Share", "ID", "Way", "New Share", "From", "Lost", "Not Restored", "Cannot"),
            [_planned(share, *by_id.get(share.id, ("", ""))) for share in held],
        )

    def _end_of(
        self, kind: str, record: dict[str, Any], timeout: float, shares: int
    ) -> dict[str, Any]:
        return self.follower(kind, timeout).end_of(record, shares)


def _made(held: list[Share], of: str, status: str, reason: str) -> tuple[Any, ...]:
    """One share of a restore: Karbor's record has it under the new share's id, when there is
    one."""
    by_id = {share.id: share for share in held}
    details = reading.details(reason) or {}
    source = (details.get("restored_from") or {}).get("share_id") or (of if of in by_id else None)
    share = by_id.get(source or "", Share(source or "", ""))
    missing = [*(details.get("not_restored") or []), *reading.remarks(details)]
    sentence = reading.sentence(reason)
    places = details.get("export_locations")
    return (
        columns.Text(share.name or None),
        columns.Text(share.id or None),
        columns.Text(of if of != source or details else None),
        "left out" if status == "undefined" else status,
        columns.Lines(places or []),
        columns.Lines([*missing, *([sentence] if sentence else []), *reading.not_shown(details)]),
    )


def _planned(share: Share, status: str, reason: str) -> tuple[Any, ...]:
    """One share of a plan."""
    details = reading.details(reason)
    if details is None:
        out = status == "undefined"
        cannot = None if out else reading.sentence(reason) or "Karbor does not tell."
        return (
            share.name, share.id, columns.Text("left out" if out else None), columns.Facts({}),
            columns.Facts({}), columns.Lines([]), columns.Lines([]), columns.Text(cannot),
        )  # fmt: skip
    lost = list(details.get("loses") or [])
    lost += [f"Newer snapshot {removed} is removed." for removed in details.get("removes") or []]
    new = dict(details.get("new") or {})
    new.pop("asked", None)
    # What it will have of the share as that is now, which is not always what that was then.
    new |= {name: value for name, value in (details.get("placement") or {}).items() if value}
    if details.get("access_rules"):
        new["access_rules"] = details["access_rules"]
    if details.get("safety_copy"):
        new["safety_copy"] = True
    source = details.get("source") or {}
    kept = ("snapshot_id", "size", "share_proto", "share_type")
    return (
        share.name,
        share.id,
        columns.Text(details.get("way")),
        columns.Facts(new),
        columns.Facts({name: source[name] for name in kept if name in source}),
        columns.Lines(lost),
        columns.Lines([*(details.get("not_restored") or []), *reading.not_shown(details)]),
        columns.Text(None),
    )
