# SPDX-License-Identifier: Apache-2.0
"""A profile says how things go; what it does not know it refuses."""

import random
from typing import Any

import pytest

from sandbox.simulator.profile import Profile, ProfileWrong


@pytest.mark.parametrize(
    "wrong",
    [
        {"spead": 2},
        {"actions": {"snapshot.create": {"outcomes": {"mislaid": 1}}}},
        {"fates": {"odd": {"snapshot.fly": {}}}},
        {"faults": [{"requests": "GET", "kind": "418", "rate": 1}]},
    ],
)
def test_what_a_profile_does_not_know_is_refused(wrong: Any) -> None:
    with pytest.raises(ProfileWrong):
        Profile(wrong)


def test_what_is_left_out_is_as_by_default() -> None:
    profile = Profile({"actions": {"snapshot.create": {"seconds": 9}}})
    assert profile.action("snapshot.create").seconds == 9
    assert profile.action("snapshot.create").outcomes == {"available": 1}
    assert profile.action("snapshot.delete").seconds == 0.5


def test_a_fate_changes_what_it_names_alone() -> None:
    profile = Profile({"fates": {"odd": {"snapshot.create": {"outcomes": {"error": 1}}}}})
    dice = random.Random(1)
    assert profile.action("snapshot.create", "odd").draw(dice) == (1.0, "error")
    assert profile.action("snapshot.delete", "odd").draw(dice) == (0.5, "deleted")
    assert profile.action("snapshot.create", "unknown").draw(dice) == (1.0, "available")


def test_outcomes_come_by_their_weight_and_delays_within_their_jitter() -> None:
    wanted = {"seconds": 10, "jitter": 0.5, "outcomes": {"available": 3, "error": 1}}
    action = Profile({"actions": {"snapshot.create": wanted}}).action("snapshot.create")
    drawn = [action.draw(random.Random(seed)) for seed in range(400)]
    assert 60 < sum(outcome == "error" for _, outcome in drawn) < 140
    assert all(5 <= seconds <= 15 for seconds, _ in drawn)
    assert len({seconds for seconds, _ in drawn}) > 300
