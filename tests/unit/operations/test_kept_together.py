# SPDX-License-Identifier: Apache-2.0
"""What keeps several shares of a checkpoint at once goes with the last that counts on it."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

import pytest
from karbor.resource import Resource
from karbor.services.protection import graph

from karbor_manila.bank.share_section import ShareSection
from karbor_manila.drivers import base, catalogue
from karbor_manila.drivers.abilities import KeepsTogether
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.drivers.values import ProtectOptions
from karbor_manila.manila.errors import ResourceFailed
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.marks import Mark
from karbor_manila.manila.views import View
from tests.unit.stage import SHARE, Stage


class Together(SnapshotDriver, KeepsTogether):
    """One snapshot, of the first share, stands for all."""

    capabilities: ClassVar[frozenset[str]] = base.BASIC | {"revert", "together"}
    fails: ClassVar[set[str]] = set()
    deleted: ClassVar[list[str]] = []

    def protect(
        self,
        shares: Collection[View],
        marks: Mapping[str, Mark],
        options: Mapping[str, ProtectOptions],
    ) -> Iterator[tuple[str, Kept | Exception]]:
        first, *_ = shares
        for _share_id, kept in super().protect([first], marks, options):
            for share in shares:
                assert isinstance(kept, Kept)
                yield share["id"], dataclasses.replace(kept, share_id=share["id"])

    def wait(self, kept: Kept) -> Kept:
        if kept.share_id in self.fails:
            raise ResourceFailed("share", kept.share_id, "error", "on request")
        return dataclasses.replace(super().wait(kept), share_id=kept.share_id)

    def delete(self, kept: Kept | None = None, *args: Any, **kwargs: Any) -> None:
        self.deleted.append(kept.share_id if kept else "")
        super().delete(kept, *args, **kwargs)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> type[Together]:
    monkeypatch.setattr(catalogue, "load", lambda _name: Together)
    monkeypatch.setattr(Together, "fails", set())
    monkeypatch.setattr(Together, "deleted", [])
    return Together


def three(stage: Stage) -> list[str]:
    return [stage.cloud.add_share(stage.project_id)["id"] for _ in range(3)]


def test_the_roll_back_of_one_share_leaves_what_keeps_the_others(
    stage: Stage, driver: type[Together]
) -> None:
    shares = three(stage)
    driver.fails.add(shares[1])
    checkpoint = stage.checkpoint(*shares)
    assert len(stage.protect(checkpoint, *shares)) == 1
    assert driver.deleted == []
    (snapshot,) = stage.cloud.snapshots.values()
    for share in (shares[0], shares[2]):
        assert stage.pages(checkpoint, share)["metadata"]["snapshot_id"] == snapshot["id"]
    assert "intent" not in stage.pages(checkpoint, shares[1])
    assert "metadata" not in stage.pages(checkpoint, shares[1])


def test_when_every_share_fails_the_last_roll_back_removes_it_once(
    stage: Stage, driver: type[Together]
) -> None:
    shares = three(stage)
    driver.fails.update(shares)
    checkpoint = stage.checkpoint(*shares)
    assert len(stage.protect(checkpoint, *shares)) == 3
    assert len(driver.deleted) == 1
    assert stage.cloud.snapshots == {}
    assert not any("intent" in stage.pages(checkpoint, share) for share in shares)


def test_a_damaged_record_of_another_share_may_count_on_it(
    stage: Stage, driver: type[Together]
) -> None:
    shares = three(stage)
    checkpoint = stage.checkpoint(*shares)
    held = [Resource(type=SHARE, id=share, name="s") for share in shares]
    checkpoint.resource_graph = graph.build_graph(held, lambda _resource: ())
    checkpoint.get_resource_bank_section(shares[0]).update_object("metadata", {"version": 3})
    driver.fails.update(shares[1:])
    assert len(stage.protect(checkpoint, *shares[1:])) == 2
    assert driver.deleted == []
    assert len(stage.cloud.snapshots) == 1


def test_a_roll_back_of_many_reads_no_share_for_each_other_one(
    stage: Stage, driver: type[Together], monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(20)]
    driver.fails.update(shares)
    checkpoint = stage.checkpoint(*shares)
    reads: list[str] = []
    read = ShareSection.intent
    monkeypatch.setattr(ShareSection, "intent", lambda self: reads.append("") or read(self))
    assert len(stage.protect(checkpoint, *shares)) == 20
    assert stage.cloud.snapshots == {}
    assert len(reads) < 3 * len(shares)
