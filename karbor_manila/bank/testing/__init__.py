# SPDX-License-Identifier: Apache-2.0
"""The contract suite of banks: what our code needs of each, whichever store it is. It needs pytest.

A bank is held to it by a class of its own::

    from karbor_manila.bank.testing import BankContract, BankWorld

    class TestMyBank(BankContract):
        @pytest.fixture
        def world(self) -> BankWorld: ...

        #: Promises that this bank is known to break: the test's name, and how.
        BROKEN = {"test_a_limit_is_of_the_order_asked_for": "it ignores the order"}
"""

import pytest

_PROMISES = (
    "absence",
    "checkpoints",
    "keys",
    "listing",
    "secrets",
    "together",
    "trouble",
    "values",
)
pytest.register_assert_rewrite(*(f"{__name__}.{promise}" for promise in _PROMISES))

from karbor_manila.bank.testing.contract import BankContract  # noqa: E402 - see above
from karbor_manila.bank.testing.world import BankWorld, Fault  # noqa: E402

__all__ = ["BankContract", "BankWorld", "Fault"]
