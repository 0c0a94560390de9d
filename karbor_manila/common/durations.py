# SPDX-License-Identifier: Apache-2.0
"""Lengths of time as people write them, and as programs do."""

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

# Seconds, 31 years: nothing of ours took longer.
_MOST = 10**9


def seconds(text: str) -> int:
    """The seconds of ``90s``, ``30m``, ``1h``, ``2d``, ``1w`` or several of them (``1h30m``).

    :raises ValueError: it is none, as a sentence
    """
    plain = text.strip().lower()
    if not re.fullmatch(r"([0-9]{1,9}[smhdw])+", plain):
        raise ValueError(f"{text!r} is no length of time; give it as 30m, 1h, 2d or 1h30m.")
    return sum(
        int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([smhdw])", plain)
    )


def told(value: object) -> float | None:
    """The seconds that a program has written, such as in a value of JSON; None when that is no
    length of time: JSON as Python reads it has what is no number (``NaN``) and has no end."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        return None
    return float(value)
