# SPDX-License-Identifier: Apache-2.0
"""The end of a browse, whoever ends it: the access is taken back, then the intent and its key go.

Each step may be repeated after a crash: the key goes last, by which the reconciliation finds it.
"""

import datetime
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank import browses
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import Browse, Intent
from karbor_manila.common.errors import DeadlineExceeded, NotSupported
from karbor_manila.drivers.abilities import Browsable
from karbor_manila.manila.errors import AccessNotTakenBack, ManilaRefused
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.snapshot_access import Access
from karbor_manila.operations import in_doubt, telling
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

_HOLDS_UP_NO_DELETION = (
    AccessNotTakenBack,
    DeadlineExceeded,
    ManilaRefused,
    NotSupported,
    RecordInvalid,
)


def browser(job: ShareJob, name: str) -> Browsable:
    """The flow's driver of this name, with which what is kept can be mounted.

    :raises NotSupported: it cannot
    """
    driver = job.flow.recorded_driver(name, "record")
    if not isinstance(driver, Browsable):
        raise NotSupported(
            f"Browsing what the driver {name!r} keeps",
            "Restore the share into a new one and mount that. Nothing was granted.",
        )
    return driver


def opened(intent: Intent) -> Browse:
    """What access an intent is about."""
    if intent.browse is None:
        raise RecordInvalid("intent", "it gives no access", driver=intent.driver)
    return intent.browse


def access_of(given: Browse) -> Access:
    """To whom it is given."""
    return Access(given.access_type, given.access_to)


def is_over(job: ShareJob, given: Browse) -> bool:
    """Whether its time is over, or it never came into force."""
    if given.until is None:
        return True
    return datetime.datetime.fromisoformat(given.until) <= job.flow.clock.utcnow()


def end(job: ShareJob, intent: Intent, *, sent: str | None) -> None:
    """Take the access back, and forget it.

    :param sent: when the request for it may have been sent last, UTC, ISO 8601; None when there is
        none in doubt
    :raises AccessNotTakenBack, ManilaRefused, ManilaUnavailable, DeadlineExceeded: it may still be
        in force; the intent stays
    """
    revoke(job, intent, sent=sent)
    forget(job, intent.mark.restore)


def revoke(job: ShareJob, intent: Intent, *, sent: str | None) -> None:
    """Take the access back: by the rule's id, or by what it allows if that is not known."""
    given = opened(intent)
    driver = browser(job, intent.driver)
    kept = Kept(intent.driver, given.snapshot_id, intent.mark.resource)
    rule_ids = [intent.created_id] if intent.created_id else _find(job, driver, kept, given, sent)
    for rule_id in rule_ids:
        driver.revoke_access(kept, rule_id, project_id=intent.project_id)
        LOG.info(
            "Share %s, checkpoint %s: access of %s to snapshot %s is taken back",
            job.share_id,
            job.checkpoint.id,
            access_of(given),
            given.snapshot_id,
        )
    telling.access_taken_back(job, intent)


def _find(
    job: ShareJob, driver: Browsable, kept: Kept, given: Browse, sent: str | None
) -> list[str]:
    """The rules that a request without an answer led to, if it did."""
    access = access_of(given)

    def look() -> list[str]:
        rules = driver.access_rules(kept)
        ours = (rule for rule in rules if access.is_of(rule) and rule["id"] not in given.before)
        return [str(rule["id"]) for rule in ours]

    return in_doubt.settled(job, sent, look, seen=bool) if sent else look()


def forget(job: ShareJob, browse_id: str) -> None:
    """Nothing of it is left: the intent goes, then its keys."""
    job.section.end_browse(browse_id)
    browses.forget(bank(job), job.checkpoint.provider_id, job.share_id, browse_id)


def bank(job: ShareJob) -> Any:
    """The bank of the checkpoint, with what access is open."""
    return job.checkpoint.checkpoint_section.bank


def revoke_before_deletion(job: ShareJob, browse_ids: list[str]) -> None:
    """Take all access back before what it is given to goes.

    What Manila refuses to take back, somebody cannot read, or the driver cannot do any more holds
    up no deletion: the rules go with the snapshot. :func:`forget` is for after that.
    """
    for browse_id in browse_ids:
        try:
            intent = job.section.browse(browse_id)
            if intent:
                revoke(job, intent, sent=None if intent.created_id else intent.since)
        except _HOLDS_UP_NO_DELETION as error:
            LOG.warning(
                "Share %s, checkpoint %s: access that verification %s gave ends with the snapshot: "
                "%s",
                job.share_id,
                job.checkpoint.id,
                browse_id,
                error,
            )


def key_of(job: ShareJob, intent: Intent, due: datetime.datetime) -> browses.Entry:
    """The key by which the reconciliation finds the browse when it is due."""
    return browses.Entry(due, job.checkpoint.id, job.share_id, intent.mark.restore)


def put_key(job: ShareJob, intent: Intent, due: datetime.datetime) -> None:
    """Have the reconciliation look at it then (UTC)."""
    browses.put(bank(job), job.checkpoint.provider_id, key_of(job, intent, due))


def keep_key(job: ShareJob, intent: Intent) -> None:
    """Have the reconciliation look at it when its time is over, and not before."""
    due = datetime.datetime.fromisoformat(str(opened(intent).until))
    put_key(job, intent, due)
    browses.forget(
        bank(job),
        job.checkpoint.provider_id,
        job.share_id,
        intent.mark.restore,
        keep=key_of(job, intent, due),
    )
