# SPDX-License-Identifier: Apache-2.0
"""Which deletions wait: keys in a bank, and what a checkpoint says of its own."""

import datetime
import json
import types
import uuid

import pytest

from karbor_manila.bank import deletions
from karbor_manila.bank.deletions import Entry
from karbor_manila.common import deferral
from karbor_manila.common.deferral import KEY, PENDING, Deferral
from tests.unit.banks import open_bank

DUE = datetime.datetime(2026, 11, 27, 12, 0, tzinfo=datetime.UTC)
ONE, TWO = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
WAITS = Deferral("2026-11-27T11:00:00+00:00", DUE, "u1", "available")


def test_what_waits_is_listed_by_when_it_is_due(tmp_path):
    bank = open_bank(tmp_path)
    later = Entry(DUE + datetime.timedelta(hours=1), ONE)
    for entry in (later, Entry(DUE, TWO)):
        deletions.put(bank, "prov", entry)
    bank.update_object("/karbor-manila/deletions/prov/no-moment@x", {})
    bank.update_object("/karbor-manila/deletions/prov/20261127T120000Z@no-id", {})
    assert deletions.entries(bank, "prov") == [Entry(DUE, TWO), later]
    assert deletions.entries(bank, "other") == []


def test_it_is_forgotten_but_for_the_one_that_counts(tmp_path):
    bank = open_bank(tmp_path)
    for hours in (-1, 0, 1):
        deletions.put(bank, "prov", Entry(DUE + datetime.timedelta(hours=hours), ONE))
    deletions.put(bank, "prov", Entry(DUE, TWO))
    deletions.forget(bank, "prov", ONE, keep=WAITS)
    assert deletions.entries(bank, "prov") == [Entry(DUE, ONE), Entry(DUE, TWO)]
    deletions.forget(bank, "prov", ONE)
    assert deletions.entries(bank, "prov") == [Entry(DUE, TWO)]


def test_what_a_checkpoint_says_is_read_as_it_was_written():
    found = types.SimpleNamespace(status=PENDING, extra_info='{"created_by": "manual"}')
    deletions.note(found, WAITS)
    assert deletions.of(found) == WAITS
    found.status = "available"
    assert deletions.of(found) is None
    deletions.note(found, None)
    assert json.loads(found.extra_info) == {"created_by": "manual"}


@pytest.mark.parametrize("stored", [None, "soon", 7, [], {}, {"due": "soon"}])
def test_what_cannot_be_understood_is_never_due(stored):
    assert deferral.of({KEY: stored}) is None
    found = types.SimpleNamespace(status=PENDING, extra_info=json.dumps({KEY: stored}))
    assert deletions.of(found) is None
    found.extra_info = "no JSON"
    assert deletions.of(found) is None
