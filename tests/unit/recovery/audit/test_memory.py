# SPDX-License-Identifier: Apache-2.0
"""An audit holds one checkpoint at a time, and of what Manila shows only what is judged."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from karbor_manila.bank import share_section
from tests.fakes.manila import FakeManila
from tests.unit.karbor_stage import Service
from tests.unit.recovery.audit.stage import (
    audit_of,
    mark_of,
    plant,
    protected,
    snapshot_away,
)

MANY = 12


class Alive:
    """How many of some objects were alive at once, at most."""

    def __init__(self) -> None:
        self._living: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self.made = 0
        self.most = 0

    def add(self, each: Any) -> Any:
        self.made += 1
        self._living[self.made] = each
        self.most = max(self.most, self.now())
        return each

    def now(self) -> int:
        """How many are alive."""
        gc.collect()
        return len(self._living)


@pytest.fixture(autouse=True)
def collected_quickly() -> Iterator[None]:
    """What was there before the test is not looked through at each collection."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class View(dict[str, Any]):
    """A view of Manila's that can be counted."""


def test_no_more_than_one_checkpoint_and_its_record_are_held(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    for _ in range(MANY):
        protected(service, share)
    lost = protected(service)
    (other,) = [item["id"] for item in lost.protection_plan["resources"]]
    snapshot_away(service, lost, other)
    orphan = plant(service, share, mark_of(service, share))
    checkpoints, records = Alive(), Alive()
    get, load = service.provider.get_checkpoint, share_section.load_record
    monkeypatch.setattr(
        service.provider, "get_checkpoint", lambda each, **kw: checkpoints.add(get(each, **kw))
    )
    monkeypatch.setattr(share_section, "load_record", lambda *args: records.add(load(*args)))

    found = audit_of(service).find()

    assert {finding.snapshot_id for finding in found} >= {orphan}
    assert len(found) == 2
    assert checkpoints.made == MANY + 1
    assert checkpoints.most <= 2  # the next one is read before the last one goes
    assert records.made >= MANY
    assert records.most <= 3


def test_no_view_of_manilas_is_held_while_the_bank_is_read(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = service.share()
    for _ in range(MANY):
        protected(service, share)
    views = Alive()
    listed = FakeManila.snapshots

    def counted(self: Any, **kwargs: Any) -> Any:
        return [views.add(View(each)) for each in listed(self, **kwargs)]

    monkeypatch.setattr(FakeManila, "snapshots", counted)
    get = service.provider.get_checkpoint
    held: list[int] = []

    def reading(each: str, **kwargs: Any) -> Any:
        held.append(views.now())
        return get(each, **kwargs)

    monkeypatch.setattr(service.provider, "get_checkpoint", reading)

    assert audit_of(service).find() == []

    assert views.made >= MANY
    # The variable of a loop that has ended.
    assert max(held) <= 1


def test_what_goes_with_its_checkpoint_while_the_bank_is_read_is_no_orphan(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Manila is listed before the bank is read."""
    checkpoint = protected(service)
    listed = FakeManila.snapshots

    def deleted_afterwards(self: Any, **kwargs: Any) -> Any:
        found = listed(self, **kwargs)
        monkeypatch.setattr(FakeManila, "snapshots", listed)
        service.delete(checkpoint.id)
        return found

    monkeypatch.setattr(FakeManila, "snapshots", deleted_afterwards)
    assert audit_of(service).find() == []
