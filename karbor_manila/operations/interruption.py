# SPDX-License-Identifier: Apache-2.0
"""Why a share has nothing to show of what a dead process was doing: it had failed before that
already, and then its own reason stays, or that process had not come to it."""

from karbor.common import constants

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.operations import reporting
from karbor_manila.operations.errors import FailedBefore, Interrupted
from karbor_manila.operations.share_job import ShareJob


def of_protection(job: ShareJob, work: str, advice: str) -> KarborManilaError:
    """What is raised for a share of a protection or a copy of which nothing is left.

    :param work: what was being done, for the sentence
    :param advice: what to do next, a sentence
    """
    told = reporting.of_attempt(job.checkpoint).get(reporting.key(job.share_id))
    return FailedBefore(job.share_id, told) if told else Interrupted(work, job.share_id, advice)


def of_restore(job: ShareJob) -> KarborManilaError:
    """What is raised for a share of a restore of which nothing is left."""
    has_failed = reporting.reported_status(job) == constants.RESOURCE_STATUS_ERROR
    if has_failed and (told := reporting.reported_reason(job)):
        return FailedBefore(job.share_id, told)
    return Interrupted("restore", job.share_id, "Restore it again.")


def was_left_out(job: ShareJob) -> bool:
    """Whether a restore says of a share that the user, or a hook, does not want it."""
    return reporting.reported_status(job) == constants.RESOURCE_STATUS_UNDEFINED
