# SPDX-License-Identifier: Apache-2.0
"""What the bank keeps of drills: what ``karbor-manila drill results -f json`` prints, read.

Karbor's API tells of a drill as long as its database has the verification, and not who asked.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant import printed, reading
from karbor_manila.common import durations

#: Stands in the place of what its signature shows.
DAMAGED = "damaged"


@dataclass(frozen=True)
class Evidence:
    """What is kept of the drill of one share.

    :ivar at: when, as it stands there
    :ivar seconds: until its content was back; None when it is not known
    :ivar compared: what of its content was compared, a phrase
    :ivar by: who asked for it
    :ivar signature: what its signature shows (:class:`karbor_manila.common.sealing.State`), or why
        it says nothing
    """

    at: str
    result: str
    share_id: str
    share_name: str
    checkpoint_id: str
    seconds: float | None
    compared: str
    reason: str
    by: str
    signature: str


def read(rows: Any) -> list[Evidence]:
    """All of it, the newest first.

    :param rows: what was printed, decoded
    :raises WrongUsage: it is not that
    """
    try:
        found = [_evidence(row) for row in printed.rows(rows)]
    except (AttributeError, KeyError, TypeError) as error:
        raise WrongUsage(
            "The file is not what 'karbor-manila drill results -f json' prints."
        ) from error
    return sorted(found, key=lambda item: item.at, reverse=True)


def named(found: Iterable[Evidence], names: Mapping[str, str]) -> list[Evidence]:
    """The same, with the names of the shares that are known.

    :param names: by id
    """
    return [
        dataclasses.replace(item, share_name=names.get(item.share_id, item.share_id))
        for item in found
    ]


def _evidence(row: Mapping[str, Any]) -> Evidence:
    def text(name: str) -> str:
        return str(row[name] or "")

    seconds, by = durations.told(row["Seconds"]), row["By"]
    # Its numbers may be anybody's: what is no length of time makes all of it say nothing.
    if seconds is None and row["Seconds"] is not None:
        nothing = dict.fromkeys(("Result", "Compared", "Reason"))
        row, by = {**row, **nothing, "Signature": DAMAGED}, None
    known = by if isinstance(by, Mapping) else {}
    who = (f"{name} {known[name]}" for name in ("user", "project", "host") if known.get(name))
    return Evidence(
        at=text("At"),
        result=text("Result"),
        share_id=text("Share"),
        share_name=text("Share"),
        checkpoint_id=text("Checkpoint"),
        seconds=seconds,
        compared=reading.compared({"compared": row["Compared"]}),
        reason=text("Reason"),
        by=", ".join(who),
        signature=text("Signature"),
    )
