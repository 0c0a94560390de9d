# SPDX-License-Identifier: Apache-2.0
"""What Karbor with karbor-manila costs, beside Karbor's own plugin and a script without Karbor.

    python -m benchmarks                                      measure: table of figures and goals
    python -m benchmarks --shares 1 20 --rounds 1             a short one
    python -m benchmarks --package 4a094d8 --json before.json the karbor_manila of another commit
    python -m benchmarks report before.json after.json        both side by side
    python -m benchmarks profile --shares 100 --work protect  where Karbor's processor time goes

``tox -e benchmark -- ...`` is the same in an environment that has all of it.
"""

import argparse
import sys

from benchmarks import commands
from benchmarks.contenders import NAMES, PROTECT, WORKS

COMMANDS = ("measure", "report", "profile")


def main(argv: list[str] | None = None) -> int:
    """Run one command; ``measure`` when none is named."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or (words[0] not in COMMANDS and words[0] not in ("-h", "--help")):
        words.insert(0, "measure")
    given = parser().parse_args(words)
    code: int = given.run(given)
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all three commands."""
    top = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named = top.add_subparsers(required=True, metavar="measure|report|profile")

    measure = named.add_parser("measure", help="measure, and print a table")
    measure.set_defaults(run=commands.measure)
    measure.add_argument("--shares", type=int, nargs="+", default=[1, 20, 100, 500])
    measure.add_argument("--rounds", type=int, default=3, help="the median of them is shown")
    measure.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    measure.add_argument("--contenders", nargs="+", choices=[*NAMES], default=[*NAMES])
    _add_setup(measure)
    _add_outputs(measure)
    measure.add_argument("--json", type=commands.path, help="keep the figures in this file")

    report = named.add_parser("report", help="print what --json kept; of two files, both")
    report.set_defaults(run=commands.report)
    report.add_argument("files", type=commands.path, nargs="+", metavar="FILE")
    _add_outputs(report)

    profile = named.add_parser("profile", help="where Karbor's processor time goes (py-spy)")
    profile.set_defaults(run=commands.profile)
    profile.add_argument("--shares", type=int, default=100)
    profile.add_argument("--work", choices=WORKS, default=PROTECT)
    names = ["ours", "stock", "stock-default"]
    profile.add_argument("--contender", choices=names, default="ours")
    profile.add_argument("--rate", type=int, default=200, help="looks a second")
    profile.add_argument("--raw", type=commands.path, help="keep py-spy's stacks in this file")
    _add_setup(profile)
    return top


def _add_setup(one: argparse.ArgumentParser) -> None:
    one.add_argument("--package", metavar="COMMIT", help="its karbor_manila, not the working tree")
    one.add_argument(
        "--option",
        metavar="NAME=VALUE",
        type=commands.option,
        action="append",
        default=[],
        help="of our provider, as in record_access_rules=false",
    )

    one.add_argument(
        "--one-karbor",
        action="store_true",
        help="Karbor's own plugin in our process and under our manager; none at its default then",
    )


def _add_outputs(one: argparse.ArgumentParser) -> None:
    one.add_argument("--chart", type=commands.path, help="draw a PNG into this file")
    one.add_argument("--markdown", action="store_true", help="tables for the documents")


if __name__ == "__main__":
    sys.exit(main())
