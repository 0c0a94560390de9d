# SPDX-License-Identifier: Apache-2.0
"""A hold on a checkpoint: neither retention nor a person removes it before the hold has ended.

It stands in the checkpoint's ``extra_info``, so in the bank: it needs no database. This module
imports nothing of Karbor: the commands read with it what the service has written.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: In the ``extra_info`` of a checkpoint.
KEY = "hold"


@dataclass(frozen=True)
class Hold:
    """Why a checkpoint is held, by whom and for how long.

    :ivar why: a text of whoever holds it
    :ivar by: the id of that user; empty when it is not known
    :ivar project: the id of the project in which the user held it
    :ivar since: UTC, ISO 8601
    :ivar until: the last day, UTC; None for a hold that ends by a release alone
    """

    why: str
    by: str
    project: str
    since: str
    until: datetime.date | None = None

    def is_over(self, now: datetime.datetime) -> bool:
        """Whether its last day has ended.

        :param now: UTC
        """
        return self.until is not None and now.date() > self.until

    def told(self) -> str:
        """As the end of a sentence, after "is"."""
        until = f", until the end of {self.until} (UTC)" if self.until else ""
        return f"held since {self.since} by user {self.by or 'unknown'}{until}: {self.why!r}"

    def dump(self) -> dict[str, Any]:
        """As it stands in the checkpoint: JSON."""
        return {
            "why": self.why,
            "by": self.by,
            "project": self.project,
            "since": self.since,
            "until": self.until.isoformat() if self.until else None,
        }


def of(extra_info: Mapping[str, Any]) -> Hold | None:
    """The hold on a checkpoint, over or not; None when there is none.

    What cannot be understood, of a later release or a tenant's own, holds until it is released.

    :param extra_info: the checkpoint's, decoded
    """
    stored = extra_info.get(KEY)
    if stored is None:
        return None
    known = stored if isinstance(stored, Mapping) else {}
    text = {name: str(known.get(name) or "") for name in ("why", "by", "project", "since")}
    return Hold(**text, until=_day(known.get("until")))


def in_force(extra_info: Mapping[str, Any], now: datetime.datetime) -> Hold | None:
    """The hold on a checkpoint, if it has not ended by itself.

    :param now: UTC
    """
    found = of(extra_info)
    return None if found is None or found.is_over(now) else found


def _day(text: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
