# SPDX-License-Identifier: Apache-2.0
"""Where a user can read why something failed.

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
    tell(job.checkpoint, {key(job.share_id): reason})
    bank_access.commit(job.checkpoint, sleep=job.flow.clock.sleep)


def to_remarks(flow: Any, said: dict[str, str]) -> None:
    """Into ``extra_info`` of the checkpoint, under ``remarks``: by resource, what a user should
    know although nothing failed. A bank that does not take it hinders nothing."""
    checkpoint = flow.work.checkpoint
    try:
        add(checkpoint, "remarks", said)
        bank_access.commit(checkpoint, sleep=flow.clock.sleep)
    except Exception:  # whatever a bank raises: a remark holds up no work
        LOG.exception("Remarks could not be written into checkpoint %s", checkpoint.id)


def to_operation_log(job: Any, reason: str) -> None:
    """Into ``error_info`` of the operation log (GET operation_logs), below what stands there."""
    log = job.extras.get("operation_log")
    if log is None:
        return
    if job.flow.hold:
        job.flow.hold.check()  # the checkpoint and the record write through it themselves

    def tell() -> None:
        said = job.flow.log_lines
        said.append(reason)
        # A longer text would make Karbor's own saves fail; the log of the service has it all.
        log.update({"error_info": columns.lines(filter(None, said))})

    write(job, log, tell)


def to_record(job: Any, record: Any, share_id: str, status: str, reason: str | None = None) -> None:
    """Into Karbor's restore or verification: ``resources_status`` and ``resources_reason``.

    What may not stay whole there is put among the share's pages first.
    """
    # Karbor gives all hooks of a flow the same record.
    told = job.flow.told
    if reason and columns.size(reason) > columns.fair_share(len(job.flow.resource_ids)):
        guard(_to_pages, job, record["id"], share_id, status, reason)
    write(job, record, lambda: told.tell(record, key(share_id), status, reason), told)


def status_told(job: Any) -> str | None:
    """What Karbor's restore says of the share, or its pages: of very many shares there is no room
    for each in the record."""
    told = (job.request.get("resources_status") or {}).get(key(job.share_id))
    return told or job.section.reported(job.request.id).get("status")


def says_available(job: Any, record: Any, resource_id: str) -> bool:
    """Whether Karbor's restore, or the share's pages, tell its user that the share ``resource_id``
    is his: it was complete.

    :param record: Karbor's restore
    """
    told = (record.get("resources_status") or {}).get(key(resource_id))
    if told is None:
        page = job.section.reported(record["id"])
        told = page.get("status") if page.get("resource") == resource_id else None
    return bool(told == constants.RESOURCE_STATUS_AVAILABLE)


def restored_as(job: Any, record: Any) -> str | None:
    """The new share that a restore tells its user to have been made of the job's, when it was
    complete.

    :param record: Karbor's restore
    """
    page = job.section.reported(record["id"])
    told = {page.get("resource", ""): page.get("told", "")}
    for name, reason in (record.get("resources_reason") or {}).items():
        told.setdefault(str(name).removeprefix(key("")), reason)
    for new_id, reason in told.items():
        try:
            made_of = jsonutils.loads(reason)["restored_from"]["share_id"]
        except (KeyError, TypeError, ValueError):
            continue  # the reason of a failure, of another resource, or what is left of a long one
        if job.share_id == made_of != new_id and says_available(job, record, new_id):
            return str(new_id)
    return None


def _to_pages(job: Any, record_id: str, share_id: str, status: str, reason: str) -> None:
    page = {"resource": share_id, "status": status, "told": reason, "at": job.now()}
    job.section.report(record_id, page)


def write(
    job: Any, record: Any, change: Callable[[], None], told: columns.Told | None = None
) -> None:
    """Change a record in Karbor's database, one hook at a time; a database that is away for a
    moment is asked again, and gets less of what it refuses. Raises what the last attempt raised."""
    with job.flow.writing:
        change()
        retry(
            lambda: columns.save(record, told),
            attempts=5,
            # Who waits for a lease that is not renewed has waited long enough after one time.
            transient=lambda error: not isinstance(error, ClaimLost),
            longest=2.0,
            clock=job.flow.clock,
        )


def add(checkpoint: Any, name: str, value: dict[str, Any] | list[Any] | str) -> None:
    """Put ``value`` under ``name`` in the checkpoint's ``extra_info``, keeping what is there.

    It must be a JSON string: Karbor loads it as one (karbor/services/protection/flows/utils.py).
    A dict is merged with a dict. The caller commits.
    """
    told = info(checkpoint)
    known = told.get(name)
    told[name] = known | value if isinstance(known, dict) and isinstance(value, dict) else value
    checkpoint.extra_info = jsonutils.dumps(told)


def of(checkpoint: Any) -> dict[str, str]:
    """The reasons that a checkpoint tells, by resource."""
    return facts(checkpoint, "reasons")


def tell(checkpoint: Any, said: dict[str, str]) -> None:
    """Say, by resource, why what is being done with a checkpoint failed. The caller commits."""
    add(checkpoint, "reasons", said)
    if earlier := _earlier(checkpoint):
        add(checkpoint, _EARLIER, [each for each in earlier if each not in said])


def begin_anew(checkpoint: Any) -> None:
    """Another attempt begins: what the checkpoint tells so far is not why that one fails. The
    caller commits, with the status that says so: whoever ends it may be another process."""
    try:
        if known := sorted(of(checkpoint)):
            add(checkpoint, _EARLIER, known)
    except (ValueError, AttributeError) as error:  # a tenant's own; the flow will say so
        LOG.warning("Checkpoint %s: its extra_info cannot be read: %s", checkpoint.id, error)


def of_attempt(checkpoint: Any) -> dict[str, str]:
    """The reasons that were told since the last attempt began, by resource."""
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
    told = info(checkpoint).get(name)
    return told if isinstance(told, dict) else {}


def info(checkpoint: Any) -> dict[str, Any]:
    """The ``extra_info`` of a checkpoint."""
    told: dict[str, Any] = jsonutils.loads(checkpoint.extra_info) if checkpoint.extra_info else {}
    return told


def key(share_id: str) -> str:
    """Karbor's key of a share among the resources of an operation."""
    return f"{constants.SHARE_RESOURCE_TYPE}#{share_id}"


def note_told(error: Exception) -> None:
    """Note that the user can read why this error, which leaves a hook of ours, came about."""
    error._karbor_manila_told = True  # type: ignore[attr-defined]


def is_told(error: BaseException) -> bool:
    """Whether :func:`note_told` was called for this very error: what an earlier operation wrote
    does not count, nor what this one wrote of something else."""
    return bool(getattr(error, "_karbor_manila_told", False))
