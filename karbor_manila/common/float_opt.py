# SPDX-License-Identifier: Apache-2.0
"""Options whose value is a number: one that is none (``nan``) is within no bounds.

oslo.config takes ``nan`` whatever the bounds are, because it compares with them: nothing is less
than no number. A timeout of ``nan`` would be over at no time, and every check of one option against
another would pass.
"""

import math
from typing import Any

from oslo_config import cfg, types


class _Number(types.Float):
    """A number with bounds."""

    def __call__(self, value: Any) -> float | None:
        """The number in a text.

        :raises ValueError: it is none, or out of the bounds
        """
        found: float | None = super().__call__(value)
        if found is not None and math.isnan(found):
            raise ValueError(f"{value} is no number")
        return found


class FloatOpt(cfg.FloatOpt):
    """As that of oslo.config, and what is no number is refused.

    :param name: the option's name
    :param min, max: its bounds
    :param given: as ``cfg.Opt`` takes it
    """

    def __init__(self, name: str, *, min: float, max: float, **given: Any) -> None:  # noqa: A002
        super().__init__(name, min=min, max=max, **given)
        self.type = _Number(min, max)
