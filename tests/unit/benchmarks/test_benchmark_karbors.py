# SPDX-License-Identifier: Apache-2.0
"""How far Karbor is, seen in its bank and its database."""

import json
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from benchmarks import karbors
from benchmarks.karbors import Failed, Provider
from sandbox.waiting import Unfinished


class Karbor:
    """Karbor's API: every request begins, and the next looks find what is told to come."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []
        self.checkpoints = SimpleNamespace(create=self._protect, delete=self._delete)
        self.restores = SimpleNamespace(create=self._restore)
        self.index = folder / "bank" / "karbor" / "checkpoints" / "c" / "index.json"
        self.index.parent.mkdir(parents=True)
        self.database = folder / "karbor.sqlite"
        self._sql("CREATE TABLE restores (id TEXT, status TEXT)")
        self._sql("INSERT INTO restores VALUES ('r', 'in_progress')")

    def _protect(self, provider, plan):
        self.asked.append(("protect", provider, plan))
        return SimpleNamespace(id="c")

    def _restore(self, provider, checkpoint, *rest):
        self.asked.append(("restore", provider, checkpoint))
        return SimpleNamespace(id="r")

    def _delete(self, provider, checkpoint):
        self.asked.append(("delete", provider, checkpoint))

    def checkpoint_is(self, status):
        self.index.write_text(json.dumps({"status": status}))

    def restore_is(self, status):
        self._sql(f"UPDATE restores SET status = '{status}'")

    def half(self, _):
        self.index.write_text('{"status": "prot')

    def _sql(self, text):
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(text)


class Clock:
    """Nobody waits: each sleep lets the next thing happen."""

    def __init__(self):
        self.now = 0.0
        self.slept = []
        self.coming = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        if self.coming:
            do, status = self.coming.pop(0)
            do(status)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(karbors, "time", made)
    return made


@pytest.fixture
def karbor(tmp_path):
    return Karbor(tmp_path)


@pytest.fixture
def provider(karbor):
    tenant = SimpleNamespace(karbor=karbor)
    return Provider("ours", "karbor", tenant, "p", karbor.folder / "bank", karbor.database)


@pytest.fixture
def answered():
    seen = []
    yield lambda: seen.append(True)
    assert seen == [True]


def test_a_protection_ends_with_the_status_in_the_bank(karbor, provider, clock, answered):
    karbor.checkpoint_is("protecting")
    clock.coming = [(karbor.half, ""), (karbor.checkpoint_is, "available")]
    assert provider.protect(SimpleNamespace(id="plan"), answered) == "c"
    assert karbor.asked == [("protect", "p", "plan")]
    assert len(clock.slept) == 2


def test_a_deletion_does_not_end_where_it_began(karbor, provider, clock, answered):
    karbor.checkpoint_is("available")
    clock.coming = [(karbor.checkpoint_is, "deleting"), (karbor.checkpoint_is, "deleted")]
    provider.delete("c", answered)
    assert len(clock.slept) == 2


def test_a_restore_ends_with_its_row(karbor, provider, clock, answered):
    clock.coming = [(karbor.restore_is, "success")]
    provider.restore("c", answered)
    assert len(clock.slept) == 1


def test_another_end_is_a_failure(karbor, provider, clock, answered):
    clock.coming = [(karbor.restore_is, "fail")]
    with pytest.raises(Failed) as failure:
        provider.restore("c", answered)
    assert failure.value.status == "fail"


def test_it_looks_ever_more_seldom_and_not_for_ever(karbor, provider, clock, answered, monkeypatch):
    monkeypatch.setattr(karbors, "DEADLINE", 60.0)
    with pytest.raises(Unfinished):
        provider.restore("c", answered)
    assert clock.slept[0] == pytest.approx(0.05)
    assert clock.slept[-1] == pytest.approx(0.5)
