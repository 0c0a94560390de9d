# SPDX-License-Identifier: Apache-2.0
"""Operation logs of many checkpoints, with few requests."""

import datetime
import itertools
from collections.abc import Collection

from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.api import PAGE, Karbor, View

# One page of all logs of the project is asked for in place of so many checkpoints' own.
_WORTH = 10

# A checkpoint's day comes from another clock than the times of the logs.
_MARGIN = datetime.timedelta(days=1)

_NEVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)
_ALWAYS = datetime.datetime.min.replace(tzinfo=datetime.UTC)


class Logs:
    """The project's operation logs, newest first, read as far back as it is cheaper than to ask for
    the logs of each checkpoint. A checkpoint has none from before the day of its making."""

    def __init__(self, karbor: Karbor) -> None:
        self._karbor = karbor
        self._of: dict[str, list[View]] = {}
        self._complete: set[str] = set()

    def read(self, checkpoints: Collection[View]) -> None:
        """Find the logs of these checkpoints, as far as that takes few requests."""
        days = {item["id"]: reading.moment(item.get("created_at")) for item in checkpoints}
        wanted = {name: day - _MARGIN for name, day in days.items() if day}
        pages = len(wanted) // _WORTH
        if not pages:
            return
        most, back_to = pages * PAGE, _NEVER
        for log in itertools.islice(self._karbor.logs(), most):
            self._of.setdefault(log["checkpoint_id"], []).append(log)
            back_to = reading.moment(log["started_at"]) or back_to
            if back_to < min(wanted.values()):
                break
        else:
            if sum(map(len, self._of.values())) < most:  # these are all that there are
                back_to = _ALWAYS
        self._complete |= {name for name, day in wanted.items() if back_to < day}

    def of(self, checkpoint_id: str) -> list[View]:
        """All logs of a checkpoint, newest first."""
        if checkpoint_id not in self._complete:
            self._of[checkpoint_id] = list(self._karbor.logs(checkpoint_id=checkpoint_id))
            self._complete.add(checkpoint_id)
        return self._of.get(checkpoint_id, [])
