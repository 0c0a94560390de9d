# SPDX-License-Identifier: Apache-2.0
"""The hold on a checkpoint of Karbor's, as its index in the bank has it."""

import datetime
from typing import Any

from oslo_serialization import jsonutils

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import checkpoints
from karbor_manila.common import holds
from karbor_manila.common.holds import Hold


def in_force(checkpoint: Any, now: datetime.datetime) -> Hold | None:
    """The hold that keeps a checkpoint from being removed now; None when there is none.

    :param now: UTC
    """
    try:
        return holds.in_force(checkpoints.info(checkpoint), now)
    except ValueError:
        return None  # a tenant's own extra_info, into which no hold can have been written


def write(checkpoint: Any, hold: Hold | None) -> None:
    """Hold a checkpoint, or with None hold it no more. One write; the caller has its claim.

    :raises ValueError: its ``extra_info`` is a tenant's own, and no JSON
    :raises BankUnreadable: the bank does not take it, or it is not known whether it did
    """
    rest = {key: value for key, value in checkpoints.info(checkpoint).items() if key != holds.KEY}
    held = {holds.KEY: hold.dump()} if hold else {}
    checkpoint.extra_info = jsonutils.dumps(rest | held)
    bank_access.commit(checkpoint)
