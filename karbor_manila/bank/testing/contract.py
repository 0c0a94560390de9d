# SPDX-License-Identifier: Apache-2.0
"""All promises in one class, for a bank's own tests to inherit from."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from karbor_manila.bank.testing.absence import Absence
from karbor_manila.bank.testing.checkpoints import Checkpoints
from karbor_manila.bank.testing.keys import Keys
from karbor_manila.bank.testing.listing import Listing
from karbor_manila.bank.testing.secrets import Secrets
from karbor_manila.bank.testing.together import Together
from karbor_manila.bank.testing.trouble import Trouble
from karbor_manila.bank.testing.values import Values


class BankContract(Values, Keys, Listing, Absence, Together, Trouble, Secrets, Checkpoints):
    """Every promise. A class that inherits from it has a fixture ``world``: a new store each."""

    #: The promises that this bank is known to break: the name of the test, with its parameters in
    #: brackets if it breaks not all of these, and how. One that it keeps all the same fails.
    BROKEN: ClassVar[Mapping[str, str]] = {}

    #: Those that it breaks now and then.
    SOMETIMES: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _broken(self, request: pytest.FixtureRequest) -> None:
        """What is known to be broken is shown as that."""
        name = request.node.name
        for known, strict in ((self.BROKEN, True), (self.SOMETIMES, False)):
            why = known.get(name) or known.get(name.partition("[")[0])
            if why:
                request.applymarker(pytest.mark.xfail(reason=why, strict=strict))
                return
