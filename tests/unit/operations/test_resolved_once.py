# SPDX-License-Identifier: Apache-2.0
"""What a user asked for is validated once for each share of a flow, and its record read once."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from karbor_manila.bank import share_section
from karbor_manila.operations import parameters
from tests.unit.stage import Record, Stage


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often parameters were validated, and records read from the bank."""
    counts: Counter[str] = Counter()

    def counting(where: Any, name: str, what: str) -> None:
        original = getattr(where, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            counts[what] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(where, name, counted)

    counting(parameters, "resolve", "validated")
    counting(share_section.ShareSection, "record", "read")
    yield counts


def protected(stage: Stage, number: int = 1) -> tuple[Any, list[str]]:
    shares = [stage.cloud.add_share(stage.project_id)["id"] for _ in range(number)]
    checkpoint = stage.checkpoint(*shares)
    assert stage.protect(checkpoint, *shares) == []
    return checkpoint, shares


def test_a_protection_validates_once_and_reads_no_record(
    stage: Stage, counted: Counter[str]
) -> None:
    protected(stage)
    assert counted == {"validated": 1}


def test_a_restore_validates_once_and_reads_the_record_once(
    stage: Stage, counted: Counter[str]
) -> None:
    """It validated twice and read twice; the request that was refused or not did each once more."""
    checkpoint, shares = protected(stage)
    counted.clear()
    assert stage.restore(checkpoint, *shares, restore=Record()) == []
    assert counted == {"validated": 1, "read": 1}


def test_a_restore_of_many_shares_does_each_of_it_once_for_each(
    stage: Stage, counted: Counter[str]
) -> None:
    checkpoint, shares = protected(stage, 5)
    counted.clear()
    assert stage.restore(checkpoint, *shares, restore=Record()) == []
    assert counted == {"validated": 5, "read": 5}


@pytest.mark.parametrize("safety_copy", [False, True])
def test_a_revert_validates_once_and_reads_the_record_once(
    stage: Stage, counted: Counter[str], safety_copy: bool
) -> None:
    checkpoint, (share,) = protected(stage)
    counted.clear()
    given = {"share_id": share, "safety_copy": safety_copy}
    assert stage.restore(checkpoint, share, restore=Record(), given=given) == []
    assert counted == {"validated": 1, "read": 1}


@pytest.mark.parametrize("depth", ["record", "plan", "drill"])
def test_a_verification_validates_once_and_reads_the_record_once(
    stage: Stage, counted: Counter[str], depth: str
) -> None:
    """A verification of depth ``plan`` validated three times."""
    checkpoint, (share,) = protected(stage)
    counted.clear()
    assert stage.verify(checkpoint, share, verify=Record(), given={"depth": depth}) == []
    assert counted == {"validated": 1, "read": 1}
