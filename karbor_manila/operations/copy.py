# SPDX-License-Identifier: Apache-2.0
"""Copy: a share made from the checkpoint's snapshot, and a snapshot of that share.

The new checkpoint shares nothing with the old one, so that either can go first. The living share is
not touched: what is copied is what was kept.
"""

import dataclasses
from typing import Any

from karbor.common import constants

from karbor_manila.bank import record_values
from karbor_manila.bank.record import Intent, ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.drivers.base import ProtectOptions, Target, protect_one
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import COPY, PURPOSE
from karbor_manila.manila.views import NewShare
from karbor_manila.operations import in_doubt, parameters, protect, undo
from karbor_manila.operations.errors import RecordMissing
from karbor_manila.operations.share_job import ShareJob
from karbor_manila.operations.share_operation import ShareTask

View = dict[str, Any]


def read_source(section: ShareSection, checkpoint_id: str, share_id: str) -> ShareRecord:
    """The record of the share that is copied. Raises RecordMissing."""
    known = section.record()
    if known is None:
        raise RecordMissing(checkpoint_id, share_id)
    return known


class ReadSource(ShareTask):
    """What is copied, when it is there."""

    default_provides = ("known", "kept")

    def execute(self, job: ShareJob, options: ProtectOptions) -> tuple[ShareRecord, Kept]:
        job.section.status(constants.RESOURCE_STATUS_PROTECTING)
        source = job.extras["source"]
        section = source.get_resource_bank_section(job.share_id)
        known = read_source(ShareSection(section, job.flow.clock.sleep), source.id, job.share_id)
        driver = job.flow.recorded_driver(known.driver, "record")
        protect.check_options(job, known.driver, options)
        kept = driver.check(known.kept(), project_id=known.project_id or source.project_id)
        return known, kept


class WriteIntent(ShareTask):
    """The intent: from here on a crash leaves in the bank what may be in Manila."""

    default_provides = "intent"

    def execute(self, job: ShareJob, known: ShareRecord, kept: Kept) -> Intent:
        project_id = job.checkpoint.project_id
        protected_at = str(kept.created_at or job.now())
        share = record_values.describe_copy(known, project_id, protected_at)
        return job.begin(COPY, known.driver, project_id, share=share)


class MakeClone(ShareTask):
    """Begins the share of the copy. Its revert removes that, and what was made of it."""

    default_provides = "clone_id"

    def execute(
        self, job: ShareJob, known: ShareRecord, intent: Intent, options: ProtectOptions
    ) -> str:
        source = job.extras["source"]
        unnamed = parameters.default_name(str(job.checkpoint.id))
        new = NewShare(
            name=f"copy-{job.checkpoint.id}" if options.name == unnamed else options.name,
            description=f"For checkpoint {job.checkpoint.id} alone, which is a copy of checkpoint "
            f"{source.id}; it is removed with it",
            size=known.size,
            metadata={PURPOSE: COPY},
        )
        clone_id = job.driver(intent.driver).restore(
            known.kept(), Target(intent.mark.of_clone(), new, known.share_proto)
        )
        job.clone_id = clone_id
        job.section.cloned(intent, clone_id, job.now())
        return clone_id

    def revert(self, job: ShareJob, intent: Intent, flow_failures: Any, **_kwargs: Any) -> None:
        unclear = any(in_doubt.is_unclear(failure) for failure in flow_failures.values())
        undo.roll_back(job, intent, unclear=unclear)


class AwaitClone(ShareTask):
    """The share is complete; its intent allows for a wait of hours."""

    default_provides = ("clone", "cloned")

    def execute(self, job: ShareJob, intent: Intent, clone_id: str) -> tuple[View, Intent]:
        clone = job.flow.shares.wait_restored(clone_id)
        return clone, job.section.cloned(intent, clone_id, job.now())


class TakeSnapshot(ShareTask):
    """Begins the snapshot of the share of the copy."""

    default_provides = "snapshot"

    def execute(self, job: ShareJob, clone: View, cloned: Intent, options: ProtectOptions) -> Kept:
        kept = protect_one(
            job.driver(cloned.driver),
            clone,
            cloned.mark,
            dataclasses.replace(options, force=False),
        )
        job.made = kept.id
        job.section.created(cloned, kept.id)
        return kept


class Complete(ShareTask):
    """The snapshot is complete: with its record the share counts as kept."""

    def execute(self, job: ShareJob, cloned: Intent, snapshot: Kept) -> None:
        complete(job, cloned, job.driver(cloned.driver).wait(snapshot))


def complete(job: ShareJob, intent: Intent, kept: Kept) -> None:
    """Both parts are there: the record of them takes the place of the intent."""
    undo.keep(job, intent, record_values.complete_copy(intent, kept.id, kept.data))


def find_clone(job: ShareJob, intent: Intent) -> str | None:
    """The id of the share that a copy has made, if it has."""
    if intent.clone_id:
        return intent.clone_id
    view = in_doubt.find_share(job, dataclasses.replace(intent, mark=intent.mark.of_clone()))
    return str(view["id"]) if view else None


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
        return [
            protect.ResolveOptions(),
            ReadSource(),
            WriteIntent(),
            MakeClone(),
            AwaitClone(),
            TakeSnapshot(),
            Complete(),
        ]
