# SPDX-License-Identifier: Apache-2.0
"""Access whose intent is damaged is named, and keeps no other from being given or ended."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.operations.browsed import HOST, Browsed

OTHER = "10.0.0.9"


@pytest.fixture(params=[{"no": "intent"}, "", []], ids=repr)
def browsed(tmp_path: Path, request: Any) -> Browsed:
    """Access of OTHER is open, and its intent is damaged."""
    browsed = Browsed(tmp_path)
    browsed.ask(browse_to=OTHER)
    (key,) = browsed.intents()
    section = browsed.checkpoint.get_resource_bank_section(browsed.share)
    section.update_object(key, request.param)
    return browsed


def test_another_one_is_given_and_ended_beside_it(browsed: Browsed) -> None:
    assert browsed.ask(browse_to=HOST)["way"] == "granted"
    assert [each["to"] for each in browsed.ask(browse_end=True, browse_to=HOST)["ended"]] == [HOST]
    assert browsed.rules() == [("ip", OTHER, "active")]


def test_it_is_told_that_not_all_is_known(browsed: Browsed) -> None:
    browsed.ask(browse_to=HOST)
    told = browsed.ask()
    assert [each["to"] for each in told["open"]] == [HOST]
    assert "The intent in the bank cannot be used" in told["told"]


@pytest.mark.parametrize(("given", "left"), [({}, []), ({"browse_to": OTHER}, [HOST])])
def test_an_end_that_may_not_be_one_says_so_once_the_others_are_ended(
    browsed: Browsed, given: Any, left: list[str]
) -> None:
    browsed.ask(browse_to=HOST)
    assert "The intent in the bank cannot be used" in browsed.ask(browse_end=True, **given)
    assert [access_to for _kind, access_to, _state in browsed.rules()] == [OTHER, *left]


def test_the_checkpoint_can_be_deleted_with_it(browsed: Browsed) -> None:
    assert browsed.stage.delete(browsed.checkpoint, browsed.share) == []
    assert browsed.cloud.snapshots == {}
    assert browsed.due() == []
