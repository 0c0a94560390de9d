# SPDX-License-Identifier: Apache-2.0
"""What is odd about one share of a flow, or in what a driver answers, concerns no other share."""

from collections.abc import Iterator
from typing import Any

import pytest

from karbor_manila.bank.share_section import ShareSection
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.manila.kept import Kept
from karbor_manila.operations.share_job import ShareJob
from tests.unit.stage import Stage

Answer = tuple[str, Kept | Exception]


def some(stage: Stage, number: int) -> list[str]:
    return [str(stage.cloud.add_share(stage.project_id)["id"]) for _ in range(number)]


def complete(stage: Stage, checkpoint: Any, shares: list[str]) -> list[str]:
    """The shares with a record, whose snapshot is there; nothing else is."""
    pages = {share: stage.pages(checkpoint, share) for share in shares}
    kept = {
        share: page["metadata"]["snapshot_id"]
        for share, page in pages.items()
        if "metadata" in page
    }
    assert set(kept.values()) == set(stage.cloud.snapshots)
    assert not any("intent" in page for page in pages.values())
    return list(kept)


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_an_unexpected_error_before_a_request_keeps_no_share_from_going_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, odd: int
) -> None:
    shares = some(stage, 3)
    checkpoint = stage.checkpoint(*shares)
    begin, left = ShareJob.begin, [1]

    def failing(self: Any, *args: Any, **fields: Any) -> Any:
        if self.share_id == shares[odd] and left:
            left.pop()
            raise RuntimeError("odd")
        return begin(self, *args, **fields)

    monkeypatch.setattr(ShareJob, "begin", failing)
    assert stage.protect(checkpoint, *shares) == []
    assert complete(stage, checkpoint, shares) == shares


def test_a_share_whose_view_lacks_something_fails_alone(stage: Stage) -> None:
    shares = some(stage, 3)
    del stage.cloud.shares[shares[1]]["share_proto"]
    checkpoint = stage.checkpoint(*shares)
    assert len(stage.protect(checkpoint, *shares)) == 1
    assert len(stage.cloud.snapshots) == 2


def test_an_unexpected_error_at_the_id_of_one_share_is_that_shares(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = some(stage, 3)
    checkpoint = stage.checkpoint(*shares)
    created, left = ShareSection.created, [1]

    def failing(self: Any, *args: Any) -> Any:
        if left:
            left.pop()
            raise RuntimeError("odd")
        return created(self, *args)

    monkeypatch.setattr(ShareSection, "created", failing)
    assert len(stage.protect(checkpoint, *shares)) == 1
    assert len(stage.cloud.snapshots) == 2


def answers_twice(share: str, kept: Kept) -> Iterator[Answer]:
    yield share, kept
    yield share, kept


def answers_with_another(share: str, kept: Kept) -> Iterator[Answer]:
    yield share, kept
    yield share, Kept(kept.driver, "another", kept.share_id)


def answers_and_fails(share: str, kept: Kept) -> Iterator[Answer]:
    yield share, kept
    yield share, RuntimeError("odd")


def answers_for_another(share: str, kept: Kept) -> Iterator[Answer]:
    yield share, kept
    yield "a share that nobody knows", kept


def fails_and_answers(share: str, kept: Kept) -> Iterator[Answer]:
    yield share, RuntimeError("odd")
    yield share, kept


def never_answers(share: str, kept: Kept) -> Iterator[Answer]:
    yield from ()


@pytest.mark.parametrize(
    ("odd", "failures"),
    [
        (answers_twice, 0),
        (answers_with_another, 0),
        (answers_and_fails, 0),
        (answers_for_another, 0),
        (fails_and_answers, 1),
        (never_answers, 1),
    ],
)
def test_a_driver_that_answers_oddly_for_one_share_harms_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, odd: Any, failures: int
) -> None:
    shares = some(stage, 3)
    checkpoint = stage.checkpoint(*shares)
    original = SnapshotDriver.protect

    def protect(self: Any, given: Any, *args: Any) -> Iterator[Answer]:
        for share, kept in original(self, given, *args):
            answers = odd if share == shares[0] else lambda *answer: [answer]
            yield from answers(share, kept)

    monkeypatch.setattr(SnapshotDriver, "protect", protect)
    assert len(stage.protect(checkpoint, *shares)) == failures
    assert len(stage.cloud.snapshots) == len(shares) - failures
    assert complete(stage, checkpoint, shares) == shares[failures:]
