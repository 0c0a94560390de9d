# SPDX-License-Identifier: Apache-2.0
"""The contract of banks in a real Swift, and what Karbor's own Swift bank does not keep of it."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
from karbor.services.protection.bank_plugins.swift_bank_plugin import SwiftBankPlugin
from karbor.services.protection.client_factory import ClientFactory

from karbor_manila.bank.testing import BankContract, BankWorld
from tests.functional import swift_store

_TEXT = "text comes back as bytes"
_BYTES = "bytes come back as text, or cannot be kept"
_WHOLE = "the whole bank is listed by two slashes, which no key begins with"
_DOWN = "a list in the other order is not: neither order nor limit"
_ADDRESS = "a tenant reads Swift's address, account and key"
_TROUBLE = "the client's own errors come through, and it waits for ever; text comes back as bytes"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[swift_store.Swift]:
    with swift_store.running(tmp_path_factory.mktemp("swift")) as running:
        yield running


class TestKarborsSwiftBank(BankContract):
    BROKEN: ClassVar[dict[str, str]] = {
        **{
            f"test_a_value_comes_back_equal_and_of_its_type[{kind}]": _TEXT
            for kind in (
                *("text", "empty-text", "number-in-text", "json-in-text", "null-in-text"),
                *("lines", "unicode"),
            )
        },
        **{
            f"test_a_value_comes_back_equal_and_of_its_type[{kind}]": _BYTES
            for kind in ("bytes", "bytes-of-text", "no-bytes")
        },
        "test_five_mebibytes_come_back[text]": _TEXT,
        "test_five_mebibytes_come_back[bytes]": _BYTES,
        "test_the_last_value_stands_for_everybody": _TEXT,
        "test_keys_that_look_alike_are_not_taken_for_each_other": _TEXT,
        "test_a_reader_sees_the_old_value_or_the_new_one": _TEXT,
        "test_what_would_not_come_back_is_refused_and_the_old_value_stays": "it is kept, changed",
        "test_without_a_prefix_everything_is_listed": _WHOLE,
        "test_sections_cut_off_their_own_prefix_and_no_more": _WHOLE,
        "test_a_list_is_in_the_order_asked_for": _WHOLE,
        "test_a_limit_counts_from_the_beginning_of_the_order": _WHOLE,
        **{
            f"test_a_marker_is_what_the_list_begins_after[{of}]": _WHOLE
            for of in (
                *("None-/a/10", "None-/a/b/d", "None-/a/nothing"),
                *("desc-/a/10", "desc-/a/b/d", "desc-/a/nothing", "desc-/b/1"),
            )
        },
        "test_a_key_is_the_same_with_more_slashes_or_none[//a/b]": _WHOLE,
        "test_pages_follow_each_other[1-desc]": _DOWN,
        "test_pages_follow_each_other[3-desc]": _DOWN,
        "test_karbors_pages_of_checkpoints_follow_each_other[desc-plan]": _DOWN,
        "test_karbors_pages_of_checkpoints_follow_each_other[desc-provider]": _DOWN,
        "test_what_is_not_there_makes_no_noise_in_the_log": "it logs an error with the address",
        "test_what_a_tenant_reads_names_no_address_and_no_credentials[Fault.ERROR]": _ADDRESS,
        "test_what_a_tenant_reads_names_no_address_and_no_credentials[Fault.DENIED]": _ADDRESS,
        "test_a_store_in_trouble_is_an_error_of_karbors_in_time": _TROUBLE,
        "test_a_bank_that_is_opened_in_trouble_works_once_that_is_over": _TROUBLE,
        "test_what_a_store_in_trouble_does_not_give_is_not_absent[Fault.SILENT]": _TROUBLE,
        "test_a_store_in_trouble_gets_no_new_id[Fault.SILENT]": _TROUBLE,
    }

    @pytest.fixture
    def world(self, store: swift_store.Swift, monkeypatch: pytest.MonkeyPatch) -> BankWorld:
        # Karbor makes it for each client, and that of Swift does not use it.
        monkeypatch.setattr(ClientFactory, "_keystone_plugin", object())
        return swift_store.SwiftWorld(store, SwiftBankPlugin)
