# SPDX-License-Identifier: Apache-2.0
"""What a record and an intent say of hooks."""

import dataclasses

import pytest

from karbor_manila.bank import record
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.record import HookFacts, Intent, ShareRecord
from karbor_manila.bank.record_values import describe_copy
from karbor_manila.manila.marks import Mark

MARK = Mark(bank="b", provider="p", checkpoint="c", resource="s")
FACTS = HookFacts(
    ("quiesce", "command"),
    thawed_early=True,
    annotations={"lsn": "0/16B3748"},
    failed={"command": "The hook 'command' failed."},
    interrupted=True,
)


def kept(hooks: HookFacts | None) -> ShareRecord:
    return ShareRecord(
        share_id="s",
        size=1,
        share_proto="NFS",
        share_type=None,
        share_network_id=None,
        snapshot_id="n",
        project_id="a",
        protected_at="2026-01-01T00:00:00+00:00",
        mark=MARK,
        hooks=hooks,
    )


def begun(*hooks: str) -> Intent:
    return Intent("protect", "snapshot", "a", MARK, "o", "2026-01-01T00:00:00+00:00", hooks=hooks)


def dumped(made: ShareRecord) -> dict[str, object]:
    plain = dataclasses.replace(made, is_public=False, metadata={}, access_rules=[])
    return record.dump_record(plain)


def test_what_hooks_came_to_is_read_as_it_was_written() -> None:
    assert record.load_record(dumped(kept(FACTS))).hooks == FACTS


def test_without_hooks_a_record_and_an_intent_are_what_they_were() -> None:
    assert "hooks" not in dumped(kept(None))
    assert "hooks" not in record.dump_intent(begun())


def test_an_intent_names_its_hooks() -> None:
    written = record.dump_intent(begun("quiesce", "command"))
    assert written["hooks"] == ["quiesce", "command"]
    assert record.load_intent(written).hooks == ("quiesce", "command")


def test_what_a_later_release_adds_to_it_is_no_damage() -> None:
    written = dumped(kept(FACTS))
    written["hooks"] = {**FACTS.__dict__, "ran": list(FACTS.ran), "frozen_for": 12.5}
    assert record.load_record(written).hooks == FACTS


def test_a_damaged_one_is_found() -> None:
    with pytest.raises(RecordInvalid):
        record.load_record({**dumped(kept(FACTS)), "hooks": {"ran": "all"}})


def test_a_copy_does_not_say_of_itself_what_its_source_went_through() -> None:
    assert "hooks" not in describe_copy(kept(FACTS), "a", "2026-01-01T00:00:00+00:00")
