# SPDX-License-Identifier: Apache-2.0
"""Finds the checkpoints that a bank has never held, although Manila has their snapshots.

A bank that was put back from an older copy lacks what was made since. What keeps its shares bears
marks, and Karbor's database mostly knows the plan. Nothing is changed here.
"""

import datetime
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import checkpoints
from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.bank.index import indexed, times
from karbor_manila.database import made
from karbor_manila.database.made import PlanOf
from karbor_manila.manila.client import EVERY_PROJECT
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.plugin import SHARE
from karbor_manila.operations.work import Work
from karbor_manila.recovery.audit.manila_side import ManilaSide, Shown

LOG = logging.getLogger(__name__)

#: In the ``extra_info`` of a checkpoint: when it was written again (UTC), by an operator's command.
ADOPTED = "adopted"


@dataclass(frozen=True)
class Adoptable:
    """A checkpoint that a bank has never held, by the marks in Manila.

    :ivar project_id: whose it is; empty when that cannot be told
    :ivar made_at: UTC
    :ivar keeping: by share, what keeps it
    :ivar missing: shares that its plan names and that nothing keeps
    :ivar passed_over: what bears its mark and is none of it, a phrase each
    :ivar why_not: why it cannot be adopted, a sentence; empty when it can
    """

    id: str
    project_id: str
    made_at: datetime.datetime
    plan: PlanOf
    keeping: dict[str, Shown]
    missing: tuple[str, ...]
    passed_over: tuple[str, ...]
    why_not: str


class Search:
    """One look at what a provider's drivers show.

    :param provider: Karbor's provider, whose shares our plugin protects
    :param bank_id: of the bank whose marks count
    :param plan_id: of the plan that the checkpoints are to be of, when the database knows none
    :param project_id: whose the checkpoints are, when that is in doubt
    """

    def __init__(
        self, provider: Any, bank_id: str, *, plan_id: str = "", project_id: str = ""
    ) -> None:
        self._provider = provider
        self._plan_id = plan_id
        self._project_id = project_id
        self.flow: FlowContext = provider.load_plugins()[SHARE].context_as_karbor([])
        self.flow.bind(Work(None, EVERY_PROJECT))
        self.manila = ManilaSide(self.flow, bank_id)
        self._times: dict[str, int] = {}
        self._passed_over: list[str] = []

    def find(self, wanted: Iterable[str] = ()) -> list[Adoptable]:
        """What could be adopted, the oldest first; only these checkpoints, if any are named.

        :raises BankUnreadable: the bank cannot be listed
        :raises DatabaseUnreadable: Karbor's database does not answer
        :raises NotAdministrator, ManilaUnavailable, ManilaRefused: Manila does not answer
        """
        # Manila first: what is made meanwhile is in the bank before it is in Manila.
        self.manila.list_configured()
        bank, only = self._provider.bank, set(wanted)
        held = set(checkpoints.everything(bank))
        found: list[Adoptable] = []
        # One that is damaged may still be there: a second time would make it two.
        self._times = times(bank)
        self._passed_over = []
        for checkpoint_id in self.manila.left():
            marked = self.manila.take_marked(checkpoint_id)
            if only and checkpoint_id not in only:
                continue
            # The list of an object store may lag behind.
            if checkpoint_id in held or checkpoints.is_held(bank, checkpoint_id):
                self._passed_over.append(checkpoint_id)
                continue
            found.append(self._judged(checkpoint_id, marked))
        return sorted(found, key=lambda each: (each.made_at, each.id))

    def half_done(self, wanted: Iterable[str] = ()) -> list[str]:
        """Those of these checkpoints that were adopted and are not in the bank's index: who did it
        died in between. One that was deleted, or is just being made, is not there, either.

        :param wanted: by default all that the last :meth:`find` has passed over
        :raises BankUnreadable: the bank cannot be listed, or does not give one
        """
        asked = list(wanted) or self._passed_over
        known = indexed(self._provider.bank) if asked else set()
        return [each for each in asked if each not in known and self._is_adopted(each)]

    def _is_adopted(self, checkpoint_id: str) -> bool:
        """Whether the bank holds it, available, as an adoption has written it."""
        if not checkpoints.is_held(self._provider.bank, checkpoint_id):
            return False
        try:
            found = checkpoints.get(self._provider, checkpoint_id)
            state = (found.provider_id, found.status)
            is_ours = state == (self._provider.id, constants.CHECKPOINT_STATUS_AVAILABLE)
            return is_ours and ADOPTED in checkpoints.info(found)
        except BankUnreadable:
            raise
        except Exception as error:  # noqa: BLE001 - Karbor takes any index for a checkpoint's
            LOG.error("Checkpoint %s cannot be read and is passed over: %s", checkpoint_id, error)
            return False

    def _made_at(self, checkpoint_id: str, otherwise: datetime.datetime) -> datetime.datetime:
        """By the index of the bank, if that still has it."""
        made = self._times.get(checkpoint_id)
        return datetime.datetime.fromtimestamp(made, datetime.UTC) if made else otherwise

    def _judged(self, checkpoint_id: str, marked: list[Shown]) -> Adoptable:
        log = made.find(checkpoint_id)
        ours = [shown for shown in marked if _is_of(shown, self._provider.id)]
        projects = sorted({str(shown.project_id) for shown in ours})
        project_id = log.project_id if log else self._project_id
        project_id = project_id or (projects[0] if len(projects) == 1 else "")
        plan = made.plan(log.plan_id if log else self._plan_id or _no_plan(project_id))
        keeping = dict(_keeping(ours, project_id, plan))
        kept_ids = {shown.id for shown in keeping.values()}
        return Adoptable(
            id=checkpoint_id,
            project_id=project_id,
            made_at=self._made_at(checkpoint_id, log.at if log else _earliest(ours)),
            plan=plan,
            keeping=keeping,
            missing=tuple(
                str(each["id"])
                for each in plan.resources
                if each["type"] == SHARE and each["id"] not in keeping
            ),
            passed_over=tuple(
                f"snapshot {shown.id} ({_why_passed_over(shown, self._provider.id, project_id)})"
                for shown in marked
                if shown.id not in kept_ids
            ),
            why_not=_why_not(log, projects, project_id, keeping, plan),
        )


def _is_of(shown: Shown, provider_id: str) -> bool:
    """Whether it keeps a share, or a group of them, in a checkpoint of this provider. A copy has a
    share of its own, and what a restore makes is temporary."""
    mark = shown.mark
    return (
        mark is not None
        and mark.provider == provider_id
        and not mark.restore
        and shown.project_id is not None
        and mark.resource == shown.share_id
    )


def _keeping(ours: list[Shown], project_id: str, plan: PlanOf) -> Iterator[tuple[str, Shown]]:
    """By share what keeps it, the oldest last: it is the one that counts, because a tenant can copy
    its mark later.

    What keeps a group has shares in it that the plan may not name.
    """
    kinds = {each["type"] for each in plan.resources}
    named = {each["id"] for each in plan.resources} if kinds == {SHARE} else None
    for shown in sorted(ours, key=lambda each: str(each.created_at), reverse=True):
        if shown.project_id != project_id:
            continue
        for share_id in shown.together or (shown.share_id,):
            if named is None or share_id in named or not shown.together:
                yield share_id, shown


def _why_passed_over(shown: Shown, provider_id: str, project_id: str) -> str:
    if not shown.mark or shown.mark.provider != provider_id:
        return "it is another provider's"
    if shown.mark.restore:
        return "it is temporary, of a restore"
    if shown.mark.resource != shown.share_id:
        return "it is of a copy, or its mark is forged; make the copy again"
    if shown.project_id != project_id:
        return f"it is of project {shown.project_id}; its mark may be forged"
    return "another one keeps the same share"


def _why_not(
    log: made.Made | None,
    projects: list[str],
    project_id: str,
    keeping: dict[str, Shown],
    plan: PlanOf,
) -> str:
    if log and log.is_deleted:
        return "Karbor's database knows it as deleted."
    if not project_id and projects:
        return (
            f"Its marks are of projects {' and '.join(projects)}, so some are forged. Say whose it "
            f"is: --project ID."
        )
    if not log and plan.project_id not in ("", project_id):
        return (
            f"Plan {plan.id} is of project {plan.project_id}, and its marks are of project "
            f"{project_id}. Say --plan only with checkpoints of that project."
        )
    if not keeping:
        return "Nothing that bears its mark keeps a share of it."
    return ""


def _no_plan(project_id: str) -> str:
    """The id of a plan that nobody knows any more: the same for all of a project, so that they are
    listed together."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"karbor-manila adopted {project_id}"))


def _earliest(ours: list[Shown]) -> datetime.datetime:
    """When the first of them was made, by Manila; the beginning of time when it does not say."""
    times = [time for shown in ours if (time := _moment(shown.created_at))]
    return min(times, default=datetime.datetime.fromtimestamp(0, datetime.UTC))


def _moment(text: str | None) -> datetime.datetime | None:
    """A time as Manila writes it: UTC, with or without saying so."""
    try:
        found = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
