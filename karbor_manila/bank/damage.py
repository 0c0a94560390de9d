# SPDX-License-Identifier: Apache-2.0
"""What our banks raise of an object that is there and is no value."""

from karbor import exception as karbor_exception


class ObjectDamaged(karbor_exception.BankGetObjectFailed, ValueError):
    """The object is there, but what is in it is no value: no repetition will help.

    A ValueError, too, so that a reader that takes the unreadable for none (a lease, a claim)
    need not know which bank it is from: Karbor's gives an empty string for an empty object.
    """

    def __init__(self, reason: str, key: str) -> None:
        karbor_exception.BankGetObjectFailed.__init__(self, reason=reason, key=key)
