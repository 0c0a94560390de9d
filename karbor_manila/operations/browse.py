# SPDX-License-Identifier: Apache-2.0
"""Browse: a snapshot is mounted beside its share for a while, by whom its user says.

The verification ends when the access is in force, its intent stays until that is taken back
(:mod:`.browse_end`): on request, by the reconciliation when the time is over, or when the
checkpoint is deleted. All of it happens under a claim on the access to this share of the
checkpoint (browses.lock_id). What somebody else has granted is left alone.
"""

import datetime
from collections.abc import Iterable
from typing import Any

from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank import browses, checkpoints
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import BROWSE, Browse, Intent, ShareRecord
from karbor_manila.drivers.abilities import Browsable
from karbor_manila.manila import statuses
from karbor_manila.manila.errors import OthersRuleFailed
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.snapshot_access import Access, Mountable
from karbor_manila.manila.views import View
from karbor_manila.operations import browse_end, reporting, telling, undo
from karbor_manila.operations.parameters import VerifyOptions
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

USUAL = 3600  # seconds

# What has become of what was asked for, for programs; ``told`` says it to people.
GRANTED, EXTENDED, ALREADY, INHERITED = "granted", "extended", "already", "inherited"
ENDED, LISTED = "ended", "listed"

_TOLD = {
    ALREADY: "Somebody else has given this access already: nothing was granted, and nothing will "
    "be taken back.",
    INHERITED: "Nothing was granted: whoever may mount the share may mount this snapshot.",
}


def carry_out(job: ShareJob, options: VerifyOptions) -> None:
    """Give access, take it back, or tell what is open.

    :raises NotSupported, NotMountable: that cannot be done with what keeps the share
    :raises AccessFailed: the access did not come into force, and is taken back
    """
    record = job.flow.restores.record(job.share_id)
    driver = browse_end.browser(job, record.driver)
    if options.browse_end:
        report(job, {"way": ENDED, "ended": _end(job, options) if _is_claimed(job) else []})
        return
    kept = job.driver(record.driver).check(record.kept(), project_id=_project_of(job, record))
    place = driver.inspect_access(kept)
    found = {"snapshot_id": kept.id, "export_locations": list(place.export_locations)}
    if not options.browse_to:
        report(job, found | _list(job, driver, kept, place))
    elif place.inherits:
        report(job, found | {"way": INHERITED})
    else:
        _give(job, options, record, driver, kept, found)


def report(job: ShareJob, found: dict[str, Any]) -> None:
    """Tell the user. What was granted stays granted from here on."""
    if told := _TOLD.get(found["way"]):
        found["told"] = told
    text = jsonutils.dumps({"depth": BROWSE, "at": job.now()} | found)
    available = constants.RESOURCE_STATUS_AVAILABLE
    reporting.to_record(job, job.request, job.share_id, available, text)
    job.complete = True


def _is_claimed(job: ShareJob) -> bool:
    """Whether the access to this share is ours to change. What was not open when this was asked for
    was not claimed: what somebody has begun to give since is his."""
    hold = job.flow.hold
    return hold is None or browses.lock_id(job.checkpoint.id, job.share_id) in hold.tokens


def _project_of(job: ShareJob, record: ShareRecord) -> str:
    """Whose the snapshot is: of a copy, that of who made the copy."""
    whose = None if checkpoints.is_copy(job.checkpoint) else record.project_id
    return str(whose or job.checkpoint.project_id)


# -- what is open ---------------------------------------------------------------------------------


def _open(job: ShareJob) -> tuple[list[Intent], RecordInvalid | None]:
    """The access to this share that we have given; and why some of it is not known: a damaged
    intent keeps no other access from being given or ended."""
    found: list[Intent] = []
    damage = None
    for browse_id in job.section.begun().browses:
        try:
            intent = job.section.browse(browse_id)
        except RecordInvalid as error:
            LOG.error(
                "Share %s, checkpoint %s: what access verification %s gave is not known: %s",
                job.share_id,
                job.checkpoint.id,
                browse_id,
                error,
            )
            damage = error
            continue
        if intent:
            found.append(intent)
    return found, damage


def _list(job: ShareJob, driver: Browsable, kept: Kept, place: Mountable) -> dict[str, Any]:
    if place.inherits:
        return {"way": INHERITED}
    states = {rule["id"]: rule["state"] for rule in driver.access_rules(kept)}
    known, damage = _open(job)
    told = {"told": f"There is access besides that is not known. {damage}"} if damage else {}
    return told | {
        "way": LISTED,
        "open": [
            _access(browse_end.opened(intent)) | {"state": states.get(intent.created_id, "gone")}
            for intent in known
        ],
    }


def _access(given: Browse) -> dict[str, Any]:
    return {"type": given.access_type, "to": given.access_to, "until": given.until}


def _end(job: ShareJob, options: VerifyOptions) -> list[dict[str, Any]]:
    """Take back what was asked for, and what is over besides. Returns the former.

    :raises RecordInvalid: what was asked for may be open still
    """
    ended = []
    known, damage = _open(job)
    for intent in known:
        given = browse_end.opened(intent)
        access = browse_end.access_of(given)
        asked = not options.browse_to or access.is_to(options.browse_type, options.browse_to)
        if asked or browse_end.is_over(job, given):
            browse_end.end(job, intent, sent=None if intent.created_id else intent.since)
        if asked:
            ended.append(_access(given))
    if damage and not (options.browse_to and ended):
        raise damage
    return ended


# -- give -----------------------------------------------------------------------------------------


def _give(
    job: ShareJob,
    options: VerifyOptions,
    record: ShareRecord,
    driver: Browsable,
    kept: Kept,
    found: dict[str, Any],
) -> None:
    access = Access(str(options.browse_type), str(options.browse_to))
    until = job.flow.clock.utcnow() + datetime.timedelta(seconds=options.browse_for or USUAL)
    ours = _still_open(job)
    rules = _present(driver, kept, access)
    mine = _of(ours, rules, access)
    if mine and rules[mine.created_id]["state"] == statuses.RULE_ACTIVE:
        _extend(job, mine, until, found)
        return
    if mine:
        browse_end.end(job, mine, sent=None)
        rules = _present(driver, kept, access)
    for rule in rules.values():
        if access.is_of(rule):
            if rule["state"] == statuses.ERROR:
                raise OthersRuleFailed(kept.id, str(access), statuses.ERROR)
            report(job, found | {"way": ALREADY, "access": _wanted(access)})
            return
    _grant(job, _project_of(job, record), driver, kept, access, rules, until, found)


def _still_open(job: ShareJob) -> list[Intent]:
    """The access that we have given, once what is over or was cut short has ended."""
    ours = []
    for intent in _open(job)[0]:
        if browse_end.is_over(job, browse_end.opened(intent)):
            browse_end.end(job, intent, sent=None if intent.created_id else intent.since)
        else:
            ours.append(intent)
    return ours


def _present(driver: Browsable, kept: Kept, access: Access) -> dict[Any, View]:
    """The rules by their ids, once none of this access is on its way out."""
    rules = driver.access_rules(kept)
    leaving = [
        rule
        for rule in rules
        if access.is_of(rule)
        and rule["state"] in statuses.RULE_NOT_GRANTED
        and rule["state"] != statuses.ERROR
    ]
    for rule in leaving:
        driver.await_denied(kept, rule["id"])
    return {rule["id"]: rule for rule in (driver.access_rules(kept) if leaving else rules)}


def _of(ours: Iterable[Intent], rules: dict[Any, View], access: Access) -> Intent | None:
    """The intent of a rule of this access that is ours and there."""
    fitting = (intent for intent in ours if intent.created_id in rules)
    return next((each for each in fitting if access.is_of(rules[each.created_id])), None)


def _extend(job: ShareJob, intent: Intent, until: datetime.datetime, found: dict[str, Any]) -> None:
    """There is no second rule; what is open longer already stays so."""
    given = browse_end.opened(intent)
    known = datetime.datetime.fromisoformat(str(given.until))
    until = max(known, until.replace(microsecond=0))
    browse_end.put_key(job, intent, until)
    intent = job.section.opened(intent, _text(until))
    telling.access_given(job, intent)
    report(job, found | {"way": EXTENDED, "access": _access(browse_end.opened(intent))})
    undo.last(job, lambda: browse_end.keep_key(job, intent))


def _grant(
    job: ShareJob,
    project_id: str,
    driver: Browsable,
    kept: Kept,
    access: Access,
    rules: dict[Any, View],
    until: datetime.datetime,
    found: dict[str, Any],
) -> None:
    given = Browse(kept.id, access.access_type, access.access_to, tuple(rules))
    now = job.flow.clock.utcnow()
    # Due at once: who dies or fails here leaves it to the reconciliation.
    job.intent = job.describe(BROWSE, kept.driver, project_id, job.request.id, browse=given)
    browse_end.put_key(job, job.intent, now)
    job.section.begin(job.intent)
    rule_id = driver.allow_access(kept, access, given.before)
    if rule_id is None:
        browse_end.forget(job, job.intent.mark.restore)
        job.intent = None
        report(job, found | {"way": ALREADY, "access": _wanted(access)})
        return
    job.intent = job.section.created(job.intent, rule_id)
    driver.wait_access(kept, rule_id, access)
    browse_end.put_key(job, job.intent, until)
    job.intent = intent = job.section.opened(job.intent, _text(until))
    LOG.info(
        "Share %s, checkpoint %s: %s may mount snapshot %s until %s",
        job.share_id,
        job.checkpoint.id,
        access,
        kept.id,
        _text(until),
    )
    telling.access_given(job, intent)
    report(job, found | {"way": GRANTED, "access": _access(browse_end.opened(intent))})
    undo.last(job, lambda: browse_end.keep_key(job, intent))


def _wanted(access: Access) -> dict[str, Any]:
    return {"type": access.access_type, "to": access.access_to, "until": None}


def _text(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec="seconds")
