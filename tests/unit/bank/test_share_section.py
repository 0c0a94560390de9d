# SPDX-License-Identifier: Apache-2.0
"""A share's pages in the bank: what is there, what is not, and a bank that does not do as told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.bank_plugins.file_system_bank_plugin import FileSystemBankPlugin

from karbor_manila.bank.errors import BankUnreadable, RecordInvalid
from karbor_manila.bank.record import Intent, ShareRecord
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.manila.marks import Mark
from tests.unit.bank.stage import INTENT, MARK, RECORD
from tests.unit.banks import open_bank

ATTEMPTS = 5

ERRORS = {
    "list_objects": lambda: karbor_exception.BankListObjectsFailed(reason="out of order"),
    "get_object": lambda: karbor_exception.BankGetObjectFailed(reason="out of order", key="k"),
    "update_object": lambda: karbor_exception.BankUpdateObjectFailed(reason="no", key="k"),
    "delete_object": lambda: karbor_exception.BankDeleteObjectFailed(reason="no", key="k"),
}


class Failing(FileSystemBankPlugin):
    """Karbor's file-system bank; its methods fail as often as ``failures`` says, and are counted.

    With ``late`` they fail once the work is done: the answer was lost.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.failures: dict[str, int] = {}
        self.make: Callable[[str], Exception] = lambda method: ERRORS[method]()
        self.late = False
        self.calls: list[tuple[str, str]] = []

    def _do(self, method: str, key: str, *args: Any) -> Any:
        self.calls.append((method, str(key).rpartition("/")[2]))
        fails = self.failures.get(method, 0) > 0
        if fails:
            self.failures[method] -= 1
        if fails and not self.late:
            raise self.make(method)
        result = getattr(super(), method)(key, *args)
        if fails:
            raise self.make(method)
        return result

    def list_objects(self, prefix: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self._do("list_objects", prefix)

    def get_object(self, key: str, context: Any = None) -> Any:
        return self._do("get_object", key)

    def update_object(self, key: str, value: Any, context: Any = None) -> Any:
        return self._do("update_object", key, value)

    def delete_object(self, key: str, context: Any = None) -> Any:
        return self._do("delete_object", key)


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that were let pass between two attempts."""
    return []


@pytest.fixture
def section(tmp_path: Path) -> Any:
    return open_bank(tmp_path, Failing).get_sub_section("/checkpoints/c/resource-data/share/")


@pytest.fixture
def plugin(section: Any) -> Failing:
    return section.bank._plugin


@pytest.fixture
def ledger(section: Any, pauses: list[float]) -> ShareSection:
    return ShareSection(section, pauses.append)


def pages(section: Any) -> set[str]:
    return set(section.list_objects())


def test_an_empty_page_holds_nothing(ledger: ShareSection) -> None:
    assert ledger.record() is None
    assert ledger.intent() is None


def test_what_is_begun_can_be_read_again(ledger: ShareSection) -> None:
    ledger.begin(INTENT)
    assert ledger.intent() == INTENT
    assert ledger.record() is None


def test_the_id_that_manila_gave_is_put_down(ledger: ShareSection) -> None:
    ledger.begin(INTENT)
    intent = ledger.created(INTENT, "snapshot")
    assert intent.created_id == "snapshot"
    assert ledger.intent() == intent


def test_a_complete_record_is_all_that_stays(ledger: ShareSection, section: Any) -> None:
    ledger.begin(INTENT)
    ledger.complete(RECORD)
    assert ledger.record() == RECORD
    ledger.end(INTENT)
    assert pages(section) == {"metadata"}


def test_a_record_leaves_the_intent_to_who_writes_the_final_status(
    ledger: ShareSection, section: Any
) -> None:
    """So that no moment has neither, and what is unsaid is found by the intent."""
    ledger.begin(INTENT)
    ledger.complete(RECORD)
    assert pages(section) == {"metadata", "intent"}


def test_an_intent_outlives_a_record_that_could_not_be_written(
    ledger: ShareSection, plugin: Failing, section: Any
) -> None:
    ledger.begin(INTENT)
    plugin.failures = {"update_object": ATTEMPTS}
    with pytest.raises(BankUnreadable):
        ledger.complete(RECORD)
    assert pages(section) == {"intent"}


def test_a_record_that_breaks_its_schema_is_not_written(ledger: ShareSection, section: Any) -> None:
    ledger.begin(INTENT)
    with pytest.raises(RecordInvalid):
        ledger.complete(
            ShareRecord(
                share_id="",
                size=0,
                share_proto="NFS",
                share_type=None,
                share_network_id=None,
                snapshot_id="snapshot",
            )
        )
    assert pages(section) == {"intent"}


def test_erasing_leaves_the_status_alone(ledger: ShareSection, section: Any) -> None:
    ledger.status("deleting")
    ledger.begin(INTENT)
    ledger.complete(RECORD)
    ledger.begin(INTENT)
    ledger.erase()
    assert pages(section) == {"status"}
    assert section.get_object("status") == "deleting"


def test_erasing_nothing_is_no_error(ledger: ShareSection, section: Any) -> None:
    ledger.erase()
    ledger.end(INTENT)
    assert pages(section) == set()


def test_the_end_of_an_intent_that_is_gone_is_no_error(
    kept: ShareSection, plugin: Failing, section: Any
) -> None:
    """Its first answer was lost; Karbor's own bank raises for what is absent."""
    kept.begin(INTENT)
    plugin.late = True
    plugin.failures = {"delete_object": 1}
    kept.end(INTENT)
    kept.end(INTENT)
    assert pages(section) == {"metadata"}


def test_an_object_that_no_list_shows_yet_is_removed(
    kept: ShareSection, plugin: Failing, section: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.begin(INTENT)
    with monkeypatch.context() as patch:
        patch.setattr(plugin, "list_objects", lambda *_args, **_kwargs: [])
        kept.end(INTENT)
    assert pages(section) == {"metadata"}


def test_the_bank_is_not_asked_more_than_it_has_to_be(
    ledger: ShareSection, plugin: Failing
) -> None:
    def calls() -> list[str]:
        made = [method.removesuffix("_object") for method, _key in plugin.calls]
        plugin.calls.clear()
        return made

    ledger.status("protecting")
    intent = ledger.begin(INTENT) or ledger.created(INTENT, "snapshot")
    ledger.complete(RECORD)
    ledger.status("available")
    ledger.end(intent)
    assert calls() == ["update"] * 5 + ["delete"]
    ledger.erase()
    assert calls() == ["list_objects", "delete"]
    ledger.forget()
    assert calls() == ["list_objects", "delete"]


def test_restores_have_pages_of_their_own(ledger: ShareSection, section: Any) -> None:
    """Two restores of one share, and its record, do not get in each other's way."""
    ledger.complete(RECORD)
    restores = [
        Intent(
            **vars(INTENT)
            | {
                "operation": "restore",
                "mark": Mark(**vars(MARK) | {"restore": restore}),
            }
        )
        for restore in ("one", "two")
    ]
    for intent in restores:
        ledger.begin(intent)
    ledger.end(restores[0])
    assert pages(section) == {"metadata", "restores/two"}
    assert ledger.intent() is None


# -- a bank that fails ------------------------------------------------------------------------


def write(ledger: ShareSection) -> None:
    ledger.begin(INTENT)


def read(ledger: ShareSection) -> None:
    assert ledger.record() == RECORD


def remove(ledger: ShareSection) -> None:
    ledger.erase()


CASES = [("update_object", write), ("get_object", read), ("delete_object", remove)]


@pytest.fixture
def kept(ledger: ShareSection, plugin: Failing) -> ShareSection:
    """A ledger with a record."""
    ledger.complete(RECORD)
    plugin.calls.clear()
    return ledger


@pytest.mark.parametrize("times", range(1, ATTEMPTS))
@pytest.mark.parametrize(("method", "action"), CASES, ids=[case[0] for case in CASES])
def test_a_bank_that_fails_a_few_times_is_asked_again(
    kept: ShareSection, plugin: Failing, pauses: list[float], method: str, action: Any, times: int
) -> None:
    plugin.failures = {method: times}
    action(kept)
    assert plugin.failures[method] == 0
    assert len(pauses) == times
    assert all(0 <= pause <= 2 for pause in pauses)


@pytest.mark.parametrize(("method", "action"), CASES, ids=[case[0] for case in CASES])
def test_a_bank_that_goes_on_failing_is_an_error_that_names_what_was_wanted(
    kept: ShareSection, plugin: Failing, pauses: list[float], method: str, action: Any
) -> None:
    plugin.failures = {method: 10**6}
    with pytest.raises(BankUnreadable, match="'(intent|metadata)'"):
        action(kept)
    assert len(pauses) == ATTEMPTS - 1
    assert [call[0] for call in plugin.calls].count(method) == ATTEMPTS


@pytest.mark.parametrize("action", [read, remove])
def test_a_bank_that_cannot_be_listed_is_an_error(
    kept: ShareSection, plugin: Failing, action: Any
) -> None:
    plugin.failures = {"list_objects": 10**6, "get_object": 10**6}
    with pytest.raises(BankUnreadable):
        action(kept)


def test_a_folder_that_is_gone_for_a_moment_is_asked_again(
    kept: ShareSection, plugin: Failing
) -> None:
    """Not every error of the file system passes through Karbor's own (an NFS that went stale)."""
    plugin.make = lambda _method: OSError("stale file handle")
    plugin.failures = {"update_object": 2}
    write(kept)
    assert kept.intent() == INTENT


class BrokenConnection(Exception):
    """As the client of an object store raises it: none of Karbor's banks translates it."""


@pytest.mark.parametrize(("method", "action"), CASES, ids=[case[0] for case in CASES])
def test_an_error_of_the_banks_client_is_repeated_and_told_without_its_words(
    kept: ShareSection, plugin: Failing, method: str, action: Any
) -> None:
    plugin.make = lambda _method: BrokenConnection("https://key:secret@s3.example.com reset")
    plugin.failures = {method: 10**6}
    with pytest.raises(BankUnreadable, match="BrokenConnection") as caught:
        action(kept)
    assert "secret" not in str(caught.value)
    plugin.failures = {method: ATTEMPTS - 1}
    action(kept)
    assert plugin.failures[method] == 0


def test_a_broken_connection_says_nothing_of_absence_whatever_the_list_says(
    kept: ShareSection, plugin: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of an object store may lag behind, and taking the record for absent would lose the
    snapshot that it names."""
    monkeypatch.setattr(plugin, "list_objects", lambda *_args, **_kwargs: [])
    plugin.make = lambda _method: BrokenConnection()
    plugin.failures = {"get_object": 10**6}
    with pytest.raises(BankUnreadable):
        kept.record()


def test_a_record_whose_reply_was_lost_is_read_back(
    ledger: ShareSection, plugin: Failing, section: Any
) -> None:
    ledger.begin(INTENT)
    plugin.late = True
    plugin.failures = {"update_object": 10**6}
    ledger.complete(RECORD)
    assert ledger.record() == RECORD


def test_a_record_of_which_nobody_knows_is_an_error(ledger: ShareSection, plugin: Failing) -> None:
    plugin.late = True
    plugin.failures = {"update_object": 10**6, "get_object": 10**6}
    with pytest.raises(BankUnreadable):
        ledger.complete(RECORD)


def test_an_unreadable_record_is_not_taken_for_an_absent_one(
    kept: ShareSection, plugin: Failing
) -> None:
    """Taking it for one would lose the snapshot that it names."""
    plugin.failures = {"get_object": 10**6}
    with pytest.raises(BankUnreadable):
        kept.record()


def test_an_unreadable_intent_is_not_taken_for_an_absent_one(
    ledger: ShareSection, plugin: Failing
) -> None:
    ledger.begin(INTENT)
    plugin.failures = {"get_object": 10**6}
    with pytest.raises(BankUnreadable):
        ledger.intent()


def test_an_absent_record_is_not_waited_for(ledger: ShareSection, pauses: list[float]) -> None:
    assert ledger.record() is None
    assert pauses == []


def test_a_lost_answer_to_a_write_does_no_harm(kept: ShareSection, plugin: Failing) -> None:
    plugin.late = True
    plugin.failures = {"update_object": 2}
    write(kept)
    assert kept.intent() == INTENT


def test_a_lost_answer_to_a_removal_does_no_harm(
    kept: ShareSection, plugin: Failing, section: Any
) -> None:
    """Karbor's banks fail to delete what is not there."""
    plugin.late = True
    plugin.failures = {"delete_object": 1}
    kept.erase()
    assert pages(section) == set()


@pytest.mark.parametrize("stored", ["", "half of a js", {"version": 1}, [], 7, {"version": 99}])
def test_what_cannot_be_understood_is_told_apart_from_what_cannot_be_read(
    ledger: ShareSection, section: Any, stored: Any
) -> None:
    for key, get in (("metadata", ledger.record), ("intent", ledger.intent)):
        section.update_object(key, stored)
        with pytest.raises(RecordInvalid):
            get()
