# SPDX-License-Identifier: Apache-2.0
"""Numbers on a command line: what cannot be meant is refused before anything is asked for."""

import argparse
import math
from collections.abc import Callable
from typing import Any

#: No length of time, count or age that somebody means is more; of seconds it is 31 years.
MOST = 10**9


def fraction(least: float = 0, most: float = MOST, *, above: bool = False) -> Callable[[str], Any]:
    """A number as argparse takes it, such as so many seconds.

    :param least, most: its bounds, both allowed
    :param above: whether it has to be more than ``least``
    """
    return _reader(float, "number", least, most, above=above)


def whole(least: int = 0, most: int = MOST) -> Callable[[str], Any]:
    """A whole number as argparse takes it.

    :param least, most: its bounds, both allowed
    """
    return _reader(int, "whole number", least, most)


def _reader(
    kind: Callable[[str], float], word: str, least: float, most: float, *, above: bool = False
) -> Callable[[str], Any]:
    bounds = f"{'above' if above else 'from'} {least:g}{' up' if above else ''} to {most:.0f}"

    def read(text: str) -> float:
        """:raises argparse.ArgumentTypeError: it is none, or out of the bounds"""
        try:
            number = kind(text)
        except ValueError:
            number = math.nan  # which is within no bounds
        if not least <= number <= most or (above and number == least):
            raise argparse.ArgumentTypeError(f"{text!r} is no {word} {bounds}")
        return number

    return read
