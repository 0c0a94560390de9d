# SPDX-License-Identifier: Apache-2.0
"""Whether the Manila that is asked is the one in which a record's share is kept.

Another region, or another endpoint in ``[manila_client]``, shows nothing of it, and its deletion
would erase the record and leave what it names behind. Manila has no id. So a record has the URL
under which its Manila answered; under another one (``http``, ``internal``, a new name) it is the
same Manila if it shows anything of the record.
"""

from karbor_manila.bank.record import ShareRecord
from karbor_manila.manila import endpoint
from karbor_manila.manila.errors import ManilaElsewhere
from karbor_manila.operations.share_job import ShareJob


def check(job: ShareJob, record: ShareRecord) -> None:
    """Ask nothing while the URL is the same, or is not recorded: by an earlier release.

    :raises ManilaElsewhere: it shows neither what keeps the share, nor the share, nor its type
    """
    asked = job.flow.manila.endpoint
    if record.endpoint in (None, url_of(asked)) or _shows_anything(job, record):
        return
    raise ManilaElsewhere(job.share_id, str(record.endpoint), endpoint=asked)


def url_of(asked: str) -> str:
    """What stands in records: the URL without a version, and without a project in it."""
    return endpoint.base_of(asked)


def _shows_anything(job: ShareJob, record: ShareRecord) -> bool:
    """A type stays as long as a share is of it, and a share as long as it has snapshots."""
    flow = job.flow
    type_id = record.share_type
    if type_id and flow.client.once(
        f"share type {type_id}",
        lambda: flow.retry(lambda: flow.manila.share_type(type_id)) is not None,
    ):
        return True
    if flow.shares.show(record.snapshot_of):
        return True
    return flow.recorded_driver(record.driver, "record").show(record.snapshot_id) is not None
