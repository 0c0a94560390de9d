# SPDX-License-Identifier: Apache-2.0
"""All promises in one class, for a driver's own tests to inherit from."""

import pytest

from karbor_manila.drivers.testing.browsing import Browsing
from karbor_manila.drivers.testing.copying import Copying
from karbor_manila.drivers.testing.deleting import Deleting
from karbor_manila.drivers.testing.ending import Ending
from karbor_manila.drivers.testing.looking import Looking
from karbor_manila.drivers.testing.placing import Placing
from karbor_manila.drivers.testing.preflight import Preflights
from karbor_manila.drivers.testing.protecting import Protecting
from karbor_manila.drivers.testing.restoring import Restoring
from karbor_manila.drivers.testing.reverting import Reverting
from karbor_manila.drivers.testing.sharing import Sharing
from karbor_manila.drivers.testing.together import Together
from karbor_manila.drivers.testing.whose import Whose
from karbor_manila.drivers.testing.world import View, World


class DriverContract(
    Preflights,
    Protecting,
    Looking,
    Placing,
    Restoring,
    Ending,
    Copying,
    Deleting,
    Reverting,
    Browsing,
    Sharing,
    Together,
    Whose,
):
    """Every promise. Each test makes its own shares and marks."""

    @pytest.fixture
    def share(self, world: World) -> View:
        return world.make_share()
