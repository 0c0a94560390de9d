# SPDX-License-Identifier: Apache-2.0
"""What one case works with: its shares, and the operations on them, from a user's side alone."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from karborclient.common.apiclient import exceptions as karbor_exc
from keystoneauth1 import exceptions as ks_exc
from manilaclient import exceptions as manila_exc
from oslo_serialization import jsonutils

from sandbox.tenant import SHARE, wait
from sandbox.waiting import Unfinished, pause
from tests.crash import ways
from tests.crash.ways import Kept
from tests.faults.accounting import Books, reader
from tests.faults.site import Site

#: What a user sees while Karbor cannot ask Keystone; they try again.
_AWAY = (karbor_exc.ServiceUnavailable, ks_exc.ConnectFailure, ks_exc.ServiceUnavailable)
STUCK = "stuck"
REFUSED = "refused"


@dataclass
class ShareJob:
    """One operation of a case.

    :ivar checkpoint: its id; of a protection, as soon as it has begun
    :ivar record: the id of Karbor's restore or verification
    :ivar outcome: the status that it ended in, ``stuck`` or ``refused``
    :ivar reason: all that Karbor's API says of why
    :ivar made: the ids of the shares that a restore speaks of
    """

    operation: str
    shares: list[Any]
    plan: Any
    checkpoint: str | None = None
    record: str | None = None
    outcome: str = ""
    reason: str = ""
    made: set[str] = field(default_factory=set)


class World:
    """The shares of one case and what is done with them."""

    def __init__(self, site: Site, operations: tuple[str, ...], shares: int) -> None:
        self.site = site
        self.jobs: list[ShareJob] = []
        for operation in operations:
            mine = site.take(shares)
            plan = site.alpha.plan_of_shares(mine, provider=site.provider)
            self.jobs.append(ShareJob(operation, mine, plan))
        for job in self.jobs:
            if job.operation != "protect":
                job.checkpoint = site.alpha.protect(job.plan).id
        #: The ids of shares that the owner has made meanwhile.
        self.owned: set[str] = set()
        self._before = {share.id for share in site.alpha.shares()}
        self._groups_before = self._groups()
        site.proxy.clear_counts()

    @property
    def shares(self) -> list[Any]:
        """The shares of all operations."""
        return [share for job in self.jobs for share in job.shares]

    @property
    def job(self) -> ShareJob:
        """The first operation; most cases have one."""
        return self.jobs[0]

    # -- what a user does -----------------------------------------------------------------------

    def begin(self) -> None:
        """Begin every operation. A Karbor that cannot ask Keystone is asked again."""
        for job in self.jobs:
            try:
                _patiently(f"Karbor taking a {job.operation}", lambda: self._begin(job), 60)  # noqa: B023
            except (karbor_exc.ClientException, Unfinished) as error:
                job.outcome, job.reason = REFUSED, str(error)

    def finish(self) -> None:
        """Wait until each operation has ended."""
        deadline = time.monotonic() + self.site.patience
        for job in self.jobs:
            if job.outcome:
                continue
            seconds = max(1.0, deadline - time.monotonic())
            try:
                self._finish(job, seconds)
            except Unfinished as error:
                job.outcome, job.reason = STUCK, str(error)

    def delete(self, job: ShareJob) -> str:
        """DELETE the operation's checkpoint and say what that ended in."""
        if job.checkpoint is None:
            return "deleted"
        alpha = self.site.alpha
        try:
            alpha.karbor.checkpoints.delete(self.site.provider, job.checkpoint)
            return str(self._ended_checkpoint(job, self.site.patience).status)
        except karbor_exc.ClientException as error:
            return f"{REFUSED}: {error}"
        except Unfinished:
            return STUCK

    def restore_rest(self, job: ShareJob) -> Any:
        """Set a checkpoint in error to available, and restore what it has."""
        alpha = self.site.alpha
        try:
            alpha.karbor.checkpoints.reset_state(self.site.provider, job.checkpoint, "available")
            begun = alpha.karbor.restores.create(self.site.provider, job.checkpoint, None, {}, None)
        except karbor_exc.ClientException as error:
            raise AssertionError(f"Karbor does not restore the rest: {error}") from error
        job.record = begun.id
        return self._ended_record(job, alpha.karbor.restores, self.site.patience)

    # -- what there is --------------------------------------------------------------------------

    def kept(self) -> list[Kept]:
        """What keeps the case's shares, or what was made for them."""
        foreign = self._before - {share.id for share in self.shares}
        found = ways.kept(self.site.alpha, self.site.way.kinds)
        return [one for one in found if not foreign & set(one.shares)]

    def unaccounted(self) -> list[str]:
        """What is in Manila because of this case, and unaccounted for."""
        bank = reader(self.site.stack)
        books = {
            share.id: Books(bank, job.checkpoint) if job.checkpoint else None
            for job in self.jobs
            for share in job.shares
        }
        lost = []
        for kept in self.kept():
            known = [books[share_id] for share_id in kept.shares if share_id in books]
            if not any(book and book.name(kept) for book in known):
                lost.append(f"{kept.kind} {kept.id} ({kept.status})")
        reported = set().union(*(job.made for job in self.jobs))
        unknown = self.new_shares() - reported - self.owned
        lost += [f"share {share_id}" for share_id in sorted(unknown)]
        return lost + [f"share group {group_id}" for group_id in sorted(self.new_groups(reported))]

    def left(self) -> list[str]:
        """What is left of the case's checkpoints after their DELETE, in Manila or in the bank."""
        left = [f"{one.kind} {one.id} ({one.status})" for one in self.kept()]
        bank = reader(self.site.stack)
        for job in self.jobs:
            books = Books(bank, job.checkpoint or "none")
            for share in job.shares:
                left += [f"page {page} of share {share.id}" for page in books.pages(share.id)]
        return left

    def new_shares(self) -> set[str]:
        """The ids of the shares that were made since the case began."""
        return {share.id for share in self.site.alpha.shares()} - self._before

    def new_groups(self, users: Collection[str] = ()) -> set[str]:
        """The ids of the share groups that were made since the case began.

        :param users: ids of shares whose groups are their owner's
        """
        made = self._groups() - self._groups_before
        if made and users:
            shares = self.site.alpha.shares()
            made -= {share.share_group_id for share in shares if share.id in users}
        return made

    def _groups(self) -> set[str]:
        """The ids of all share groups of the project, if the driver makes any."""
        if not self.site.way.together:
            return set()
        return {group.id for group in ways.groups(self.site.alpha)}

    # -- what others do -------------------------------------------------------------------------

    def set_kept(self, status: str, only: str | None = None) -> None:
        """The administrator sets what keeps the shares of the case to a status."""
        for kept in self.kept():
            if only in (None, kept.status):
                ways.reset(self.site.admin, kept, status)

    def set_shares(self, status: str, only: str) -> None:
        """The administrator sets those of the project's shares that are in the status ``only``."""
        for share in self.site.alpha.shares():
            if share.status == only:
                with contextlib.suppress(manila_exc.NotFound):
                    self.site.admin.manila.shares.reset_state(share.id, status)

    def await_call(self, call: str, times: int = 1) -> None:
        """Wait until Karbor has asked Manila this, as the proxy counts it."""
        wait(
            f"{call} (asked: {self.site.proxy.counts()})",
            lambda: self.site.proxy.counts().get(call, 0),
            lambda seen: seen >= times,
            120,
        )

    @staticmethod
    def await_manila(condition: Callable[[], bool]) -> None:
        """Wait until Manila shows something."""
        wait("what Manila was asked for", condition, bool, 120)

    def sweep(self) -> None:
        """Whatever became of the case, the next one finds nothing of it."""
        site = self.site
        site.proxy.reset()
        for path in (site.knobs("delays"), site.knobs("faults"), site.bank_faults):
            path.unlink(missing_ok=True)
        if kept := self.kept():
            site.remove_kept(kept)
        if made := self.new_shares():
            for share_id in made:
                site.remove_share(share_id)
            self.await_manila(lambda: not self.new_shares())
        if groups := self.new_groups():
            for group_id in groups:
                site.alpha.manila.share_groups.delete(group_id)
            self.await_manila(lambda: not self.new_groups())
        site.give_back(self.shares)

    # -- Karbor's API ---------------------------------------------------------------------------

    def _begin(self, job: ShareJob) -> bool:
        karbor, provider = self.site.alpha.karbor, self.site.provider
        if job.operation == "protect":
            job.checkpoint = karbor.checkpoints.create(provider, job.plan.id).id
        elif job.operation == "restore":
            job.record = karbor.restores.create(provider, job.checkpoint, None, {}, None).id
        elif job.operation == "verify":
            job.record = karbor.verifications.create(provider, job.checkpoint, {}).id
        else:
            karbor.checkpoints.delete(provider, job.checkpoint)
        return True

    def _finish(self, job: ShareJob, seconds: float) -> None:
        karbor = self.site.alpha.karbor
        if job.operation in ("protect", "delete"):
            checkpoint = self._ended_checkpoint(job, seconds)
            job.outcome, job.reason = checkpoint.status, _reasons(checkpoint.extra_info)
        else:
            manager = karbor.restores if job.operation == "restore" else karbor.verifications
            record = self._ended_record(job, manager, seconds)
            job.outcome, job.reason = record.status, str(record.resources_reason or "")

    def _ended_checkpoint(self, job: ShareJob, seconds: float) -> Any:
        checkpoints = self.site.alpha.karbor.checkpoints
        return _patiently(
            f"checkpoint {job.checkpoint}",
            lambda: checkpoints.get(self.site.provider, job.checkpoint),
            seconds,
            lambda seen: seen.status not in ("protecting", "deleting"),
        )

    def _ended_record(self, job: ShareJob, manager: Any, seconds: float) -> Any:
        record = _patiently(
            f"{job.operation} {job.record}",
            lambda: manager.get(job.record),
            seconds,
            lambda seen: seen.status != "in_progress",
        )
        if manager is self.site.alpha.karbor.restores:
            job.made |= set(_ids(record.resources_status))
        return record


def _reasons(extra_info: str | None) -> str:
    """What a checkpoint says of why something failed, as JSON; empty when it says nothing."""
    reasons = jsonutils.loads(extra_info or "{}").get("reasons")
    return jsonutils.dumps(reasons) if reasons else ""


def _ids(statuses: dict[str, str] | None) -> Iterator[str]:
    for key in statuses or {}:
        kind, _, thing = key.partition("#")
        if kind == SHARE:
            yield thing


def _patiently(
    what: str, look: Callable[[], Any], seconds: float, done: Callable[[Any], bool] = bool
) -> Any:
    """What ``look`` gives when it is ``done``; a Karbor that is away is asked again."""
    began = time.monotonic()
    last: Any = None
    while True:
        looked = time.monotonic()
        try:
            seen = look()
            last = getattr(seen, "status", seen)
        except _AWAY as error:
            seen, last = None, error
        if seen is not None and done(seen):
            return seen
        now = time.monotonic()
        if now - began > seconds:
            raise Unfinished(what, seconds, last)
        time.sleep(pause(now - began, now - looked))
