# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila show``: all that Karbor tells of a checkpoint."""

import argparse
import datetime
from collections.abc import Iterable
from typing import Any

from cliff.show import ShowOne

from karbor_manila.cli import columns
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.base import TenantCommand, add_checkpoint
from karbor_manila.common import deferral, durations, holds


class Show(TenantCommand, ShowOne):
    """Show a checkpoint, its shares, and what became of its restores and verifications.

    Exit code 3: the checkpoint is neither available nor being made.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which checkpoint."""
        parser = super().get_parser(prog_name)
        add_checkpoint(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each fact."""
        from karbor_manila.cli.views.plan_state import made_at  # noqa: PLC0415

        found = self.find_checkpoint(parsed_args.checkpoint, parsed_args.provider)
        if found["status"] not in (reading.GOOD, "protecting"):
            self.not_well()
        info, held = reading.extra_info(found), reading.shares(found)
        reasons, remarks = info.get("reasons") or {}, info.get("remarks") or {}
        plan = found.get("protection_plan") or {}
        logs = list(self.karbor.logs(checkpoint_id=found["id"]))
        about = {
            "id": found["id"],
            "status": found["status"],
            "made_at": columns.Moment(made_at(logs, found)[0]),
            "plan": columns.Facts({"name": plan.get("name"), "id": plan.get("id")}),
            "provider_id": found["provider_id"],
            "shares": columns.Table([_share(share, reasons, remarks) for share in held]),
            "reasons": columns.Lines(_of_others(reasons, held)),
            "progress": columns.Lines(_progress(logs, held)),
            "left_out": columns.Table(info.get("left_out") or []),
            "held": columns.Facts(_held(info, self.time.utcnow())),
            "deletion": columns.Facts(_waits(found["status"], info)),
            "restores": _Records(_records(self.karbor.restores(), found["id"])),
            "verifications": _Records(_records(self.karbor.verifications(), found["id"])),
        }
        return tuple(about), tuple(about.values())


def _held(info: dict[str, Any], now: datetime.datetime) -> dict[str, Any]:
    """The hold on the checkpoint; empty when there is none any more."""
    hold = holds.in_force(info, now)
    return hold.dump() if hold else {}


def _waits(status: str, info: dict[str, Any]) -> dict[str, Any]:
    """The deletion that waits; empty when there is none."""
    waits = deferral.of(info) if status == deferral.PENDING else None
    return waits.dump() if waits else {}


def _share(
    share: reading.Share, reasons: dict[str, str], remarks: dict[str, str]
) -> dict[str, Any]:
    """A share, with why it failed and what should be known of it, if there is anything."""
    key = f"{reading.SHARE}#{share.id}"
    said = " ".join(filter(None, (remarks.get(of) for of in (key, reading.SHARE))))
    details = {"reason": reasons.get(key), "remark": said}
    parts = {name: sentence for name, sentence in details.items() if sentence}
    return {"name": share.name, "id": share.id} | parts


def _of_others(reasons: dict[str, str], held: list[reading.Share]) -> list[str]:
    """Reasons of the checkpoint as a whole, and of shares that it did not get to hold."""
    shown = {f"{reading.SHARE}#{share.id}" for share in held}
    return [f"{key}: {reason}" for key, reason in reasons.items() if key not in shown]


def _progress(logs: Iterable[dict[str, Any]], held: list[reading.Share]) -> list[str]:
    """How far each share is in what is under way, as far as its driver tells."""
    names = {f"{reading.SHARE}#{share.id}": share.label for share in held}
    return [
        f"{log['operation_type']}: {names.get(key, key)}: {said}"
        for log in logs
        if not log.get("ended_at")
        for key, said in sorted((reading.extra_info(log).get("progress") or {}).items())
    ]


def _records(records: Iterable[dict[str, Any]], checkpoint_id: str) -> list[dict[str, Any]]:
    """Newest first, as Karbor lists them."""
    return [
        {
            "id": record["id"],
            **({"depth": reading.depth(record)} if _is_verification(record) else {}),
            "status": record["status"],
            "results": [
                {"id": of, "status": status, "told": reading.details(reason) or reason or None}
                for of, status, reason in reading.outcomes(record)
            ],
        }
        for record in records
        if record["checkpoint_id"] == checkpoint_id
    ]


class _Records(columns.FormattableColumn[list[dict[str, Any]]]):
    """For people a line for each record and each share of it."""

    def human_readable(self) -> str:
        return "\n".join(line for record in self._value for line in _lines(record))

    def machine_readable(self) -> list[dict[str, Any]]:
        return self._value


def _lines(record: dict[str, Any]) -> Iterable[str]:
    yield " ".join(filter(None, (record["id"], record.get("depth"), record["status"])))
    for item in record["results"]:
        details = item["told"]
        if isinstance(details, dict):
            took = durations.told(details.get("seconds"))
            source = (details.get("restored_from") or {}).get("share_id")
            parts = [
                f"from share {source}" if source else "",
                "" if took is None else f"{took} s",
                reading.compared(details),
                f"signed by {details['signed_by']}" if details.get("signed_by") else "",
                _browsed(details),
                _of_checkpoint(details),
                *(details.get("not_restored") or []),
                *reading.remarks(details),
                details.get("left") or "",
            ]
        else:
            parts = [details or ""]
        rest = "; ".join(filter(None, parts))
        yield f"  {item['id']} {item['status']}" + (f": {rest}" if rest else "")


def _browsed(details: dict[str, Any]) -> str:
    """What became of a browse, in a phrase; empty when it was none."""
    access = details.get("access") or {}
    words = [details.get("way") if details.get("depth") == "browse" else "", access.get("to")]
    until = f"until {access['until']}" if access.get("until") else ""
    return " ".join(filter(None, (*words, until)))


def _of_checkpoint(details: dict[str, Any]) -> str:
    """What became of it, a sentence; empty for a depth that is none of these."""
    return str(details.get("told") or "") if details.get("depth") in reading.OF_A_CHECKPOINT else ""


def _is_verification(record: dict[str, Any]) -> bool:
    return "restore_target" not in record
