# SPDX-License-Identifier: Apache-2.0
"""The operator's commands: they run on Karbor's host, from its configuration and with its user.

Karbor and eventlet are loaded when one of them runs: the list of all commands, which tenants ask
for too, must not wait for that.
"""

import argparse
import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from karbor_manila.cli import numbers
from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.operator.into_file import IntoFile
from karbor_manila.cli.output import Output
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.visible import visible

if TYPE_CHECKING:
    from karbor_manila.recovery.audit import Audit as Auditing
    from karbor_manila.recovery.audit import Finding

LOG = logging.getLogger(__name__)

#: So much is ended at a time, and so many shares of each.
_AT_ONCE = 50

# Real ones, most of which wait, as long as there are no more unfinished restores than that.
_THREADS = 500

#: The exit code when there is something that a person has to look at.
SOMETHING_TO_DO = 3

_WRONG_USAGE = 2


class HostCommand(Output, Lister):
    """A command that makes a list on Karbor's host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options that all of them have."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--config-file",
            action="append",
            default=[],
            metavar="PATH",
            help="Karbor's configuration file; may be given several times. By default those that "
            "Karbor's services find themselves (/etc/karbor/karbor.conf and so on).",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the list; the exit code says whether something failed or is left to do."""
        self.failed = False
        self.left = False
        try:
            self.check_usage(parsed_args)
            done = super().run(parsed_args) or int(self.failed)
        except WrongUsage as error:
            self.app.stderr.write(f"{visible(str(error))}\n")
            return _WRONG_USAGE
        return done or (SOMETHING_TO_DO if self.left else 0)

    def check_usage(self, parsed_args: argparse.Namespace) -> None:
        """What is told before anything is looked at or changed. Raises WrongUsage."""


class Reconcile(HostCommand):
    """Bring to an end what dead karbor-protection processes left unfinished.

    The manager does the same at its start and from time to time. What a living process works on is
    left alone. Exit code 1 and a list: a bank could not be searched. Exit code 3: something is
    unfinished (--dry-run), or has to be tried again later.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and the dry run."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--dry-run", action="store_true", help="Only list what is unfinished; change nothing."
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each finding."""
        import futurist  # noqa: PLC0415

        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415
        from karbor_manila.recovery import loop  # noqa: PLC0415
        from karbor_manila.recovery.searched import Look  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        held = host.claims()
        dry = parsed_args.dry_run
        providers = host.providers if dry else host.writable("reconcile")
        work = loop.Reconciliation(
            lambda: providers,
            held,
            grace=host.settings.lease_timeout,
            executor=lambda count: futurist.ThreadPoolExecutor(max_workers=min(count, _THREADS)),
            most=_AT_ONCE,
        )
        ends: dict[Any, str] = {}
        if dry:
            find = functools.partial(work.find, Look.EVERYTHING)
            for found in host.turns(find, lambda: work.unsure):
                ends = dict.fromkeys(found, "unfinished")
            self.left = bool(ends)
        else:
            with host.told(), host.alive(held, providers):
                run = functools.partial(work.run, where=Look.EVERYTHING)
                for ended in host.turns(run, lambda: work.unsure):
                    ends |= ended
            self.left = not all(ends.values())
        # The log has the reason, and the list what the other banks hold.
        self.failed = work.away is not None or len(providers) < len(host.providers)
        return (
            ("Operation", "ID", "Checkpoint", "Provider", "Project", "Since", "Status"),
            [
                (
                    item.operation,
                    item.id,
                    item.checkpoint_id,
                    item.provider_id,
                    item.project_id,
                    item.since.isoformat(timespec="seconds") if item.since else "",
                    status or "to be tried again",
                )
                for item, status in ends.items()
            ],
        )


class Audit(IntoFile, HostCommand):
    """List snapshots that no checkpoint accounts for, and checkpoints whose snapshot is gone.

    Only what bears the mark of the bank is looked at. Exit code 3: something was found (without
    --fix), or something that was found could not be mended. Exit code 1 and a list: the list has
    not what a bank holds that could not be audited.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and what to do about it."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--fix",
            action="store_true",
            help="Do what the column Action says, for exactly what is listed: remove orphaned "
            "snapshots, and say in checkpoints which of their snapshots are gone.",
        )
        parser.add_argument(
            "--grace",
            type=numbers.fraction(),
            metavar="SECONDS",
            help="Leave alone what is younger (by default audit_grace of karbor.conf).",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each finding."""
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415
        from karbor_manila.recovery.audit import Audit as Auditing  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        held = host.claims()
        grace = host.settings.audit_grace if parsed_args.grace is None else parsed_args.grace
        # What is mended is claimed, and a claim counts with a fresh lease alone.
        fix, ours = parsed_args.fix, host.ours()
        mine = host.writable("audit --fix") if fix else ours
        alive = host.alive(held, mine) if fix else contextlib.nullcontext()
        with host.told(), alive:
            audit_of = functools.partial(Auditing, held=held, grace=grace)
            here = [provider for provider in ours if provider in mine]
            rows = list(self._rows(here, audit_of, fix))
        self.failed |= len(here) < len(ours)
        return (
            (
                "Finding",
                "Snapshot",
                "Share",
                "Checkpoint",
                "Project",
                "Why",
                "Done" if parsed_args.fix else "Action",
            ),
            rows,
        )

    def _rows(
        self, providers: list[Any], audit_of: Callable[[Any], "Auditing"], fix: bool
    ) -> Iterator[tuple[str, ...]]:
        seen: set[tuple[str, ...]] = set()
        for provider in providers:
            audit = audit_of(provider)
            try:
                findings = audit.find()
            except KarborManilaError as error:
                # What was found, and perhaps removed, for another provider has to be reported.
                LOG.exception("%s", error)
                self.failed = True
                continue
            for finding in findings:
                columns = _columns(finding)
                if columns in seen:
                    continue  # another provider on the same bank
                seen.add(columns)
                yield (*columns, self._about(audit, finding, fix))

    def _about(self, audit: "Auditing", finding: "Finding", fix: bool) -> str:
        """The last column. One that resists must not keep the others from being mended."""
        if not fix:
            self.left = True
            return finding.action or "none"
        try:
            outcome = audit.fix(finding)
        except KarborManilaError as error:
            self.left = True
            return f"failed: {error}"
        self.left |= not outcome.settled
        return str(outcome)


def _columns(finding: "Finding") -> tuple[str, ...]:
    return (
        finding.kind,
        finding.snapshot_id,
        finding.share_id,
        finding.checkpoint_id,
        finding.project_id,
        finding.why,
    )
