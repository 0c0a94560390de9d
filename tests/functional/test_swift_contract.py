# SPDX-License-Identifier: Apache-2.0
"""The contract of banks, kept by our bank in a real Swift."""

from collections.abc import Iterator

import pytest

from karbor_manila.bank.swift.plugin import SwiftBankPlugin
from karbor_manila.bank.testing import BankContract, BankWorld
from tests.functional import swift_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[swift_store.Swift]:
    with swift_store.running(tmp_path_factory.mktemp("swift")) as running:
        yield running


class TestSwiftBank(BankContract):
    @pytest.fixture
    def world(self, store: swift_store.Swift) -> BankWorld:
        return swift_store.SwiftWorld(store, SwiftBankPlugin)
