# SPDX-License-Identifier: Apache-2.0
"""Copy: a share made from the checkpoint's snapshot, and a snapshot of that share.

The new checkpoint shares nothing with the old one, so that either can go first. The living share is
not touched: what is copied is what was kept.
"""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from karbor.common import constants
from oslo_log import log as logging

from karbor_manila.bank import record
from karbor_manila.bank.errors import RecordForeign, RecordInvalid
from karbor_manila.bank.record import Intent, ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.left_out import BROKEN, NOT_SUPPORTED, Why
from karbor_manila.drivers.errors import DriverUnknown
from karbor_manila.manila.errors import CloneUnsupported, SnapshotGone
from karbor_manila.manila.marks import COPY, PURPOSE
from karbor_manila.manila.views import NewShare, Source
from karbor_manila.operations import in_doubt, leaving_out, protect, restore_plan, undo
from karbor_manila.operations.errors import NotCopyable, RecordDriverMissing, RecordMissing
from karbor_manila.operations.flow import FlowContext
from karbor_manila.operations.share_operation import ShareJob, ShareTask

LOG = logging.getLogger(__name__)

View = dict[str, Any]

# For a share that its plan names: a copy without it is not what was asked for.
_CURE = (
    "Make a plan of the other shares and copy that: with this checkpoint this plan cannot be "
    "copied as long as the share's type does not allow it."
)


def preflight(
    shared: FlowContext, context: Any, wanted: Collection[tuple[Any, list[str]]]
) -> dict[str, dict[str, Why]]:
    """Whether these checkpoints can be copied; writes nothing.

    :param wanted: Karbor's checkpoints, each with the ids of its shares
    :returns: by checkpoint, the shares that its copy leaves out, and why: those that it cannot
        give back itself any more, and those that its plan does not name and of which Manila makes
        no new share. They do not keep the others from being copied.
    :raises KarborManilaError: which share of which checkpoint cannot be copied, and why
    """
    sources: dict[str, dict[str, Source]] = {}
    holders: dict[str, tuple[Any, str]] = {}
    spoilt: dict[str, dict[str, Why]] = {checkpoint.id: {} for checkpoint, _shares in wanted}
    for checkpoint, share_ids in wanted:
        for share_id in share_ids:
            section = checkpoint.get_resource_bank_section(share_id)
            try:
                known = _known(ShareSection(section, shared.clock.sleep), checkpoint.id, share_id)
            except KarborManilaError as error:
                spoilt[checkpoint.id][share_id] = _why_left_out(checkpoint, share_id, error)
                continue
            source = restore_plan.source_of(known)
            sources.setdefault(known.driver, {})[source.snapshot_id] = source
            holders[source.snapshot_id] = (checkpoint, share_id)
    for name, of_driver in sources.items():
        (project_id,) = {checkpoint.project_id for checkpoint, _shares in wanted}
        try:
            driver = shared.catalogue(context, project_id).driver(name)
        except DriverUnknown as error:
            raise RecordDriverMissing("record", name, error.known) from error
        for snapshot_id, refusal in driver.preflight_copy(of_driver.values()).items():
            checkpoint, share_id = holders[snapshot_id]
            spoilt[checkpoint.id][share_id] = _why_left_out(checkpoint, share_id, refusal)
    return spoilt


def _why_left_out(checkpoint: Any, share_id: str, error: Exception) -> Why:
    """Why a copy goes without a share.

    What nobody can have back from the source is no loss to its copy. Of a type that allows no new
    shares it is as when it was protected: no fault in a share of the whole project, and refused
    when the plan names it. What may be copied another time, or by another release, must not be
    missing in the copy.

    :raises NotCopyable: it does not go without
    """
    if isinstance(error, CloneUnsupported):
        if share_id not in leaving_out.named_by(checkpoint):
            return Why(error.why, NOT_SUPPORTED)
        where = f"Share {share_id}, which the plan of checkpoint {checkpoint.id} names,"
        raise NotCopyable(where, f"{error.why}. {_CURE}") from error
    foreign = isinstance(error, RecordForeign)
    lost = (RecordMissing, RecordInvalid, SnapshotGone)
    if foreign or not isinstance(error, lost):
        where = f"Share {share_id} of checkpoint {checkpoint.id}"
        raise NotCopyable(where, str(error)) from error
    return Why(str(error), BROKEN)


def _known(ledger: ShareSection, checkpoint_id: str, share_id: str) -> ShareRecord:
    known = ledger.record()
    if known is None:
        raise RecordMissing(checkpoint_id, share_id)
    return known


@dataclass
class Made:
    """What a copy has made so far: the ids that Manila has told."""

    clone_id: str | None = None
    snapshot_id: str | None = None


class ReadSource(ShareTask):
    """What is copied, when it is there."""

    default_provides = ("known", "kept")

    def execute(self, job: ShareJob, options: dict[str, Any]) -> tuple[ShareRecord, View]:
        job.section.status(constants.RESOURCE_STATUS_PROTECTING)
        source = job.extras["source"]
        ledger = ShareSection(source.get_resource_bank_section(job.share_id), job.flow.clock.sleep)
        known = _known(ledger, source.id, job.share_id)
        driver = job.recorded_driver(known.driver, "record")
        protect.check_description(job, known.driver, options)
        kept = driver.verify(
            known.snapshot_id,
            known.snapshot_of,
            size=known.size,
            project_id=known.project_id or source.project_id,
        )
        return known, kept


class WriteIntent(ShareTask):
    """From here on a crash leaves something in the bank that tells what may be in Manila."""

    default_provides = "intent"

    def execute(self, job: ShareJob, known: ShareRecord, kept: View) -> Intent:
        project_id = job.checkpoint.project_id
        protected_at = str(kept.get("created_at") or job.now())
        share = record.describe_copy(known, project_id, protected_at)
        return job.begin(COPY, known.driver, project_id, share=share)


class MakeClone(ShareTask):
    """Begins the share of the copy. Its revert removes that, and what was made of it."""

    default_provides = "clone_id"

    def __init__(self, made: Made) -> None:
        super().__init__()
        self._made = made

    def execute(
        self, job: ShareJob, known: ShareRecord, intent: Intent, options: dict[str, Any]
    ) -> str:
        source = job.extras["source"]
        new = NewShare(
            name=options["snapshot_name"] or f"copy-{job.checkpoint.id}",
            description=f"For checkpoint {job.checkpoint.id} alone, which is a copy of checkpoint "
            f"{source.id}; it is removed with it",
            size=known.size,
            metadata={PURPOSE: COPY},
        )
        self._made.clone_id = job.driver(intent.driver).restore(
            restore_plan.source_of(known), intent.mark.of_clone(), new
        )
        job.section.cloned(intent, self._made.clone_id, job.now())
        return self._made.clone_id

    def revert(self, job: ShareJob, intent: Intent, flow_failures: Any, **_kwargs: Any) -> None:
        unclear = any(in_doubt.is_unclear(failure) for failure in flow_failures.values())
        roll_back(job, intent, self._made, unclear=unclear)


class AwaitClone(ShareTask):
    """The share is complete; what the bank says of it allows for a wait of hours."""

    default_provides = ("clone", "cloned")

    def execute(self, job: ShareJob, intent: Intent, clone_id: str) -> tuple[View, Intent]:
        clone = job.driver(intent.driver).wait_restored(clone_id)
        return clone, job.section.cloned(intent, clone_id, job.now())


class TakeSnapshot(ShareTask):
    """Begins the snapshot of the share of the copy."""

    default_provides = "snapshot_id"

    def __init__(self, made: Made) -> None:
        super().__init__()
        self._made = made

    def execute(self, job: ShareJob, clone: View, cloned: Intent, options: dict[str, Any]) -> str:
        self._made.snapshot_id = job.driver(cloned.driver).protect(
            clone,
            cloned.mark,
            name=options["snapshot_name"] or f"checkpoint-{job.checkpoint.id}",
            description=options["description"],
            force=False,
        )
        job.section.created(cloned, self._made.snapshot_id)
        return self._made.snapshot_id


class Complete(ShareTask):
    """The snapshot is complete: with its record the share counts as kept."""

    def execute(self, job: ShareJob, cloned: Intent, snapshot_id: str) -> None:
        job.driver(cloned.driver).wait_protected(snapshot_id)
        complete(job, cloned, snapshot_id)


def complete(job: ShareJob, intent: Intent, snapshot_id: str) -> None:
    """Both parts are there: the record of them takes the place of the intent."""
    undo.keep(job, intent, record.complete_copy(intent, snapshot_id))


def find_clone(job: ShareJob, intent: Intent) -> str | None:
    """The id of the share that a copy has made, if it has."""
    if intent.clone_id:
        return intent.clone_id
    view = in_doubt.find(job, dataclasses.replace(intent, mark=intent.mark.of_clone()))
    return str(view["id"]) if view else None


def roll_back(job: ShareJob, intent: Intent, made: Made, *, unclear: bool = False) -> None:
    """Remove what a failed copy made, and its intent; what cannot be removed keeps it, and what is
    in doubt: a deletion of the checkpoint looks for it again.

    :param unclear: a request that creates may still be on its way to Manila
    """
    if not undo.may_undo(job):
        return
    driver = job.driver(intent.driver)
    try:
        doubtful = unclear and not _has_settled(job, intent, made)
        project_id = intent.project_id
        driver.delete(intent.mark, made.snapshot_id, project_id=project_id, undo=True)
        driver.delete_clone(intent.mark.of_clone(), made.clone_id, project_id=project_id, undo=True)
        if not doubtful:
            job.section.end(intent)
    except KarborManilaError as error:
        LOG.error(
            "Share %s, made for the copy of share %s, checkpoint %s, could not be removed: %s",
            made.clone_id,
            job.share_id,
            job.checkpoint.id,
            error,
        )
        job.remarks.append(
            f"What was begun could not be removed and goes with the checkpoint: {error}"
        )


def _has_settled(job: ShareJob, intent: Intent, made: Made) -> bool:
    """Wait while what was asked for last may still appear; whether that is known or was found."""
    if made.clone_id is None:
        wanted = dataclasses.replace(intent, mark=intent.mark.of_clone())
        return in_doubt.find(job, wanted, since=job.now()) is not None
    if made.snapshot_id is None:
        return in_doubt.find(job, intent, since=job.now()) is not None
    return True


class CopyOperation(protect.ProtectOperation):
    """Keeps a share of one checkpoint in another one.

    Karbor's hook gets the checkpoint that is copied as its own; everything that is written belongs
    to the copy.
    """

    verb = "Copy"

    def on_main(
        self, checkpoint: Any, resource: Any, context: Any, parameters: Any, **kwargs: Any
    ) -> None:
        """Karbor's main hook; ``checkpoint_copy`` is the new checkpoint."""
        made = kwargs.pop("checkpoint_copy")
        super().on_main(made, resource, context, parameters, source=checkpoint, **kwargs)

    def steps(self, job: ShareJob) -> list[ShareTask]:
        """The steps, in order."""
        made = Made()
        return [
            protect.ResolveOptions(),
            ReadSource(),
            WriteIntent(),
            MakeClone(made),
            AwaitClone(),
            TakeSnapshot(made),
            Complete(),
        ]
