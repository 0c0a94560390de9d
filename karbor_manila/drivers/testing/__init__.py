# SPDX-License-Identifier: Apache-2.0
"""The contract suite: what every driver keeps, on every Manila. It needs pytest.

A driver of another package is held to it by a class of its own::

    from karbor_manila.drivers.testing import DriverContract, World

    class TestMyDriver(DriverContract):
        @pytest.fixture
        def world(self) -> World: ...
"""

import pytest

_PROMISES = (
    "browsing",
    "copying",
    "deleting",
    "ending",
    "looking",
    "placing",
    "preflight",
    "protecting",
    "restoring",
    "reverting",
    "sharing",
    "together",
    "whose",
)
pytest.register_assert_rewrite(*(f"{__name__}.{promise}" for promise in _PROMISES))

from karbor_manila.drivers.testing.contract import DriverContract  # noqa: E402 - see above
from karbor_manila.drivers.testing.world import World  # noqa: E402

__all__ = ["DriverContract", "World"]
