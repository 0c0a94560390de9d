# SPDX-License-Identifier: Apache-2.0
"""Karbor on our file-system bank: its pages of checkpoints, our own objects, and Karbor's own bank
beside ours on the same folder."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from karbor import exception as karbor_exception
from karbor.services.protection.checkpoint import CheckpointCollection

from karbor_manila.bank import checkpoints, identity
from karbor_manila.bank.errors import RecordInvalid
from karbor_manila.bank.share_section import ShareSection
from karbor_manila.recovery import lease
from tests.unit.bank.filesystem_stage import fill
from tests.unit.banks import make_checkpoint, open_provider, stored

GET = karbor_exception.BankGetObjectFailed
DAYS = [datetime.datetime(2026, 3, day, tzinfo=datetime.UTC) for day in (1, 2, 3, 4)]


@pytest.mark.parametrize("of", ["plan", "provider", "date"])
@pytest.mark.parametrize("all_tenants", [False, True])
@pytest.mark.parametrize("sort_dir", [None, "asc", "desc"])
def test_karbors_pages_of_checkpoints_follow_each_other(bank, of, all_tenants, sort_dir):
    made = [make_checkpoint(bank, day).id for day in DAYS]
    make_checkpoint(bank, DAYS[1], project_id="project-b", plan_id="plan-2", provider_id="other")
    collection = CheckpointCollection(bank)
    options: dict[str, Any] = {"all_tenants": all_tenants, "sort_dir": sort_dir}
    if of == "plan":
        options["plan_id"] = "plan-1"
    if of == "date":
        options["start_date"] = datetime.datetime(2026, 3, 1)  # noqa: DTZ001 - as Karbor's API
        options["end_date"] = datetime.datetime(2026, 3, 4)  # noqa: DTZ001
        if all_tenants:
            options["all_tenants"] = False  # Karbor's markers by date need one project
    expected = made[::-1] if sort_dir == "desc" else made
    found: list[str] = []
    marker = None
    while True:
        page = collection.list_ids("project-a", "provider-1", limit=3, marker=marker, **options)
        found += page
        if len(page) < 3:
            break
        marker = page[-1]
    assert found == expected


def test_retention_finds_the_newest_first(bank):
    """With Karbor's manager too, which asks the bank for the order."""
    made = [make_checkpoint(bank, day).id for day in DAYS]
    listed = CheckpointCollection(bank).list_ids(
        "project-a", "provider-1", plan_id="plan-1", sort_dir="desc"
    )
    assert listed == made[::-1]
    query = checkpoints.Query("provider-1", "project-a", plan_id="plan-1")
    assert [item.id for item in checkpoints.find(open_provider(bank), query)] == made[::-1]


def test_our_own_objects_work_on_it(bank):
    known = identity.bank_id(bank)
    assert identity.bank_id(bank) == known
    lease.renew(bank)
    assert lease.Observer(60).is_alive(bank, bank.get_owner_id())
    lease.prune(bank, age=0)
    assert bank.list_objects("/karbor-manila/leases/") == []


# Karbor's own bank on the same folder

KARBORS_VALUES = [{"a": [1]}, [1, "b"], "plain text", "available", 5, None, True, "ü"]


@pytest.mark.parametrize("value", KARBORS_VALUES)
def test_each_bank_reads_what_the_other_wrote(bank, karbors, value):
    karbors.update_object("/a/by-karbor", value)
    bank.update_object("/a/by-us", value)
    for reader in (bank, karbors):
        assert reader.get_object("/a/by-karbor") == value
        assert reader.get_object("/a/by-us") == value
        assert sorted(reader.list_objects("/a/")) == ["/a/by-karbor", "/a/by-us"]
    karbors.update_object("/a/by-us", "again")
    bank.update_object("/a/by-karbor", "again")
    assert bank.get_object("/a/by-us") == karbors.get_object("/a/by-karbor") == "again"
    karbors.delete_object("/a/by-karbor")
    bank.delete_object("/a/by-us")
    assert bank.list_objects() == list(karbors.list_objects("/")) == []


def test_a_string_that_looks_like_json_is_a_string_to_karbors_bank_too(bank, karbors):
    bank.update_object("/a", "123")
    assert karbors.get_object("/a") == "123"


def test_checkpoints_of_each_are_read_listed_and_deleted_by_the_other(bank, karbors):
    for maker, user in ((karbors, bank), (bank, karbors)):
        made = make_checkpoint(maker, DAYS[0])
        collection = CheckpointCollection(user)
        found = collection.get(made.id)
        assert found.to_dict() == made.to_dict()
        assert collection.list_ids("project-a", "provider-1") == [made.id]
        found.purge()
        assert collection.list_ids("project-a", "provider-1") == []


def test_what_karbors_bank_left_empty_says_so(bank, tmp_path):
    fill(bank, "/a/index.json")
    stored(tmp_path, "/a/index.json").write_bytes(b"")
    for kind in (GET, ValueError):
        with pytest.raises(kind, match="empty: Karbor's own bank was stopped while it wrote"):
            bank.get_object("/a/index.json")
    assert bank.list_objects() == ["/a/index.json"]


def test_a_lease_that_karbors_bank_left_empty_counts_as_none(bank, tmp_path):
    bank.update_object("/karbor-manila/leases/somebody", {})
    stored(tmp_path, "/karbor-manila/leases/somebody").write_bytes(b"")
    assert lease.Observer(60).is_alive(bank, "somebody")
    lease.prune(bank, age=60)
    assert bank.list_objects("/karbor-manila/leases/") == []


def test_a_record_that_karbors_bank_left_empty_is_an_invalid_record(bank, tmp_path):
    section = bank.get_sub_section("/checkpoints/1/resource-data/2/")
    section.update_object("metadata", {})
    stored(tmp_path, "/checkpoints/1/resource-data/2/metadata").write_bytes(b"")
    with pytest.raises(RecordInvalid):
        ShareSection(section, lambda _seconds: None).record()


def test_what_is_being_written_shows_in_no_list(bank, karbors, monkeypatch):
    seen = []
    replace = Path.replace

    def look(path, target):
        seen.append((bank.list_objects(), list(karbors.list_objects("/"))))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", look)
    fill(bank, "/a", "/b")
    assert seen == [([], []), (["/a"], ["//a"])]
