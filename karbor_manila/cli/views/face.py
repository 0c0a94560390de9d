# SPDX-License-Identifier: Apache-2.0
"""All views of one look: what the page, the exporter and the commands show the same of."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from karbor_manila.cli.views import audited, days, evidence, proofs, removal, runs, shares, work
from karbor_manila.cli.views import plans as plan_views
from karbor_manila.cli.views.listed import Limits, Listed


@dataclass(frozen=True)
class Face:
    """What a person looks at every day.

    :ivar at: when the data was asked for, UTC
    :ivar names: of plans and providers, by id
    :ivar not_listed: what could not be asked for, and what is missing by that, a sentence each
    :ivar manila: whether Manila told which shares there are; if not, only those of plans are known
    :ivar runs: those of the days that are looked at, the newest first
    :ivar stuck: runs that go on for too long; they are among ``running``
    :ivar going: what the next retention and the keep rules remove
    :ivar waiting: deletions that wait
    :ivar audit: what an operator's audit found; None when there was none
    :ivar evidence: what the bank keeps of drills, as an operator listed it; None when none did
    """

    at: datetime.datetime
    since: datetime.datetime
    all_projects: bool
    limits: Limits
    names: Mapping[str, str]
    not_listed: tuple[str, ...]
    manila: bool
    totals: shares.Totals
    plans: tuple[plan_views.PlanView, ...]
    shares: tuple[shares.ShareView, ...]
    strips: tuple[days.Strip, ...]
    groups: tuple[work.Group, ...]
    running: tuple[runs.Run, ...]
    stuck: tuple[runs.Run, ...]
    reasons: tuple[work.Reason, ...]
    proofs: proofs.Proofs
    going: tuple[removal.Going, ...]
    held: tuple[removal.Held, ...]
    waiting: tuple[removal.Waiting, ...]
    audit: tuple[audited.Found, ...] | None
    evidence: tuple[evidence.Evidence, ...] | None


def face(
    listed: Listed,
    limits: Limits = Limits(),  # noqa: B008 - frozen, of constants
    audit: Sequence[audited.Found] | None = None,
    drilled: Sequence[evidence.Evidence] | None = None,
) -> Face:
    """Everything, from what was listed."""
    plans = plan_views.plans(listed, limits)
    all_runs = runs.runs(listed)
    recent = work.within(all_runs, listed, limits)
    found = shares.shares(listed, plans)
    going = work.running(all_runs)
    names = {share.id: share.name for share in found}
    return Face(
        at=listed.at,
        since=listed.since,
        all_projects=listed.all_projects,
        limits=limits,
        names=listed.names,
        not_listed=tuple(listed.not_listed),
        manila=listed.shares is not None,
        totals=shares.totals(found),
        plans=tuple(plans),
        shares=tuple(found),
        strips=tuple(days.strips(listed, limits, plans, all_runs)),
        groups=tuple(work.groups(recent)),
        running=tuple(going),
        stuck=tuple(work.stuck(listed, limits, going)),
        reasons=tuple(work.reasons(recent)),
        proofs=proofs.proofs(listed, limits, found),
        going=tuple(removal.going(listed, plans)),
        held=tuple(removal.held(listed)),
        waiting=tuple(removal.waiting(listed)),
        audit=tuple(audit) if audit is not None else None,
        evidence=None if drilled is None else tuple(evidence.named(drilled, names)),
    )
