# SPDX-License-Identifier: Apache-2.0
"""Values that people and programs read differently."""

import datetime
from collections.abc import Mapping
from typing import Any

from cliff.columns import FormattableColumn


class Text(FormattableColumn[str | None]):
    """A text that may be missing: empty for people, null for programs."""

    def human_readable(self) -> str:
        return self._value or ""


class Lines(FormattableColumn[list[str]]):
    """Sentences: below each other for people, a list for programs."""

    def human_readable(self) -> str:
        return "\n".join(self._value)

    def machine_readable(self) -> list[str]:
        return self._value


class Seconds(FormattableColumn[float | None]):
    """A length of time, in seconds for programs; None when there is none."""

    def human_readable(self) -> str:
        return "" if self._value is None else length(self._value)


class Moment(FormattableColumn[datetime.datetime | None]):
    """A time of the day, UTC; ISO 8601 for programs."""

    def human_readable(self) -> str:
        return f"{self._value:%Y-%m-%d %H:%M}" if self._value else ""

    def machine_readable(self) -> Any:
        return self._value.isoformat(timespec="seconds") if self._value else None


class Facts(FormattableColumn[Mapping[str, Any]]):
    """Names and values; what is empty is not shown to people."""

    def human_readable(self) -> str:
        return "\n".join(f"{name}: {_text(value)}" for name, value in self._value.items() if value)

    def machine_readable(self) -> dict[str, Any]:
        return dict(self._value)


class Table(FormattableColumn[list[dict[str, Any]]]):
    """Entries with the same facts each, a paragraph each for people."""

    def human_readable(self) -> str:
        return "\n".join(Facts(item).human_readable().replace("\n", "\n  ") for item in self._value)

    def machine_readable(self) -> list[dict[str, Any]]:
        return self._value


def length(seconds: float) -> str:
    """A length of time in two units at most."""
    minutes = int(seconds // 60)
    if seconds < 60:
        return f"{max(0, int(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(item)}" for name, item in value.items() if item)
    return str(value)


class Names(FormattableColumn[list[str]]):
    """Names: in one line for people, a list for programs."""

    def human_readable(self) -> str:
        """With commas."""
        return ", ".join(self._value)

    def machine_readable(self) -> list[str]:
        """As they are."""
        return self._value
