# SPDX-License-Identifier: Apache-2.0
"""The order of a run, what a measurement has, and what becomes of a contender that fails."""

from types import SimpleNamespace

import pytest

from benchmarks import rounds
from benchmarks.contenders import DELETE, PROTECT, RESTORE, WORKS, Contender
from sandbox import accounts

PIDS = {"karbor": 7}


class Share:
    status = "available"

    def __init__(self, number):
        self.id = number


class Manila:
    """Whatever is made is in a list; a deletion takes it out."""

    def __init__(self, things):
        self._things = things

    def delete(self, number):
        self._things[:] = [it for it in self._things if it.id != number]


class Site:
    """Two contenders, a proxy that has counted, and a processor that works one second at a time."""

    def __init__(self, failing=None):
        self.told, self.left, self.held = [], [], []
        self.failing = failing
        self.seconds = 0.0
        self.stack = self.proxy = self.tenant = self
        self.shares_, self.snapshots_ = [], []
        self.manila = SimpleNamespace(
            shares=Manila(self.shares_), share_snapshots=Manila(self.snapshots_)
        )

    # -- the site
    def contender(self, name):
        return Fake(name, self)

    def make_shares(self, count):
        self.told.append(f"make {count}")
        self.shares_[:] = [Share(number) for number in range(count)]
        return list(self.shares_)

    def pid(self, service):
        return PIDS[service]

    def cpu(self, karbor):
        self.seconds += 1
        return {"manila": self.seconds, **({"karbor": self.seconds} if karbor else {})}

    # -- the proxy
    def clear_counts(self):
        self.told.append("clear")

    def counts(self):
        return {"POST /v2/snapshots": 3}

    # -- the tenant
    def clean(self):
        self.shares_.clear()

    def shares(self):
        return list(self.shares_)

    def snapshots(self):
        return list(self.snapshots_)


class Fake(Contender):
    karbor = "karbor"

    def __init__(self, name, site):
        self.name = name
        self.site = site

    def protect(self, prepared, answered):
        self._do(PROTECT, answered)
        self.site.snapshots_.append(Share("snapshot"))
        return "held"

    def restore(self, held, answered):
        self._do(RESTORE, answered)

    def delete(self, held, answered):
        self._do(DELETE, answered)
        self.site.snapshots_.clear()

    def _do(self, work, answered):
        self.site.told.append(f"{self.name} {work}")
        answered()
        if self.site.failing == (self.name, work):
            raise AssertionError("it ended as 'error'")


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """No clock, no /proc, no list that is looked at a second later."""
    peaks = iter(range(100, 100_000))
    clock = SimpleNamespace(sleep=lambda seconds: None, monotonic=lambda: 5.0)
    monkeypatch.setattr(rounds, "time", clock)
    monkeypatch.setattr(accounts, "reset_peak", lambda pid: None)
    monkeypatch.setattr(accounts, "peak_memory", lambda pid: next(peaks))
    monkeypatch.setattr(rounds, "wait", lambda what, look, done, *rest: [look() for _ in range(3)])


def run(site, sizes=(2,), number=2, works=WORKS):
    lines = list(rounds.measure(site, ["a", "b"], sizes, number, works, lambda line: None))
    return lines, [one for one in site.told if one != "clear"]


def test_a_round_goes_through_all_contenders_before_the_next_one_begins():
    lines, _ = run(Site())
    order = [(line.round, line.who) for line in lines if line.work == PROTECT]
    assert order == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert [line.work for line in lines[:3]] == list(WORKS)


def test_each_process_is_warmed_up_by_one_share_that_is_not_measured():
    lines, told = run(Site(), sizes=(2, 3), number=1)
    assert told[0] == "make 1"
    assert told.index("make 2") == 1 + len(WORKS)  # both contenders have the same Karbor
    assert {line.shares for line in lines} == {2, 3}


def test_a_measurement_has_requests_and_the_processor_and_the_memory_of_its_karbor():
    lines, _ = run(Site(), number=1)
    line = lines[0]
    assert line.requests == {"POST /v2/snapshots": 3}
    assert line.cpu == {"manila": 1.0, "karbor": 1.0}
    assert line.memory > line.memory_before
    assert (line.seconds, line.answered, line.error) == (0.0, 0.0, None)


def test_a_work_that_was_not_chosen_is_done_only_where_another_one_needs_it():
    lines, told = run(Site(), number=1, works=[DELETE])
    assert {line.work for line in lines} == {DELETE}
    assert f"a {PROTECT}" in told
    assert f"a {RESTORE}" not in told


def test_what_fails_is_kept_with_its_reason_and_the_others_go_on():
    site = Site(failing=("a", RESTORE))
    lines, _ = run(site, number=1)
    failed = [line for line in lines if line.error]
    assert [(line.who, line.work) for line in failed] == [("a", RESTORE)]
    assert "ended as 'error'" in failed[0].error
    assert [line.who for line in lines if line.work == DELETE] == ["b"]
    assert site.snapshots_ == []
