# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drill``: restore for practice, and see whether it works."""

import argparse
import functools
from dataclasses import dataclass
from typing import Any

from karbor_manila.cli import columns
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant import reading, verify
from karbor_manila.cli.tenant.base import (
    HOUR,
    TenantLister,
    add_checkpoint,
    add_plans,
    add_timeout,
    chosen_plans,
)
from karbor_manila.cli.tenant.reading import SHARE
from karbor_manila.common.errors import KarborManilaError

_DRILL = {SHARE: {"depth": "drill"}}


@dataclass(frozen=True)
class _Job:
    """What is drilled: a checkpoint of a plan, or why there is none."""

    plan: str
    checkpoint: dict[str, Any] | None
    problem: str = ""


class Drill(TenantLister):
    """Restore checkpoints into temporary shares, check them, and remove them again.

    Of one CHECKPOINT, or with --newest of the newest good checkpoint of each plan, for example from
    cron. Exit code 3: a drill failed, or a plan has nothing (young enough) to drill.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which checkpoints, and how many at a time."""
        parser = super().get_parser(prog_name)
        add_checkpoint(parser, optional=True)
        parser.add_argument(
            "--newest",
            action="store_true",
            help="drill the newest good checkpoint of each plan.",
        )
        add_plans(parser)
        parser.add_argument(
            "--parallel",
            type=int,
            default=2,
            metavar="N",
            help="so many checkpoints at a time (default: 2).",
        )
        add_timeout(parser, 6 * HOUR)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each share."""
        if bool(parsed_args.checkpoint) == parsed_args.newest:
            raise WrongUsage("Give either a CHECKPOINT or --newest.")
        jobs = self._newest(parsed_args) if parsed_args.newest else [self._single(parsed_args)]
        follower = self.follower("verification", parsed_args.timeout)
        to_do = [job for job in jobs if job.checkpoint]
        begins = [functools.partial(self._begin, job.checkpoint) for job in to_do]
        shares = sum(len(reading.shares(job.checkpoint)) for job in to_do if job.checkpoint)
        ended = follower.ends(begins, max(1, parsed_args.parallel), shares)
        ends = dict(zip(map(id, to_do), ended, strict=True))
        rows = [row for job in jobs for row in self._rows(job, ends.get(id(job)))]
        return ("Plan", "Checkpoint", "Share", "Share ID", "Seconds", "Check", "Result"), rows

    def _begin(self, checkpoint: Any) -> Any:
        return self.karbor.begin(
            "verification", checkpoint["provider_id"], checkpoint["id"], _DRILL
        )

    def _single(self, parsed_args: argparse.Namespace) -> _Job:
        found = self.find_checkpoint(parsed_args.checkpoint, parsed_args.provider)
        plan = found.get("protection_plan") or {}
        return _Job(plan.get("name") or plan.get("id") or "", found)

    def _newest(self, parsed_args: argparse.Namespace) -> list[_Job]:
        return [
            self._of_plan(plan, parsed_args.max_age)
            for plan in chosen_plans(self.karbor, parsed_args.plan)
        ]

    def _of_plan(self, plan: dict[str, Any], max_age: float | None) -> _Job:
        """One plan that cannot be asked for does not keep the others from being drilled."""
        from karbor_manila.cli.views.plan_state import made_at  # noqa: PLC0415

        name = plan["name"] or plan["id"]
        try:
            listed = self.karbor.checkpoints(plan["provider_id"], plan["id"])
            newest = next(filter(reading.is_whole, listed), None)
            if newest is None:
                return _Job(name, None, "no good checkpoint")
            late = ""
            if max_age is not None:
                begun, _exact = made_at(self.karbor.logs(checkpoint_id=newest["id"]), newest)
                now = self.time.utcnow()
                if begun is None or (now - begun).total_seconds() > max_age * HOUR:
                    late = f"older than {max_age:g} h"
        except KarborManilaError as error:
            return _Job(name, None, str(error))
        return _Job(name, {**newest, "provider_id": plan["provider_id"]}, late)

    def _rows(self, job: _Job, end: Any) -> list[tuple[Any, ...]]:
        if job.checkpoint is None:
            self.not_well()
            return [(job.plan, *[columns.Text(None)] * 5, job.problem)]
        checkpoint_id = job.checkpoint["id"]
        if isinstance(end, KarborManilaError):
            self.not_well()
            return [(job.plan, checkpoint_id, *[columns.Text(None)] * 4, str(end))]
        held = reading.shares(job.checkpoint)
        bad = end["status"] != reading.SUCCESS
        if bad or job.problem:
            self.not_well()
        for reason in verify.general(held, end) if bad else verify.of_others(held, end):
            self.inform(f"{checkpoint_id}: {reason}")
        by_id = {of: (status, reason) for of, status, reason in reading.outcomes(end)}
        rows: list[tuple[Any, ...]] = []
        for share in held:
            status, reason = by_id.get(share.id, ("", ""))
            details = reading.details(reason) or {}
            how = verify.result(end["status"], status)
            said = " ".join(reading.remarks(details))
            parts = [how, job.problem, details.get("left"), said, reading.sentence(reason)]
            rows.append(
                (
                    job.plan,
                    checkpoint_id,
                    share.name,
                    share.id,
                    details.get("seconds"),
                    columns.Text(details.get("check")),
                    ": ".join(filter(None, parts)),
                )
            )
        return rows
