# SPDX-License-Identifier: Apache-2.0
"""A page of a list of ten thousand checkpoints costs one list of keys, and a read for each line."""

import datetime
from dataclasses import replace

import pytest

from karbor_manila.bank import checkpoints
from karbor_manila.bank.checkpoints import Query
from tests.unit.memory_bank import PLAN, PROJECT, PROVIDER, MemoryBank, add, provider_on

FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
MANY = 10_000
PAGE = 50


@pytest.fixture(scope="module")
def plugin() -> MemoryBank:
    made = MemoryBank()
    for number in range(MANY):
        add(made, number, FIRST + datetime.timedelta(minutes=number))
    return made


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("plan_id", [None, PLAN], ids=["of all plans", "of a plan"])
def test_a_page_reads_what_is_on_it_wherever_it_begins(
    plugin: MemoryBank, plan_id: str | None, newest_first: bool
) -> None:
    provider = provider_on(plugin)
    marker = None
    for _page in range(3):
        plugin.forget()
        query = Query(
            PROVIDER, PROJECT, plan_id, marker=marker, limit=PAGE, newest_first=newest_first
        )
        page = [found.id for found in checkpoints.find(provider, query)]
        assert len(page) == PAGE
        assert len(plugin.reads) == PAGE
        assert len(plugin.lists) == 1
        assert plugin.listed == MANY
        marker = page[-1]


def test_the_last_page_is_as_cheap_as_the_first(plugin: MemoryBank) -> None:
    provider = provider_on(plugin)
    query = Query(PROVIDER, PROJECT, limit=PAGE, newest_first=False)
    marker = add(MemoryBank(), MANY - PAGE - 1, FIRST)
    plugin.forget()
    page = checkpoints.find(provider, replace(query, marker=marker))
    assert len(page) == PAGE
    assert len(plugin.reads) == PAGE
    assert len(plugin.lists) == 1


def test_days_that_are_not_asked_for_are_not_read(plugin: MemoryBank) -> None:
    plugin.forget()
    day = FIRST.date() + datetime.timedelta(days=3)
    query = Query(PROVIDER, PROJECT, first_day=day, last_day=day)
    assert len(checkpoints.find(provider_on(plugin), query)) == 24 * 60
    assert len(plugin.reads) == 24 * 60
