# SPDX-License-Identifier: Apache-2.0
"""Verify: the record is whole, and what keeps the share is in Manila and available."""

from typing import Any

from karbor import exception as karbor_exception
from karbor.common import constants

from karbor_manila import exception, parameters
from karbor_manila.operations import reasons
from karbor_manila.operations.base import Job, JobTask, ShareOperation
from karbor_manila.schemas import VERIFY_SCHEMA


class CheckParameters(JobTask):
    """The user's parameters for this share."""

    def execute(self, job: Job) -> None:
        parameters.resolve(VERIFY_SCHEMA, job.given)


class CheckSnapshot(JobTask):
    """The record, and the snapshot that it names."""

    default_provides = "view"

    def execute(self, job: Job) -> dict[str, Any]:
        record = job.ledger.record()
        if record is None:
            raise exception.RecordMissing(job.checkpoint.id, job.share_id)
        view: dict[str, Any] = job.driver(record.driver).verify(record.snapshot_id, record.share_id)
        return view


class Report(JobTask):
    """Karbor's verification says that the share can be had back."""

    def execute(self, job: Job, view: dict[str, Any]) -> None:
        report(job, view["status"])


def report(job: Job, status: str, reason: str | None = None) -> None:
    """Say in Karbor's verification how a share stands."""
    reasons.to_record(job, job.extras["verify"], job.share_id, status, reason)


class VerifyOperation(ShareOperation):
    """Tells whether a share could be given back from a checkpoint."""

    verb = "Verification"
    failure = karbor_exception.VerifyResourceFailed

    def steps(self) -> list[JobTask]:
        """The steps, in order."""
        return [CheckParameters(), CheckSnapshot(), Report()]

    def failed(self, job: Job, reason: str) -> None:
        """Into the verification."""
        report(job, constants.RESOURCE_STATUS_ERROR, reason)
