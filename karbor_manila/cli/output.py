# SPDX-License-Identifier: Apache-2.0
"""The one way from a command's result to the terminal: nothing in it is obeyed by that."""

import argparse
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from cliff.columns import FormattableColumn
from cliff.display import DisplayCommandBase
from cliff.lister import Lister

from karbor_manila.cli import colour
from karbor_manila.common.visible import visible, visible_lines

# Their encoders escape by themselves, so that programs get what there is.
_ESCAPING = ("json", "yaml")


class Output(DisplayCommandBase):
    """A command that prints what others have named."""

    formatter: Any

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """How it is printed."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        self._formatter_group.add_argument(
            "--no-color",
            action="store_true",
            help="no colours; there are none either where the output is no terminal, and with "
            "NO_COLOR in the environment.",
        )
        return parser

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Any
    ) -> int:
        """Print the result as cliff does, with every cell made visible."""
        if parsed_args.formatter not in _ESCAPING:
            data = map(_row, data) if isinstance(self, Lister) else _row(data)
        off = parsed_args.no_color
        if parsed_args.formatter == "table" and colour.is_wanted(self.app.stdout, off):
            self.formatter = _Painting(self.formatter)
        return int(super().produce_output(parsed_args, column_names, data) or 0)


class _Painting:
    """cliff's formatter of tables, with colour."""

    def __init__(self, formatter: Any) -> None:
        self._formatter = formatter

    def emit_list(self, names: Any, data: Any, stdout: TextIO, given: Any) -> None:
        """Print a table."""
        self._emit(self._formatter.emit_list, names, data, stdout, given)

    def emit_one(self, names: Any, data: Any, stdout: TextIO, given: Any) -> None:
        """Print a table of one thing."""
        self._emit(self._formatter.emit_one, names, data, stdout, given)

    @staticmethod
    def _emit(emit: Any, names: Any, data: Any, stdout: TextIO, given: Any) -> None:
        made = io.StringIO()
        emit(names, data, made, given)
        stdout.write(colour.painted(made.getvalue()))


class Shown(FormattableColumn[Any]):
    """A column's value with nothing in it that a terminal obeys."""

    def human_readable(self) -> str:
        inner = type(self._value)(_visible(self._value._value))
        return visible_lines(str(inner.human_readable()))

    def machine_readable(self) -> Any:
        # cliff makes text of lists and mappings by repr(), which escapes by itself.
        value = self._value.machine_readable()
        return visible(value) if isinstance(value, str) else value


def _row(cells: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(
        Shown(cell) if isinstance(cell, FormattableColumn) else _visible(cell) for cell in cells
    )


def _visible(value: Any) -> Any:
    """A value with all text in it visible; what is neither text nor holds any stays as it is."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {_visible(name): _visible(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_visible(item) for item in value]
    return value
