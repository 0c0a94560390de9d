# SPDX-License-Identifier: Apache-2.0
"""Restore: parameters, record, a look at the snapshot, intent, new share, its end, the report."""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants
from oslo_log import log as logging
from taskflow.types.failure import Failure

from karbor_manila import exception, parameters
from karbor_manila.drivers.base import Source
from karbor_manila.operations import late, reasons
from karbor_manila.operations.base import Job, JobTask, ShareOperation
from karbor_manila.record import Intent, ShareRecord
from karbor_manila.schemas import RESTORE_SCHEMA

LOG = logging.getLogger(__name__)


def check_parameters(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a restore of one share; the manager asks this before a restore begins.

    :raises InvalidParameter: one of them cannot be used
    :raises NotSupported: ``share_id`` is given
    """
    resolved = parameters.resolve(RESTORE_SCHEMA, given)
    if resolved["share_id"]:
        raise exception.NotSupported(
            f"Restoring into the existing share {resolved['share_id']} (share_id)",
            "Leave share_id out: a new share is made, beside the old one. Nothing was changed.",
        )
    return resolved


class ResolveParameters(JobTask):
    """The user's parameters for this share."""

    default_provides = "wanted"

    def execute(self, job: Job) -> dict[str, Any]:
        return check_parameters(job.given)


class ReadRecord(JobTask):
    """The record of the share, when its snapshot can be used."""

    default_provides = "record"

    def execute(self, job: Job, wanted: dict[str, Any]) -> ShareRecord:
        record = job.ledger.record()
        if record is None:
            raise exception.RecordMissing(job.checkpoint.id, job.share_id)
        job.driver(record.driver).verify(record.snapshot_id, record.share_id)
        return record


class WriteIntent(JobTask):
    """From here on a crash leaves something in the bank that tells what may be in Manila."""

    default_provides = "intent"

    def execute(self, job: Job, record: ShareRecord) -> Intent:
        intent = Intent(
            operation="restore",
            driver=record.driver,
            project_id=job.context.project_id,
            mark=job.mark(job.shared.bank_id(job.checkpoint), job.extras["restore"].id),
            owner=job.owner(),
            since=job.now(),
        )
        job.ledger.begin(intent)
        return intent


class CreateShare(JobTask):
    """Begins the new share. Its revert removes it; the source is never touched."""

    default_provides = "new_share_id"

    def execute(self, job: Job, wanted: dict[str, Any], record: ShareRecord, intent: Intent) -> str:
        source = Source(
            snapshot_id=record.snapshot_id,
            share_id=record.share_id,
            size=record.size,
            share_proto=record.share_proto,
            share_type=record.share_type,
            share_network_id=record.share_network_id,
            availability_zone=record.availability_zone,
        )
        named = f"{job.checkpoint.id}@{record.share_id}"
        job.made = job.driver(intent.driver).restore(
            source,
            intent.mark,
            name=wanted["restore_name"] or record.share_name or named,
            description=wanted["restore_description"] or record.share_description,
        )
        job.ledger.created(intent, str(job.made))
        reasons.guard(_report_made, job, constants.RESOURCE_STATUS_RESTORING)
        return str(job.made)

    def revert(self, job: Job, intent: Intent, result: Any, **_kwargs: Any) -> None:
        unclear = isinstance(result, Failure) and late.is_unclear(result)
        withdraw(job, intent, job.made if isinstance(result, Failure) else result, unclear=unclear)


def withdraw(job: Job, intent: Intent, share_id: str | None, *, unclear: bool = False) -> None:
    """Remove the share that a failed restore made, and the intent; what stays keeps it.

    :param unclear: the request that creates may still be on its way to Manila
    """
    driver = job.driver(intent.driver)
    try:
        if unclear and share_id is None:
            late.find(job, intent, since=job.now())
        if driver.discard(intent.mark, share_id):
            job.remarks.append("The new share was removed again.")
        job.ledger.end(intent)
    except exception.KarborManilaError as error:
        LOG.error(
            "Share %s, made from share %s, checkpoint %s, could not be removed: %s",
            share_id,
            job.share_id,
            job.checkpoint.id,
            error,
        )
        job.remarks.append(f"The new share could not be removed: {error}")


class AwaitShare(JobTask):
    """The new share is complete."""

    def execute(self, job: Job, intent: Intent, new_share_id: str) -> None:
        view = job.driver(intent.driver).wait_restored(new_share_id)
        # A share that is there is not given up for a database that is away.
        reasons.guard(_report_made, job, view["status"])
        job.ledger.end(intent)


def _report_made(job: Job, status: str) -> None:
    report(job, str(job.made), status)


def report(job: Job, share_id: str, status: str, reason: str | None = None) -> None:
    """Say in Karbor's restore what became of a share."""
    reasons.to_record(job, job.extras["restore"], share_id, status, reason)


class RestoreOperation(ShareOperation):
    """Gives a share back from a checkpoint."""

    verb = "Restore"
    failure = karbor_exception.RestoreResourceFailed

    def steps(self) -> list[JobTask]:
        """The steps, in order."""
        return [ResolveParameters(), ReadRecord(), WriteIntent(), CreateShare(), AwaitShare()]

    def failed(self, job: Job, reason: str) -> None:
        """Of the new share when there is one, else of the share that was to be restored."""
        report(job, job.made or job.share_id, constants.RESOURCE_STATUS_ERROR, reason)
