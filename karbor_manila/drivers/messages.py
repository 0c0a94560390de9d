# SPDX-License-Identifier: Apache-2.0
"""Manila's own words on what became of a thing: its user messages."""

from oslo_log import log as logging

from karbor_manila import exception
from karbor_manila.client import Manila

LOG = logging.getLogger(__name__)


def reason(manila: Manila, thing: str, request_id: str | None) -> str:
    """Why a thing failed, as far as Manila says; empty when it does not.

    A message may be filed under the snapshot's instance, whose id a tenant does not know; the id of
    the request that made the thing finds it then.
    """
    filters = [{"resource_id": thing}]
    if request_id:
        filters.append({"request_id": request_id})
    for wanted in filters:
        try:
            found = manila.messages(**wanted)
        except (exception.ManilaPassing, exception.ManilaRefused) as error:
            LOG.info("No reason is known for %s: %s", thing, error)
            return ""
        if found:
            return str(found[0].get("user_message") or "")
    return ""
