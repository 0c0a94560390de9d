# SPDX-License-Identifier: Apache-2.0
"""The stage that the tests of hooks share."""

import pytest

from tests.unit.hooks.stage import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()
