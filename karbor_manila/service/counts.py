# SPDX-License-Identifier: Apache-2.0
"""Karbor's count of a project's checkpoints (``quota_checkpoints``), where its API gets it wrong.

Its API lowers the count after each DELETE that is accepted (karbor/api/v1/providers.py), whatever
becomes of it.
"""

import datetime
from typing import Any

from karbor import quota
from karbor.db import api as karbor_db
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import timeutils

LOG = logging.getLogger(__name__)

_RESOURCE = "checkpoints"
_NO_LIMIT = -1  # Karbor's


def lower(context: Any) -> None:
    """As Karbor's API does after each DELETE that is accepted: one checkpoint less."""
    try:
        reservations = quota.QUOTAS.reserve(context, project_id=context.project_id, checkpoints=-1)
        quota.QUOTAS.commit(context, reservations, project_id=context.project_id)
    except Exception:  # Karbor's API passes over it, too: the checkpoint is gone all the same
        LOG.exception("The checkpoints of project %s could not be counted", context.project_id)


def make_up(context: Any, project_id: str) -> None:
    """A DELETE is accepted that removes nothing: one checkpoint more, which the API takes off.

    A project at its limit is above it for that moment, so the limit does not count here.
    """
    expire = timeutils.utcnow() + datetime.timedelta(seconds=cfg.CONF.reservation_expire)
    try:
        reservations = karbor_db.quota_reserve(
            context,
            quota.QUOTAS._resources,  # QUOTAS.resources is their names alone
            {_RESOURCE: _NO_LIMIT},
            {_RESOURCE: 1},
            expire,
            cfg.CONF.until_refresh,
            cfg.CONF.max_age,
            project_id=project_id,
        )
        quota.QUOTAS.commit(context, reservations, project_id=project_id)
    except Exception:  # as above: one too few is counted until somebody mends it
        LOG.exception("The checkpoints of project %s could not be counted", project_id)
