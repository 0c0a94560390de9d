# SPDX-License-Identifier: Apache-2.0
"""Lists for a file that ``exporter`` and ``report`` read: only one that is whole gets there."""

import argparse
import io
import logging
from collections.abc import Sequence
from typing import Any, TextIO

from karbor_manila.cli import whole_file
from karbor_manila.cli.errors import NotWritten
from karbor_manila.cli.output import Output

LOG = logging.getLogger(__name__)


class IntoFile(Output):
    """A command of the operator's whose list can be put into a file.

    A shell has emptied the file behind ``>`` before the command has begun, and moves one into its
    place that says nothing was found because nothing could be looked at.

    :ivar failed: the list is not whole
    """

    failed: bool

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and the file."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="Put the list there, all at once, in place of printing it. With exit code 1 it is "
            "printed, and FILE stays as it was.",
        )
        return parser

    def check_usage(self, parsed_args: argparse.Namespace) -> None:
        """Whether the file can be written. Raises WrongUsage."""
        if parsed_args.output is not None:
            whole_file.check(parsed_args.output)

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Any
    ) -> int:
        """Into the file; printed is what did not get there, for it may say what was done."""
        rows = list(data)
        if parsed_args.output is not None and self._put(parsed_args, column_names, rows):
            return 0
        return super().produce_output(parsed_args, column_names, rows)

    def _put(self, parsed_args: argparse.Namespace, names: Sequence[str], rows: list[Any]) -> bool:
        file = parsed_args.output
        if self.failed:
            LOG.error("%s stays as it was: the list is not whole", file)
            return False
        terminal, into = self.formatter, _Into(self.formatter)
        self.formatter = into
        plain = argparse.Namespace(**vars(parsed_args) | {"no_color": True})
        try:
            super().produce_output(plain, names, rows)
            whole_file.replace(file, into.made.getvalue())
        except OSError as error:
            LOG.error("%s", NotWritten(file, error.strerror or str(error), "The list"))
            self.failed = True
            return False
        finally:
            self.formatter = terminal
        return True


class _Into:
    """cliff's formatter, with what it prints.

    :ivar made: that
    """

    def __init__(self, formatter: Any) -> None:
        self._formatter = formatter
        self.made = io.StringIO()

    def emit_list(self, names: Any, data: Any, _stdout: TextIO, given: Any) -> None:
        """Called by cliff."""
        self._formatter.emit_list(names, data, self.made, given)
