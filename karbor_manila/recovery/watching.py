# SPDX-License-Identifier: Apache-2.0
"""Looks at the leases of others, so that a dead one is known as dead when it is asked for."""

from collections.abc import Mapping
from typing import Any

from oslo_log import log as logging

from karbor_manila.bank.errors import BankUnreadable
from karbor_manila.recovery.claims import Claims

LOG = logging.getLogger(__name__)


def watch(claims: Claims, banks: Mapping[str, Any]) -> None:
    """Look at the leases of all who have claimed something. One that cannot be read is logged.

    :param claims: of this process
    :param banks: by provider id
    """
    for claim in claims.all():
        bank = banks.get(claim.provider_id)
        if bank is None:
            continue
        try:
            claims.is_alive(claim, bank)
        except BankUnreadable as error:
            LOG.warning("The lease of %s cannot be read: %s", claim.owner, error)
