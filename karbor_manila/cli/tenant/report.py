# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila report``: what a person looks at every day, as one page."""

import argparse
import functools
import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

from karbor_manila.cli import numbers, whole_file
from karbor_manila.cli.errors import NotWritten, WrongUsage
from karbor_manila.cli.tenant import printed
from karbor_manila.cli.tenant.plain import PlainCommand

if TYPE_CHECKING:
    from karbor_manila.cli.views.face import Face


class Report(PlainCommand):
    """Make one HTML page of how well all shares are protected.

    It needs nothing else: no script, no font, nothing from anywhere. On it are how many shares are
    protected, too old or not protected; the shares, the worst first, with what went wrong and what
    to do; thirty days of each plan; operations, failures and drills; and what retention removes
    next. Exit code 3: something could not be listed, and the page says what.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """What is looked at, and where the page goes."""
        parser = super().get_parser(prog_name)
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--output",
            metavar="FILE",
            help="write there, all at once; by default to the standard output.",
        )
        where.add_argument(
            "--serve",
            nargs="?",
            type=numbers.whole(0, 65535),
            const=0,
            metavar="PORT",
            help="show it live on loopback, at a URL that is printed, until Ctrl-C.",
        )
        parser.add_argument("--json", action="store_true", help="the same for programs, as JSON.")
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="of all projects, for an administrator of Karbor and Manila.",
        )
        parser.add_argument(
            "--audit",
            metavar="FILE",
            help="what the operator's 'karbor-manila audit -f json --output FILE' wrote; - for the "
            "standard input. With it the page has orphans and lost snapshots.",
        )
        parser.add_argument(
            "--drills",
            metavar="FILE",
            help="what the operator's 'karbor-manila drill results -f json --output FILE' wrote; - "
            "for the standard input. With it the page has what the bank keeps of drills, who asked "
            "for them, and what their signatures show.",
        )
        _add_limits(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Make the page, or serve it."""
        if parsed_args.serve is not None and parsed_args.json:
            raise WrongUsage("--serve shows the page; for JSON leave it out.")
        if parsed_args.output is not None:
            whole_file.check(parsed_args.output)
        if parsed_args.all_projects:
            self.karbor = self.karbor.of_all_projects()
        look = functools.partial(self._look, parsed_args, *_given(parsed_args))
        if parsed_args.serve is not None:
            return self._serve(look, parsed_args.serve)
        to_terminal = parsed_args.output is None and self.app.stdout.isatty()
        if to_terminal and not parsed_args.json:
            raise WrongUsage("This is a page of HTML: name a file with --output FILE.")
        face = look()
        if face.not_listed:
            self.not_well()
            for said in face.not_listed:
                self.inform(said)
        self._write(self._text(face, parsed_args.json), parsed_args.output)
        return self.code

    def _look(self, parsed_args: argparse.Namespace, audit: Any, drilled: Any) -> "Face":
        from karbor_manila.cli.tenant.gathering import gather  # noqa: PLC0415 - as in base
        from karbor_manila.cli.tenant.manila_shares import SERVICE_TYPE, ManilaShares  # noqa: PLC0415
        from karbor_manila.cli.views.face import face  # noqa: PLC0415
        from karbor_manila.cli.views.listed import Limits  # noqa: PLC0415

        everything = parsed_args.all_projects
        manila = ManilaShares(self.karbor.beside(SERVICE_TYPE), self.time, all_projects=everything)
        listed = gather(
            self.karbor,
            self.time.utcnow(),
            days=parsed_args.days,
            shares=None if parsed_args.without_manila else manila.all,
            all_projects=everything,
        )
        limits = Limits(
            max_age=parsed_args.max_age,
            stuck_after=parsed_args.stuck_after,
            drill_days=parsed_args.drilled_within,
            days=parsed_args.days,
        )
        return face(listed, limits, audit, drilled)

    def _text(self, face: "Face", as_json: bool) -> str:
        if as_json:
            from karbor_manila.cli.views.as_json import as_json as plain  # noqa: PLC0415

            return f"{json.dumps(plain(face), indent=2)}\n"
        from karbor_manila.cli.page import render  # noqa: PLC0415

        return render.page(face, self.time.utcnow(), version=_version())

    def _write(self, text: str, file: str | None) -> None:
        if file is None:
            # A name may have what the terminal's encoding lacks; the page says that it is UTF-8.
            out = getattr(self.app.stdout, "buffer", None)
            if out is None:
                self.app.stdout.write(text)
            else:
                out.write(text.encode())
                out.flush()
            return
        try:
            whole_file.replace(file, text)
        except OSError as error:
            raise NotWritten(file, error.strerror or str(error)) from error

    def _serve(self, look: Any, port: int) -> int:
        from karbor_manila.cli.page.serving import LOOPBACK, serve  # noqa: PLC0415

        def tell(url: str) -> None:
            self.inform(f"The page is at {url} until Ctrl-C. Whoever has this URL can read it.")

        try:
            serve(look, port, self.time, _version(), tell)
        except OSError as error:
            raise NotWritten(f"{LOOPBACK}:{port}", error.strerror or str(error)) from error
        return 0


def _add_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--max-age",
        type=numbers.fraction(),
        metavar="HOURS",
        help="a newest good checkpoint that is older is too old. By default what the schedule of "
        "its plan promises: the longest time between two runs and a quarter of it, an hour at "
        "least.",
    )
    add(
        "--stuck-after",
        type=numbers.fraction(),
        default=24.0,
        metavar="HOURS",
        help="what is worked on for longer counts as stuck (default: 24).",
    )
    add(
        "--drilled-within",
        type=numbers.fraction(),
        default=30.0,
        metavar="DAYS",
        help="each share should have come back in a drill within so many days (default: 30).",
    )
    add(
        "--days",
        type=numbers.whole(1, 366),
        default=30,
        metavar="DAYS",
        help="so many days back is looked, 366 at most (default: 30).",
    )
    add(
        "--without-manila",
        action="store_true",
        help="do not ask Manila which shares there are: only those of plans are known.",
    )


def _given(parsed_args: argparse.Namespace) -> tuple[Any, Any]:
    """What an operator's commands printed: an audit's findings, and what is kept of drills.

    :raises WrongUsage: it cannot be read, or is something else
    """
    from karbor_manila.cli.views import audited, evidence  # noqa: PLC0415

    if parsed_args.audit == parsed_args.drills == "-":
        raise WrongUsage("Only one of --audit and --drills can be the standard input.")
    return (
        audited.read(printed.load(parsed_args.audit)) if parsed_args.audit else None,
        evidence.read(printed.load(parsed_args.drills)) if parsed_args.drills else None,
    )


def _version() -> str:
    return importlib.metadata.version("karbor-manila")
