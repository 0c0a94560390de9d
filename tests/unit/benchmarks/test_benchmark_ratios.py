# SPDX-License-Identifier: Apache-2.0
"""Ratios are taken within a round; the median of the rounds decides about a goal."""

import pytest

from benchmarks import ratios
from benchmarks.contenders import BARE, OURS, PROTECT, RESTORE, SAME, STOCK
from benchmarks.goals import goals
from benchmarks.measured import Measured
from benchmarks.ratios import Figures, Spread


def line(who, number, seconds, shares=100, work=PROTECT, **fields):
    return Measured(who, work, shares, number, seconds, **fields)


def rounds(who, *seconds, **fields):
    return [line(who, number, took, **fields) for number, took in enumerate(seconds, 1)]


def test_a_spread_is_the_median_and_both_ends_and_leaves_out_what_is_unknown():
    assert Spread.of([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([None]) is None
    assert Spread(1.5, 1.0, 2.0).text() == "1.50 (1.00..2.00)"
    assert Spread(1.5, 1.5, 1.5).text(1) == "1.5"


def test_a_machine_that_grows_slower_does_not_change_a_ratio():
    figures = Figures([*rounds(BARE, 10.0, 20.0, 40.0), *rounds(OURS, 11.0, 22.0, 44.0)])
    found = figures.ratio(OURS, BARE, PROTECT, 100, ratios.seconds)
    assert (found.low, found.median, found.high) == pytest.approx((1.1, 1.1, 1.1))


def test_a_round_without_a_partner_has_no_ratio():
    figures = Figures([*rounds(BARE, 10.0), *rounds(OURS, 12.0, 99.0)])
    assert figures.ratio(OURS, BARE, PROTECT, 100, ratios.seconds) == Spread(1.2, 1.2, 1.2)
    assert figures.ratio(OURS, STOCK, PROTECT, 100, ratios.seconds) is None


def test_what_failed_counts_nowhere():
    figures = Figures([*rounds(BARE, 10.0), line(OURS, 1, 0.1, error="Failed: error")])
    assert figures.who() == [BARE]
    assert figures.spread(OURS, PROTECT, 100, ratios.seconds) is None


def test_figures_a_share_come_from_counts_and_seconds_of_the_processor():
    asked = {"POST /v2/snapshots": 100, "GET /v2/snapshots/detail": 5}
    one = line(OURS, 1, 10.0, requests=asked, cpu={"karbor": 6.0, "manila": 20.0})
    assert one.requests_a_share == 1.05
    assert one.karbor_ms_a_share == 60.0
    assert one.manila_ms_a_share == 200.0
    assert line(BARE, 1, 1.0, cpu={"manila": 1.0}).karbor_ms_a_share is None


def met(lines, options=None):
    found = goals(Figures(lines), options or {})
    return {(goal.what, goal.work, goal.shares): goal.met for goal in found}


def test_the_goals_at_a_hundred_shares_by_their_medians():
    lines = [
        *rounds(BARE, 10.0, 10.0, 10.0),
        *rounds(SAME, 11.0, 11.0, 11.0),
        *rounds(STOCK, 13.0, 13.0, 13.0, cpu={"karbor": 10.0}),
        *rounds(OURS, 12.0, 12.6, 99.0, cpu={"karbor": 6.1}, requests={"POST /": 205}),
    ]
    assert met(lines) == {
        ("Karbor's CPU, to its own plugin at 1 s", PROTECT, 100): False,
        ("time, to the same work without Karbor", PROTECT, 100): True,
        ("time, to the bare client", PROTECT, 100): False,
        ("time, to Karbor's own plugin at 1 s", PROTECT, 100): True,
        ("requests a share", PROTECT, 100): True,
    }


def test_without_access_rules_a_share_may_cost_one_request_less():
    lines = rounds(OURS, 1.0, requests={"POST /": 120})
    key = ("requests a share", PROTECT, 100)
    assert met(lines)[key] is True
    assert met(lines, {"record_access_rules": "false"})[key] is False


def test_one_share_is_held_to_seconds_and_twenty_to_karbors_own():
    lines = [
        *rounds(BARE, 0.5, shares=1, work=RESTORE),
        *rounds(OURS, 0.7, shares=1, work=RESTORE),
        *rounds(OURS, 2.0, shares=20, work=RESTORE),
    ]
    assert met(lines) == {
        ("seconds over the bare client", RESTORE, 1): True,
        ("time, to Karbor's own plugin at 1 s", RESTORE, 1): None,
        ("time, to Karbor's own plugin at 1 s", RESTORE, 20): None,
    }
