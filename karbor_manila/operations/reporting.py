# SPDX-License-Identifier: Apache-2.0
"""Reports to the user: where Karbor's API shows why something failed.

Karbor itself shows only a status (``error``, ``fail``, ``error-deleting``); these are the places of
its API that a plugin can write to.
"""

from collections.abc import Callable
from typing import Any

from karbor.common import constants
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.common.errors import ClaimLost
from karbor_manila.common.retry import retry
from karbor_manila.database import columns

LOG = logging.getLogger(__name__)

#: Karbor's key of what is said of all shares of a checkpoint.
ALL_SHARES = constants.SHARE_RESOURCE_TYPE

# The resources whose reason is of an earlier attempt: a list of their keys.
_EARLIER = "earlier_reasons"


def guard(write: Callable[..., None], job: Any, *args: Any) -> bool:
    """Write a reason; a place that cannot be written to must not hide the reason itself.

    :returns: whether it was written
    """
    try:
        write(job, *args)
    except Exception:  # whatever a bank or a database raises; the error itself is on its way
        LOG.exception(
            "The reason could not be written for share %s, checkpoint %s",
            job.share_id,
            job.checkpoint.id,
        )
        return False
    return True


def to_checkpoint(job: Any, reason: str) -> None:
    """Into ``extra_info`` of the checkpoint, under ``reasons`` (GET checkpoint)."""
    checkpoint = job.checkpoint

    def save(reasons: list[tuple[str, str]]) -> None:
        add_reasons(checkpoint, dict(reasons))
        bank_access.commit(checkpoint, sleep=job.flow.clock.sleep)

    job.flow.writing.together(("reasons", id(checkpoint)), (key(job.share_id), reason), save)


def to_remarks(flow: Any, remarks: dict[str, str]) -> None:
    """Into ``extra_info`` of the checkpoint, under ``remarks``: by resource, what a user should
    know although nothing failed. That the bank refuses it is no failure."""
    checkpoint = flow.work.checkpoint
    try:
        add(checkpoint, "remarks", remarks)
        bank_access.commit(checkpoint, sleep=flow.clock.sleep)
    except Exception:  # whatever a bank raises: a remark holds up no work
        LOG.exception("Remarks could not be written into checkpoint %s", checkpoint.id)


def remark(flow: Any, resource: str, said: str) -> None:
    """As :func:`to_remarks`, of one resource, beside what is there; many come at the same time.

    :param resource: Karbor's key of it, or :data:`ALL_SHARES`
    """
    checkpoint = flow.work.checkpoint

    def save(brought: list[tuple[str, str]]) -> None:
        known = facts(checkpoint, "remarks")
        for each, sentence in brought:
            known[each] = f"{known[each]} {sentence}" if known.get(each) else sentence
        to_remarks(flow, known)

    flow.writing.together(("remarks", id(checkpoint)), (resource, said), save)


def withdraw(flow: Any, resource: str) -> None:
    """Take back what was remarked of a resource: it is not in the checkpoint after all. That the
    bank refuses it is no failure."""
    checkpoint = flow.work.checkpoint

    def save(resources: list[str]) -> None:
        known = facts(checkpoint, "remarks")
        rest = {each: said for each, said in known.items() if each not in resources}
        if rest != known:
            checkpoint.extra_info = jsonutils.dumps(info(checkpoint) | {"remarks": rest})
            to_remarks(flow, {})

    flow.writing.together(("withdrawn remarks", id(checkpoint)), resource, save)


def to_operation_log(job: Any, reason: str) -> None:
    """Into ``error_info`` of the operation log (GET operation_logs), below what stands there."""
    log = job.extras.get("operation_log")
    if log is None:
        return
    if job.flow.hold:
        job.flow.hold.check()  # the checkpoint and the record write through it themselves

    def save(reasons: list[str]) -> None:
        lines = job.flow.log_lines
        lines.extend(reasons)
        # A longer text would make Karbor's own saves fail; the log of the service has it all.
        log.update({"error_info": columns.lines(filter(None, lines))})
        save_retried(job, log)

    job.flow.writing.together(("log", id(log)), reason, save)


def to_record(job: Any, record: Any, share_id: str, status: str, reason: str | None = None) -> None:
    """Into Karbor's restore or verification: ``resources_status`` and ``resources_reason``.

    What may not stay whole there is written into the share's report in the bank first.
    """
    # Karbor gives all hooks of a flow the same record.
    report = job.flow.report
    if reason and columns.size(reason) > columns.fair_share(len(job.flow.resource_ids)):
        guard(_to_bank, job, record["id"], share_id, status, reason)

    def save(reported: list[tuple[str, str, str | None]]) -> None:
        for each in reported:
            report.note(*each)
        report.fit(record)
        save_retried(job, record, report)

    job.flow.writing.together(("record", id(record)), (key(share_id), status, reason), save)


def reported_status(job: Any) -> str | None:
    """The share's status in Karbor's restore, or in its report in the bank: of very many shares
    there is no room for each in the database."""
    status = (job.request.get("resources_status") or {}).get(key(job.target_id))
    return status or job.section.reported(job.request.id).get("status")


def reported_reason(job: Any) -> str:
    """What Karbor's restore says of the share, or its report in the bank, which is never cut; empty
    when neither says anything."""
    report = job.section.reported(job.request.id)
    if report.get("resource") == job.target_id and report.get("told"):
        return str(report["told"])
    return str((job.request.get("resources_reason") or {}).get(key(job.target_id)) or "")


def is_reported_available(job: Any, record: Any, resource_id: str) -> bool:
    """Whether a restore shows the share ``resource_id`` as available: it was complete, and is the
    user's. See :func:`status_in`.
    """
    return status_in(job, record, resource_id) == constants.RESOURCE_STATUS_AVAILABLE


def status_in(job: Any, record: Any, resource_id: str) -> str | None:
    """The status of the share ``resource_id`` in a record, or in the share's report in the bank;
    None when neither says anything.

    :param record: Karbor's restore or verification
    """
    status = (record.get("resources_status") or {}).get(key(resource_id))
    if status is None:
        report = job.section.reported(record["id"])
        status = report.get("status") if report.get("resource") == resource_id else None
    return status


def restored_as(job: Any, record: Any) -> str | None:
    """The new share that a restore reports to have made from the job's, when it was complete.

    :param record: Karbor's restore
    """
    report = job.section.reported(record["id"])
    reasons = {report.get("resource", ""): report.get("told", "")}
    for name, reason in (record.get("resources_reason") or {}).items():
        reasons.setdefault(str(name).removeprefix(key("")), reason)
    for new_id, reason in reasons.items():
        try:
            made_of = jsonutils.loads(reason)["restored_from"]["share_id"]
        except (KeyError, TypeError, ValueError):
            continue  # the reason of a failure, of another resource, or what is left of a long one
        if job.share_id == made_of != new_id and is_reported_available(job, record, new_id):
            return str(new_id)
    return None


def _to_bank(job: Any, record_id: str, share_id: str, status: str, reason: str) -> None:
    report = {"resource": share_id, "status": status, "told": reason, "at": job.now()}
    job.section.report(record_id, report)


def save_retried(job: Any, record: Any, report: columns.Report | None = None) -> None:
    """Save a record in Karbor's database, while no other hook changes it. Transient errors are
    retried, and what the database refuses is shortened. Raises what the last attempt raised."""
    retry(
        lambda: columns.save(record, report),
        attempts=5,
        # A lease that was not renewed will not be renewed by waiting again.
        transient=lambda error: not isinstance(error, ClaimLost),
        longest=2.0,
        clock=job.flow.clock,
    )


def add(checkpoint: Any, name: str, value: dict[str, Any] | list[Any] | str) -> None:
    """Put ``value`` under ``name`` in the checkpoint's ``extra_info``, keeping what is there.

    It must be a JSON string: Karbor loads it as one (karbor/services/protection/flows/utils.py).
    A dict is merged with a dict. The caller commits.
    """
    extra = info(checkpoint)
    known = extra.get(name)
    extra[name] = known | value if isinstance(known, dict) and isinstance(value, dict) else value
    checkpoint.extra_info = jsonutils.dumps(extra)


def of(checkpoint: Any) -> dict[str, str]:
    """The reasons in a checkpoint, by resource."""
    return facts(checkpoint, "reasons")


def add_reasons(checkpoint: Any, reasons: dict[str, str]) -> None:
    """Add, by resource, why what is being done with a checkpoint failed. The caller commits."""
    add(checkpoint, "reasons", reasons)
    if earlier := _earlier(checkpoint):
        add(checkpoint, _EARLIER, [each for each in earlier if each not in reasons])


def begin_anew(checkpoint: Any) -> None:
    """Another attempt begins: the reasons in the checkpoint so far are not why that one fails. The
    caller commits, with the new status: the process that ends the attempt may be another one."""
    try:
        if known := sorted(of(checkpoint)):
            add(checkpoint, _EARLIER, known)
    except (ValueError, AttributeError) as error:  # a tenant's own; the flow will report it
        LOG.warning("Checkpoint %s: its extra_info cannot be read: %s", checkpoint.id, error)


def of_attempt(checkpoint: Any) -> dict[str, str]:
    """The reasons that were recorded since the last attempt began, by resource."""
    earlier = _earlier(checkpoint)
    return {name: reason for name, reason in of(checkpoint).items() if name not in earlier}


def _earlier(checkpoint: Any) -> list[Any]:
    known = info(checkpoint).get(_EARLIER)
    return known if isinstance(known, list) else []


def append(checkpoint: Any, name: str, item: dict[str, Any]) -> None:
    """Put one more item into the list ``name`` in the checkpoint's ``extra_info``. The caller
    commits."""
    known = info(checkpoint).get(name)
    # Tenants can give a checkpoint an extra_info of their own.
    add(checkpoint, name, [*(known if isinstance(known, list) else []), item])


def facts(checkpoint: Any, name: str) -> dict[str, Any]:
    """The dict ``name`` in the checkpoint's ``extra_info``; empty when there is none."""
    value = info(checkpoint).get(name)
    return value if isinstance(value, dict) else {}


def info(checkpoint: Any) -> dict[str, Any]:
    """The ``extra_info`` of a checkpoint."""
    extra: dict[str, Any] = jsonutils.loads(checkpoint.extra_info) if checkpoint.extra_info else {}
    return extra


def key(share_id: str) -> str:
    """Karbor's key of a share among the resources of an operation."""
    return f"{constants.SHARE_RESOURCE_TYPE}#{share_id}"


def mark_reported(error: Exception) -> None:
    """Note on an error that leaves a hook of ours that its reason was written for the user."""
    error._karbor_manila_reported = True  # type: ignore[attr-defined]


def is_reported(error: BaseException) -> bool:
    """Whether :func:`mark_reported` was called for this very error: what an earlier operation wrote
    does not count, nor what this one wrote of something else."""
    return bool(getattr(error, "_karbor_manila_reported", False))
