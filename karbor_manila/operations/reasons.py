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

LOG = logging.getLogger(__name__)


def guard(write: Callable[..., None], job: Any, *args: Any) -> None:
    """Write a reason; a place that cannot be written to must not hide the reason itself."""
    try:
        write(job, *args)
    except Exception:
        LOG.exception(
            "The reason could not be written for share %s, checkpoint %s",
            job.share_id,
            job.checkpoint.id,
        )


def to_checkpoint(job: Any, reason: str) -> None:
    """Into ``extra_info`` of the checkpoint, under ``reasons`` (GET checkpoint)."""
    add(job.checkpoint, "reasons", {key(job.share_id): reason})
    job.checkpoint.commit()


def to_operation_log(job: Any, reason: str) -> None:
    """Into ``error_info`` of the operation log (GET operation_logs), below what stands there."""
    log = job.extras.get("operation_log")
    if log is None:
        return
    said = log.get("error_info")
    log.update({"error_info": f"{said}\n{reason}" if said else reason})
    log.save()


def add(checkpoint: Any, name: str, value: dict[str, Any] | list[Any]) -> None:
    """Put ``value`` under ``name`` in the checkpoint's ``extra_info``, keeping what is there.

    It must be a JSON string: Karbor loads it as one (karbor/services/protection/flows/utils.py).
    A dict is merged with a dict. The caller commits.
    """
    info = jsonutils.loads(checkpoint.extra_info) if checkpoint.extra_info else {}
    known = info.get(name)
    info[name] = known | value if isinstance(known, dict) and isinstance(value, dict) else value
    checkpoint.extra_info = jsonutils.dumps(info)


def key(share_id: str) -> str:
    """Karbor's key of a share among the resources of an operation."""
    return f"{constants.SHARE_RESOURCE_TYPE}#{share_id}"
