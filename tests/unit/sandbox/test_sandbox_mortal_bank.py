# SPDX-License-Identifier: Apache-2.0
"""The bank that ends its own process: what it puts down, what it counts, when it dies."""

import json
import os
import signal

import pytest

pytest.importorskip("karbor")

from oslo_config import cfg

from sandbox.karbor import mortal_bank, providers

INDEX = "/checkpoints/1/index.json"


class Died(BaseException):
    """In the place of the end of the process."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "mortal"


@pytest.fixture
def bank(tmp_path, folder, monkeypatch):
    """A mortal bank around Karbor's, as a provider loads it; its death is an exception."""
    written = providers.write(tmp_path, tmp_path / "bank", options={}, mortal=folder)
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(written / "karbor-stock.conf")])

    def kill(pid, number):
        assert (pid, number) == (os.getpid(), signal.SIGKILL)
        raise Died

    monkeypatch.setattr(mortal_bank.os, "kill", kill)
    return mortal_bank.MortalBank(conf)


def log(folder):
    lines = mortal_bank.log_of(folder).read_text().splitlines()
    return [(line["op"], line["key"]) for line in map(json.loads, lines)]


def test_it_is_the_bank_within_and_puts_writes_down_in_their_order(bank, folder):
    bank.update_object(INDEX, {"status": "protecting"})
    assert bank.get_object(INDEX) == {"status": "protecting"}
    assert list(bank.list_objects("/checkpoints/")) == [INDEX]
    assert bank.get_owner_id()
    bank.delete_object(INDEX)
    assert list(bank.list_objects("/checkpoints/")) == []
    assert log(folder) == [("update", INDEX), ("delete", INDEX)]


@pytest.mark.parametrize(("side", "kept"), [("before", 1), ("after", 2)])
def test_it_dies_on_one_side_of_the_nth_write_of_its_kind(bank, folder, side, kept):
    mortal_bank.plan(folder, "update", r"^/checkpoints/[^/]+/index\.json$", 2, side)
    bank.update_object("/checkpoints/1/other.json", 0)
    bank.update_object(INDEX, 1)
    bank.delete_object("/checkpoints/1/other.json")
    with pytest.raises(Died):
        bank.update_object(INDEX, 2)
    assert bank.get_object(INDEX) == kept


@pytest.mark.parametrize(("side", "kept"), [("before", None), ("after", 1)])
def test_it_is_stopped_at_the_planned_write_and_does_it_when_it_goes_on(
    bank, folder, monkeypatch, side, kept
):
    seen = []

    def stop(number):
        found = bank.get_object(INDEX) if list(bank.list_objects("/checkpoints/")) else None
        seen.append((number, mortal_bank.reached(folder), found))

    monkeypatch.setattr(mortal_bank.signal, "raise_signal", stop)
    mortal_bank.plan(folder, "update", "index", 1, side, act="pause")
    assert not mortal_bank.reached(folder)
    bank.update_object(INDEX, 1)
    assert seen == [(signal.SIGSTOP, True, kept)]
    assert bank.get_object(INDEX) == 1
    mortal_bank.lift(folder)
    assert not mortal_bank.reached(folder)


def test_one_write_takes_long_when_that_is_planned(bank, folder, monkeypatch):
    slept = []
    monkeypatch.setattr(mortal_bank.time, "sleep", slept.append)
    mortal_bank.plan(folder, "update", "index", 2, "before", act="delay", seconds=5)
    for number in range(3):
        bank.update_object(INDEX, number)
    assert slept == [5]


def test_a_new_plan_counts_from_nothing_and_a_lifted_one_is_none(bank, folder):
    mortal_bank.plan(folder, "update", "index", 2, "before")
    bank.update_object(INDEX, 1)
    mortal_bank.plan(folder, "update", "index", 2, "before")
    bank.update_object(INDEX, 2)
    mortal_bank.lift(folder)
    bank.update_object(INDEX, 3)
    mortal_bank.plan(folder, "delete", "index", 1, "before")
    with pytest.raises(Died):
        bank.delete_object(INDEX)
    assert bank.get_object(INDEX) == 3


@pytest.mark.parametrize("key", ["/karbor-manila/leases/me", "/karbor-manila/bank.json"])
def test_what_belongs_to_no_operation_does_not_count(bank, folder, key):
    mortal_bank.plan(folder, "update", ".", 1, "before")
    bank.update_object(key, {})
    with pytest.raises(Died):
        bank.update_object("/checkpoints/1/karbor-manila/owner.json", {})
    assert log(folder) == [("update", "/checkpoints/1/karbor-manila/owner.json")]
