# SPDX-License-Identifier: Apache-2.0
"""The id of a bank: an object written once into it, so that two Karbors never clean up each other.

It is part of every mark. Banks only overwrite, so two processes that meet an empty bank in the same
instant could both write one; each reads back what stands there and goes by that, and the manager
does this at start-up, before any operation.
"""

import datetime
import uuid
from typing import Any

from karbor import exception as karbor_exception

from karbor_manila import exception

PREFIX = "/karbor-manila"
KEY = PREFIX + "/bank.json"


def bank_id(bank: Any) -> str:
    """The id of this bank, given to it if it has none.

    :param bank: Karbor's Bank (karbor/services/protection/bank_plugin.py)
    :raises BankUnreadable: the bank cannot be read or written. An id that is there but cannot be
        read is never replaced.
    """
    known = read(bank)
    if known:
        return known
    born = {
        "id": str(uuid.uuid4()),
        "born": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    try:
        bank.update_object(KEY, born)
    except karbor_exception.KarborException as error:
        raise exception.BankUnreadable("take its id", str(error)) from error
    written = read(bank)
    if not written:
        raise exception.BankUnreadable("keep its id", "it is not there after it was written")
    return written


def read(bank: Any) -> str | None:
    """The id of this bank, or None when it was never given one.

    :raises BankUnreadable: the bank cannot be read, or its id is damaged
    """
    try:
        stored = bank.get_object(KEY)
    except (karbor_exception.KarborException, OSError, ValueError) as error:
        # Banks raise the same error for what is absent and for what is unreadable; only a list
        # tells them apart.
        if not _listed(bank):
            return None
        raise exception.BankUnreadable("give its id", str(error)) from error
    if not isinstance(stored, dict) or not stored.get("id"):
        raise exception.BankUnreadable("give its id", f"{KEY} is damaged")
    return str(stored["id"])


def _listed(bank: Any) -> bool:
    try:
        return KEY in set(bank.list_objects(PREFIX + "/"))
    except karbor_exception.KarborException as error:
        raise exception.BankUnreadable("list its id", str(error)) from error
