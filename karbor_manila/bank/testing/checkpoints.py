# SPDX-License-Identifier: Apache-2.0
"""Karbor's own code on the bank: checkpoints are made, found page by page, read and purged."""

import datetime
import types
from typing import Any
from unittest import mock

import pytest
from karbor.services.protection import checkpoint as karbor_checkpoint

from karbor_manila.bank import checkpoints, index
from karbor_manila.bank.testing.world import BankWorld

_DAYS = [datetime.datetime(2026, 3, day, tzinfo=datetime.UTC) for day in (1, 2, 3, 4)]
_PROJECT, _PROVIDER, _PLAN = "project-a", "provider-1", "plan-1"


def make(bank: Any, made: datetime.datetime) -> Any:
    """A new checkpoint, ``protecting``, made by Karbor's own code at that time (UTC)."""
    plan = {
        "id": _PLAN,
        "name": "nightly",
        "provider_id": _PROVIDER,
        "project_id": _PROJECT,
        "resources": [],
    }
    clock = types.SimpleNamespace(utcnow=lambda: made, utcnow_ts=lambda: int(made.timestamp()))
    with mock.patch.object(karbor_checkpoint, "timeutils", clock):
        return karbor_checkpoint.CheckpointCollection(bank).create(plan)


class Checkpoints:
    """What Karbor makes in the bank, Karbor and we find there."""

    def test_a_checkpoint_comes_back_and_goes(self, world: BankWorld) -> None:
        made = make(world.open(), _DAYS[0])
        bank = world.open()
        collection = karbor_checkpoint.CheckpointCollection(bank)
        found = collection.get(made.id)
        assert found.to_dict() == made.to_dict()
        found.status = "available"
        found.commit()
        assert collection.get(made.id).status == "available"
        assert list(checkpoints.everything(bank)) == [made.id]
        assert index.indexed(bank) == {made.id}
        found.delete()
        assert index.indexed(bank) == set()

    @pytest.mark.parametrize("of", ["plan", "provider"])
    @pytest.mark.parametrize("sort_dir", [None, "desc"])
    def test_karbors_pages_of_checkpoints_follow_each_other(
        self, world: BankWorld, of: str, sort_dir: str | None
    ) -> None:
        bank = world.open()
        made = [make(bank, day).id for day in _DAYS]
        collection = karbor_checkpoint.CheckpointCollection(bank)
        options: dict[str, Any] = {"sort_dir": sort_dir}
        if of == "plan":
            options["plan_id"] = _PLAN
        found: list[str] = []
        for _page in range(len(made) + 1):
            page = collection.list_ids(
                _PROJECT, _PROVIDER, limit=3, marker=found[-1] if found else None, **options
            )
            found += page
            if len(page) < 3:
                break
        assert found == (made[::-1] if sort_dir == "desc" else made)

    def test_we_find_the_newest_first_whatever_the_order_of_the_bank(
        self, world: BankWorld
    ) -> None:
        bank = world.open()
        made = [make(bank, day).id for day in _DAYS]
        collection = karbor_checkpoint.CheckpointCollection(bank)
        provider = types.SimpleNamespace(
            id=_PROVIDER, bank=bank, get_checkpoint=lambda each, context=None: collection.get(each)
        )
        query = checkpoints.Query(_PROVIDER, _PROJECT, plan_id=_PLAN)
        assert [found.id for found in checkpoints.find(provider, query)] == made[::-1]
