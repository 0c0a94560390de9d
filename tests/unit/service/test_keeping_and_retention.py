# SPDX-License-Identifier: Apache-2.0
"""What keep rules remove is what retention, which has a rule of its own, might remove as well."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from karbor_manila.common import keep_rules, keeping
from karbor_manila.common import retention as rules
from karbor_manila.common.keep_rules import KeepRules
from karbor_manila.common.keeping import Made
from karbor_manila.common.retention import Kept

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def made(number: int, days: float, holds: str, perhaps: str, good: bool, copy: bool) -> Made:
    held = frozenset(holds)
    return Made(
        id=str(number),
        made=START + datetime.timedelta(days=days),
        good=good,
        whole=good and held == frozenset("AB"),
        holds=held,
        perhaps=held | frozenset(perhaps),
        is_copy=copy,
    )


def as_kept(item: Made) -> Kept:
    day = item.made.date()
    return Kept(item.id, day, item.good, item.whole, item.holds, item.perhaps, item.is_copy)


ONE = st.builds(
    made,
    st.integers(0, 10_000),
    st.floats(0, 400, allow_nan=False),
    st.text("AB", max_size=2),
    st.sampled_from(["", "", "", "A", "B"]),
    st.booleans(),
    st.booleans(),
)


@given(
    st.lists(ONE, max_size=25, unique_by=lambda item: item.id),
    st.dictionaries(st.sampled_from(list(keep_rules.PARTS)), st.integers(1, 4), min_size=1),
)
def test_nothing_goes_of_which_no_newer_one_that_stays_holds_all(
    them: list[Made], counts: dict[str, int]
) -> None:
    newer: list[Kept] = []
    for verdict in keeping.decide(them, KeepRules(counts)):
        if verdict.stays:
            newer.append(as_kept(verdict.checkpoint))
        else:
            assert rules.may_go(as_kept(verdict.checkpoint), newer)
