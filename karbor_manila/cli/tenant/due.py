# SPDX-License-Identifier: Apache-2.0
"""Which plans are due for a drill: those of which no good one began within some time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from karbor_manila.cli import columns
from karbor_manila.cli.errors import KarborRefused, WrongUsage
from karbor_manila.cli.tenant import reading
from karbor_manila.common import drilled_once, durations

if TYPE_CHECKING:
    from karbor_manila.cli.tenant.api import Karbor, View
    from karbor_manila.common.clock import Clock

# Seconds; as drill_older_than in schemas/verify.json.
_LONGEST = 315_360_000


def length(text: str | None) -> int:
    """The seconds of ``--older-than``; 0 when it was not given.

    :raises WrongUsage: it is no length of time, or none at all
    """
    if text is None:
        return 0
    try:
        found = durations.seconds(text)
    except ValueError as error:
        raise WrongUsage(f"--older-than: {error}") from None
    if not found:
        raise WrongUsage("--older-than: give more than no time at all.")
    if found > _LONGEST:
        raise WrongUsage(f"--older-than {text}: it is {_LONGEST // 86400}d at most.")
    return found


def is_not_due(end: Any) -> str:
    """Why a drill was refused that somebody else carries out or has; empty for any other end."""
    why = ""
    if isinstance(end, KarborRefused):
        why = end.answer if drilled_once.is_not_due(end.answer) else ""
    elif isinstance(end, Mapping):
        why = reading.why_not_due(end)
    return f"not due: {why}" if why else ""


class LastDrills:
    """The last drill of each plan of a project, as Karbor lists them."""

    def __init__(self, karbor: "Karbor", clock: "Clock") -> None:
        from karbor_manila.cli.tenant.overview import Overview  # noqa: PLC0415

        self._now = clock.utcnow()
        self._overview = Overview(karbor, self._now, stuck_after=float("inf"))

    def why_not_due(self, plan: "View", older_than: float) -> str:
        """Why a plan need not be drilled, a phrase; empty when it has to be: there was no drill, or
        the last one failed or goes on, or nobody knows when it was. Whether one that goes on is
        alive is Karbor's to say, which is asked then.

        :param older_than: seconds
        """
        (state,) = self._overview.states([plan])
        last = state.drill
        if last is None or last.status != reading.SUCCESS or last.at is None:
            return ""
        ago = (self._now - last.at).total_seconds()
        return f"not due: drilled well {columns.length(ago)} ago" if ago < older_than else ""
