# SPDX-License-Identifier: Apache-2.0
"""When it was last shown that files come back: drills of shares, and how long they took."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from karbor_manila.cli.views.listed import Limits, Listed
from karbor_manila.cli.views.shares import ShareView


@dataclass(frozen=True)
class Proofs:
    """Of the shares that have a checkpoint.

    :ivar of: how many shares these are
    :ivar drilled: how many had a good drill within the days that are asked for
    :ivar median, worst: seconds of those
    :ivar worst_share: the share that took longest
    :ivar overdue: the shares without one
    :ivar failed: those among them whose last drill went wrong
    :ivar told: all shares that Karbor tells an ended drill of, the newest first
    """

    of: int
    drilled: int
    median: float | None
    worst: float | None
    worst_share: ShareView | None
    overdue: tuple[ShareView, ...]
    failed: tuple[ShareView, ...]
    told: tuple[ShareView, ...]


def proofs(listed: Listed, limits: Limits, shares: Sequence[ShareView]) -> Proofs:
    """From the views of the shares."""
    with_one = [share for share in shares if share.newest and not share.left_out]
    recent = [share for share in with_one if _is_recent(share, listed, limits)]
    timed = [(seconds, s) for s in recent if s.drill and (seconds := s.drill.seconds) is not None]
    worst = max(timed, key=lambda pair: pair[0], default=None)
    known = {share.id for share in recent}
    overdue = tuple(share for share in with_one if share.id not in known)
    return Proofs(
        of=len(with_one),
        drilled=len(recent),
        median=statistics.median(seconds for seconds, _share in timed) if timed else None,
        worst=worst[0] if worst else None,
        worst_share=worst[1] if worst else None,
        overdue=overdue,
        failed=tuple(s for s in overdue if s.drill and not s.drill.good and not s.drill.under_way),
        told=tuple(sorted((s for s in shares if s.drill and not s.drill.under_way), key=_newest)),
    )


def _newest(share: ShareView) -> tuple[float, str]:
    at = share.drill.at if share.drill else None
    return -at.timestamp() if at else 0.0, share.id


def _is_recent(share: ShareView, listed: Listed, limits: Limits) -> bool:
    drill = share.drill
    if drill is None or not drill.good or drill.at is None:
        return False
    return (listed.at - drill.at).total_seconds() <= limits.drill_days * 86400.0
