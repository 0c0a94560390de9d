# SPDX-License-Identifier: Apache-2.0
"""The contract of banks, and what Karbor's own file-system bank does not keep of it."""

from pathlib import Path
from typing import ClassVar

import pytest
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.bank.testing import BankContract, BankWorld
from tests.contract.banks.folder_world import FolderWorld
from tests.contract.banks.known import Known

_DECODED = "text that looks like JSON is decoded, and ends of lines are changed"
_BYTES = "bytes come back as text, or not at all"
_IN_PLACE = "it writes in place: half a value is given as a value"
_ORDER = "lists are in the order of the folder, a limit takes the last, markers are ignored"
_SLASHES = "in a list of the whole bank keys begin with two slashes"
_NOT_THERE = "a folder that is not there is made anew, or is an empty list"


class TestKarborsFileSystemBank(BankContract, Known):
    BROKEN: ClassVar[dict[str, str]] = {
        **{
            f"test_a_value_comes_back_equal_and_of_its_type[{kind}]": _DECODED
            for kind in ("number-in-text", "json-in-text", "null-in-text", "lines")
        },
        **{
            f"test_a_value_comes_back_equal_and_of_its_type[{kind}]": _BYTES
            for kind in ("bytes", "bytes-of-text", "no-bytes")
        },
        "test_five_mebibytes_come_back[bytes]": _BYTES,
        "test_what_would_not_come_back_is_refused_and_the_old_value_stays": "it is kept, changed",
        "test_a_value_that_is_damaged_is_neither_a_value_nor_absent": _IN_PLACE,
        "test_a_key_is_written_read_listed_and_removed[a..b/c..]": "it refuses two dots in a name",
        "test_a_key_is_written_read_listed_and_removed[...]": "it refuses two dots in a name",
        "test_a_list_is_in_the_order_asked_for[desc]": _ORDER,
        **{
            f"test_a_limit_counts_from_the_beginning_of_the_order[{of}]": _ORDER
            for of in ("None-1", "None-3", "desc-1", "desc-3")
        },
        "test_a_marker_is_what_the_list_begins_after": _ORDER,
        "test_pages_follow_each_other": _ORDER,
        "test_karbors_pages_of_checkpoints_follow_each_other": _ORDER,
        "test_a_list_longer_than_one_answer_is_complete": _ORDER,
        "test_without_a_prefix_everything_is_listed": _SLASHES,
        "test_sections_cut_off_their_own_prefix_and_no_more": _SLASHES,
        **{
            f"test_a_prefix_without_one_is_how_keys_begin[{prefix}]": "a prefix is a folder"
            for prefix in ("/a", "/a/1")
        },
        "test_what_is_not_there_makes_no_noise_in_the_log": "it logs an error with a traceback",
        **{
            f"test_a_store_in_trouble_is_an_error_of_karbors_in_time[{of}]": _NOT_THERE
            for of in ("update-Fault.GONE", "list-Fault.ERROR", "list-Fault.GONE")
        },
        "test_what_a_store_in_trouble_does_not_give_is_not_absent[Fault.ERROR]": _NOT_THERE,
        "test_what_a_store_in_trouble_does_not_give_is_not_absent[Fault.GONE]": _NOT_THERE,
        "test_a_store_in_trouble_gets_no_new_id[Fault.GONE]": _NOT_THERE,
        **{
            f"test_one_that_is_not_given_is_neither_another_nor_a_new_one[{of}]": _NOT_THERE
            for of in ("True-Fault.ERROR", "True-Fault.GONE", "False-Fault.GONE")
        },
    }
    SOMETIMES: ClassVar[dict[str, str]] = {
        "test_a_reader_sees_the_old_value_or_the_new_one": _IN_PLACE,
        "test_one_bank_serves_several_threads": "a folder is taken away from under a write",
        "test_a_list_is_in_the_order_asked_for": _ORDER,
        "test_a_limit_counts_from_the_beginning_of_the_order": _ORDER,
    }

    @pytest.fixture
    def world(self, tmp_path: Path) -> BankWorld:
        return FolderWorld(tmp_path, FileSystemBankPlugin)
