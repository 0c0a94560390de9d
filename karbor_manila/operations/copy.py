# SPDX-License-Identifier: Apache-2.0
"""Copy: a share made from the checkpoint's snapshot, and a snapshot of that share.

The new checkpoint shares nothing with the old one, so that either can go first. The living share is
not touched: what is copied is what was kept.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from karbor_manila.bank import record_values
from karbor_manila.bank.errors import RecordForeign, RecordInvalid
from karbor_manila.bank.record import Intent, ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.drivers.base import ProtectOptions, Target, protect_one
from karbor_manila.hooks.base import COPY as POINT
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import COPY, PURPOSE
from karbor_manila.manila.views import NewShare
from karbor_manila.operations import (
    elsewhere,
    hook_calls,
    hooking,
    in_doubt,
    parameters,
    protect,
)
from karbor_manila.operations.errors import RecordMissing
from karbor_manila.operations.share_job import ShareJob

View = dict[str, Any]


def read_source(section: ShareSection, checkpoint_id: str, share_id: str) -> ShareRecord:
    """The record of the share that is copied. Raises RecordMissing."""
    known = section.record()
    if known is None:
        raise RecordMissing(checkpoint_id, share_id)
    return known


class CopyOperation(protect.ProtectOperation):
    """Keeps a share of one checkpoint in another one.

    Karbor's hook gets the checkpoint that is copied as its own; everything that is written belongs
    to the copy.
    """

    verb = "Copy"
    told_as = "copy"

    def job(
        self, checkpoint: Any, resource: Any, context: Any, parameters: Any, **extras: Any
    ) -> ShareJob:
        """``checkpoint_copy`` is the new checkpoint."""
        made = extras.pop("checkpoint_copy")
        return super().job(made, resource, context, parameters, source=checkpoint, **extras)

    def begin_all(self, jobs: Sequence[ShareJob]) -> None:
        """Each share has a share of its own to make first."""

    def point_of(self, job: ShareJob) -> str:
        """Of all shares the same."""
        return POINT

    def run(self, job: ShareJob) -> None:
        """From the intent on a crash leaves in the bank what may be in Manila."""
        options = job.flow.protection.options(job.share_id, job.given)
        known, kept = inspect(job, options)
        hooks = hooking.prepare(job, POINT, hook_calls.known(known))
        intent = begin(job, known, kept, hooks)
        hooking.enter(job)
        job.clone_id = make_clone(job, known, intent, options)
        intent = job.section.cloned(intent, job.clone_id, job.now())
        driver = job.driver(intent.restored_by)
        clone = driver.complete_restore(kept, target(job, known, intent, options), job.clone_id)
        # A new time of the request: the intent allows for a wait of hours.
        intent = job.section.cloned(intent, job.clone_id, job.now())
        snapshot = take_snapshot(job, clone, intent, options)
        complete(job, intent, job.driver(intent.driver).wait(snapshot))


def inspect(job: ShareJob, options: ProtectOptions) -> tuple[ShareRecord, Kept]:
    """What is copied, when it is there."""
    source = job.extras["source"]
    section = source.get_resource_bank_section(job.share_id)
    known = read_source(ShareSection(section, job.flow.clock.sleep), source.id, job.share_id)
    driver = job.flow.recorded_driver(known.driver, "record")
    job.check_options(driver.copies_by or known.driver, options)
    kept = driver.check(known.kept(), project_id=known.project_id or source.project_id)
    return known, kept


def begin(job: ShareJob, known: ShareRecord, kept: Kept, hooks: tuple[str, ...] = ()) -> Intent:
    """Write the intent of a copy; ``hooks`` are the names of those around it."""
    project_id = job.checkpoint.project_id
    protected_at = str(kept.created_at or job.now())
    share = record_values.describe_copy(known, project_id, protected_at)
    other = job.driver(known.driver).copies_by
    if not other:
        return job.begin(COPY, known.driver, project_id, share=share, hooks=hooks)
    return job.begin(COPY, other, project_id, share=share, source_driver=known.driver, hooks=hooks)


def make_clone(job: ShareJob, known: ShareRecord, intent: Intent, options: ProtectOptions) -> str:
    """Ask for the share of the copy. Returns its id."""
    made = target(job, known, intent, options)
    return job.driver(intent.restored_by).restore(known.kept(), made)


def target(job: ShareJob, known: ShareRecord, intent: Intent, options: ProtectOptions) -> Target:
    """What the share of the copy is to be."""
    source = job.extras["source"]
    unnamed = parameters.default_name(str(job.checkpoint.id))
    new = NewShare(
        name=f"copy-{job.checkpoint.id}" if options.name == unnamed else options.name,
        description=f"For checkpoint {job.checkpoint.id} alone, which is a copy of checkpoint "
        f"{source.id}; it is removed with it",
        size=known.size,
        metadata={PURPOSE: COPY},
        encryption_key_ref=known.encryption_key_ref,
    )
    return Target(intent.mark.of_clone(), new, known.share_proto)


def take_snapshot(job: ShareJob, clone: View, intent: Intent, options: ProtectOptions) -> Kept:
    """Ask for the snapshot of the share of the copy."""
    unforced = dataclasses.replace(options, force=False)
    kept = protect_one(job.driver(intent.driver), clone, intent.mark, unforced)
    job.made = kept.id
    job.section.created(intent, kept.id)
    return kept


def complete(job: ShareJob, intent: Intent, kept: Kept) -> None:
    """Both parts are there: the record of them takes the place of the intent."""
    hooks = protect.after_hooks(job, kept, intent)
    made = record_values.complete_copy(
        intent, kept.id, kept.data, hooks, elsewhere.url_of(job.flow.manila.endpoint)
    )
    protect.keep(job, intent, made)


def find_clone(job: ShareJob, intent: Intent) -> str | None:
    """The id of the share that a copy has made, if it has."""
    if intent.clone_id:
        return intent.clone_id
    view = in_doubt.find_share(job, dataclasses.replace(intent, mark=intent.mark.of_clone()))
    return str(view["id"]) if view else None


def not_forgotten_by(job: ShareJob) -> str | None:
    """The driver that made the share of a complete copy whose last writes are missing."""
    try:
        intent = job.section.intent()
    except RecordForeign:
        raise
    except RecordInvalid:
        return None  # what is left then is for the driver's own search (recovery/gc.py)
    return intent.restored_by if intent else None
