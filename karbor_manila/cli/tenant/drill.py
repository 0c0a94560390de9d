# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drill``: restore for practice, and see whether it works."""

import argparse
import functools
from dataclasses import dataclass
from typing import Any

from karbor_manila.cli import columns, numbers
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant import due, reading, verify
from karbor_manila.cli.tenant.base import (
    HOUR,
    TenantLister,
    add_checkpoint,
    add_plans,
    add_timeout,
    chosen_plans,
)
from karbor_manila.cli.tenant.reading import SHARE
from karbor_manila.common import durations
from karbor_manila.common.errors import KarborManilaError


@dataclass(frozen=True)
class _Job:
    """What is drilled: a checkpoint of a plan, or why there is none.

    :ivar not_due: why it need not be; empty when it has to be
    """

    plan: str
    checkpoint: dict[str, Any] | None
    problem: str = ""
    not_due: str = ""


class Drill(TenantLister):
    """Restore checkpoints into temporary shares, check them, and remove them again.

    Of one CHECKPOINT, or with --all of the newest good checkpoint of each plan, for example from
    cron: --older-than 7d leaves alone what was drilled well since, and what somebody else is
    drilling. A drill that fails keeps no other from being carried out. Exit code 3: a drill failed,
    or a plan has nothing (young enough) to drill.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Which checkpoints, and how many at a time."""
        parser = super().get_parser(prog_name)
        add_checkpoint(parser, optional=True)
        parser.add_argument(
            "--newest",
            "--all",
            action="store_true",
            dest="newest",
            help="drill the newest good checkpoint of each plan.",
        )
        parser.add_argument(
            "--older-than",
            metavar="LENGTH",
            help="only what no good drill began of within this time, such as 7d or 12h. Of several "
            "who ask so at once, one drills a plan.",
        )
        add_plans(parser)
        parser.add_argument(
            "--parallel",
            type=numbers.whole(1, 1000),
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
        self.older_than = due.length(parsed_args.older_than)
        jobs = self._newest(parsed_args) if parsed_args.newest else [self._single(parsed_args)]
        follower = self.follower("verification", parsed_args.timeout)
        to_do = [job for job in jobs if job.checkpoint and not job.not_due]
        begins = [functools.partial(self._begin, job.checkpoint) for job in to_do]
        shares = sum(len(reading.shares(job.checkpoint)) for job in to_do if job.checkpoint)
        ended = follower.ends(begins, parsed_args.parallel, shares)
        ends = dict(zip(map(id, to_do), ended, strict=True))
        rows = [row for job in jobs for row in self._rows(job, ends.get(id(job)))]
        return ("Plan", "Checkpoint", "Share", "Share ID", "Seconds", "Check", "Result"), rows

    def _begin(self, checkpoint: Any) -> Any:
        asked = {"depth": "drill"}
        if self.older_than:
            asked["drill_older_than"] = str(self.older_than)
        return self.karbor.begin(
            "verification", checkpoint["provider_id"], checkpoint["id"], {SHARE: asked}
        )

    def _single(self, parsed_args: argparse.Namespace) -> _Job:
        found = self.find_checkpoint(parsed_args.checkpoint, parsed_args.provider)
        plan = found.get("protection_plan") or {}
        return _Job(plan.get("name") or plan.get("id") or "", found)

    def _newest(self, parsed_args: argparse.Namespace) -> list[_Job]:
        # What is begun later is looked at again, by Karbor.
        last = due.LastDrills(self.karbor, self.time) if self.older_than else None
        return [
            self._of_plan(plan, parsed_args.max_age, last)
            for plan in chosen_plans(self.karbor, parsed_args.plan)
        ]

    def _of_plan(
        self, plan: dict[str, Any], max_age: float | None, last: due.LastDrills | None
    ) -> _Job:
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
            not_due = last.why_not_due(plan, self.older_than) if last else ""
        except KarborManilaError as error:
            return _Job(name, None, str(error))
        return _Job(name, {**newest, "provider_id": plan["provider_id"]}, late, not_due)

    def _rows(self, job: _Job, end: Any) -> list[tuple[Any, ...]]:
        if job.checkpoint is None:
            self.not_well()
            return [(job.plan, *[columns.Text(None)] * 5, job.problem)]
        checkpoint_id = job.checkpoint["id"]
        if not_due := job.not_due or due.is_not_due(end):
            if job.problem:
                self.not_well()
            said = ": ".join(filter(None, (not_due, job.problem)))
            return [(job.plan, checkpoint_id, *[columns.Text(None)] * 4, said)]
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
                    durations.told(details.get("seconds")),
                    columns.Text(details.get("check")),
                    ": ".join(filter(None, parts)),
                )
            )
        return rows
