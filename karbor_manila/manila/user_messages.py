# SPDX-License-Identifier: Apache-2.0
"""Manila's own words on what became of something: its user messages."""

from oslo_log import log as logging

from karbor_manila.common.clock import Clock
from karbor_manila.common.retry import retry
from karbor_manila.manila.client import Manila
from karbor_manila.manila.errors import ManilaRefused, ManilaUnavailable
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)

# Seconds. A courtesy that others of the flow wait for, so one error is retried and no outage.
_TIMEOUT = 3.0


def reason(manila: Manila, resource_id: str, request_id: str | None, clock: Clock) -> str:
    """Why something failed, as far as Manila says; empty when it does not.

    A message may be filed under the snapshot's instance, whose id a tenant does not know; the id of
    the request that made it finds it then.
    """
    filters = [{"resource_id": resource_id}]
    if request_id:
        filters.append({"request_id": request_id})
    try:
        for wanted in filters:
            found = _ask(manila, wanted, clock)
            if found:
                return str(found[0].get("user_message") or "")
    except (ManilaUnavailable, ManilaRefused) as error:
        LOG.info("No reason is known for %s: %s", resource_id, error)
    return ""


def _ask(manila: Manila, wanted: dict[str, str], clock: Clock) -> list[View]:
    return retry(lambda: manila.messages(**wanted), timeout=_TIMEOUT, clock=clock)
