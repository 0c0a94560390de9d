# SPDX-License-Identifier: Apache-2.0
"""The one way from a command's result to the terminal: nothing in it is obeyed by that."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cliff.columns import FormattableColumn
from cliff.display import DisplayCommandBase
from cliff.lister import Lister

from karbor_manila.common.visible import visible, visible_lines

# Their encoders escape by themselves, so that programs get what there is.
_ESCAPING = ("json", "yaml")


class Output(DisplayCommandBase):
    """A command that prints what others have named."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Any
    ) -> int:
        """Print the result as cliff does, with every cell made visible."""
        if parsed_args.formatter not in _ESCAPING:
            data = map(_row, data) if isinstance(self, Lister) else _row(data)
        return int(super().produce_output(parsed_args, column_names, data) or 0)


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
