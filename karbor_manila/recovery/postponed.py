# SPDX-License-Identifier: Apache-2.0
"""What cannot be settled now, because Manila or a bank is away."""

from typing import Any

from karbor_manila.bank import checkpoints, identity


class Postponed(Exception):
    """Manila or a bank is away: nothing was changed that the next attempt could not find."""


def check_mounted(provider: Any) -> str | None:
    """In a bank that is not mounted every owner seems dead, and every checkpoint gone.

    :param provider: Karbor's provider
    :returns: the id of the bank; None when it has none
    :raises BankNotOurs: it is not the bank that is known for the provider
    :raises BankUnreadable: the bank cannot be read
    :raises Postponed: it is empty, and none is known
    """
    known = identity.compare(provider.bank, provider.id)
    if known is None and not any(checkpoints.everything(provider.bank)):
        raise Postponed(f"the bank of provider {provider.id} is empty; is it mounted?")
    return known
