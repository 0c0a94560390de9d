# SPDX-License-Identifier: Apache-2.0
"""A protected share that is gone may have been managed again: under another id, with its name.

An administrator who takes a share out of Manila and manages it again (unmanage, manage) gives it
and its snapshots new ids, and no mark comes along. By its name it may be found; that is a hint for
people, because anybody can give a share a name: nothing is ever done by it.
"""

from oslo_log import log as logging

from karbor_manila.bank.record import ShareRecord
from karbor_manila.common.errors import ClaimLost, KarborManilaError
from karbor_manila.manila.marks import PREFIX
from karbor_manila.manila.views import View
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

_MOST_NAMED = 3


def remark(job: ShareJob, record: ShareRecord) -> None:
    """Add to the reason of a failure which shares the protected one may be now, if it is gone."""
    try:
        found = _candidates(job, record)
        said = [_named(job, share) for share in found[:_MOST_NAMED]]
    except ClaimLost:
        raise
    except KarborManilaError as error:
        LOG.info("Share %s, checkpoint %s: %s", job.share_id, job.checkpoint.id, error)
        return
    if said:
        job.remarks.append(
            f"Share {record.share_id} is not there any more either. Made since, with its name "
            f"{record.share_name!r} and protocol, there may be the same share, managed again under "
            f"a new id: {'; '.join(said)}. Look whether it is; nothing was done with it, and its "
            f"snapshots are not those of this checkpoint."
        )


def _candidates(job: ShareJob, record: ShareRecord) -> list[View]:
    """The shares of the session's project that have the name and protocol of one that is gone, and
    that nobody restored; those that were made before it was protected are others."""
    name, since = record.share_name, record.protected_at
    if not name or not since or job.flow.shares.show(record.share_id):
        return []
    return [
        view
        for view in job.flow.retry(lambda: job.flow.manila.shares_named(name))
        if (view["name"], view["share_proto"]) == (name, record.share_proto)
        and str(view.get("created_at")) > since.partition("+")[0]
        and not any(key.startswith(PREFIX) for key in view.get("metadata") or {})
    ]


def _named(job: ShareJob, share: View) -> str:
    places = job.flow.shares.export_locations(str(share["id"]))
    return f"{share['id']} ({', '.join(places) or 'its path is not shown'})"
