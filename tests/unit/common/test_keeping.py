# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints stay by the keep rules of a plan: never less than they say, never none."""

import datetime
import zoneinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karbor_manila.common import keep_rules, keeping
from karbor_manila.common.keep_rules import KeepRules
from karbor_manila.common.keeping import Made, decide

NOON = datetime.datetime(2026, 11, 26, 12, tzinfo=datetime.UTC)
ALL = "AB"


def made(
    number: int,
    holds: str = ALL,
    *,
    days: float | None = None,
    perhaps: str = "",
    good: bool = True,
    **fields: Any,
) -> Made:
    """The checkpoint of so many days ago (by default ``number``), by what it holds."""
    age = datetime.timedelta(days=number if days is None else days)
    return Made(
        id=str(number),
        made=NOON - age,
        good=good,
        whole=good and set(holds) == set(ALL),
        holds=frozenset(holds),
        perhaps=frozenset(holds + perhaps),
        **fields,
    )


def rules(zone: str = "UTC", **counts: int) -> KeepRules:
    return KeepRules({f"keep_{name}": count for name, count in counts.items()}, zone)


def staying(them: list[Made], *args: Any, **counts: int) -> list[str]:
    return [item.checkpoint.id for item in decide(them, rules(*args, **counts)) if item.stays]


def why(them: list[Made], **counts: int) -> dict[str, tuple[str, ...]]:
    return {item.checkpoint.id: item.why for item in decide(them, rules(**counts))}


def test_without_a_rule_all_stay() -> None:
    assert staying([made(n) for n in range(9)]) == [str(n) for n in range(9)]


def test_the_last_ones() -> None:
    assert staying([made(n) for n in range(5)], last=2) == ["0", "1"]


def test_of_a_day_the_newest_stays() -> None:
    them = [made(n, days=n / 4) for n in range(12)]  # from noon, every six hours
    assert staying(them, daily=2) == ["0", "3"]


def test_the_rules_add_up_and_each_says_what_it_keeps() -> None:
    said = why([made(n) for n in range(40)], daily=2, weekly=2, monthly=2)
    assert {each for each, kept in said.items() if kept} == {"0", "1", "4", "26"}
    assert said["0"] == ("daily 2026-11-26", "weekly 2026-W48", "monthly 2026-11",
                         keeping.NEWEST, keeping.NEWEST_WHOLE)  # fmt: skip
    assert said["4"] == ("weekly 2026-W47",)
    assert said["26"] == ("monthly 2026-10",)


def test_a_schedule_that_stood_still_costs_nothing() -> None:
    them = [made(n) for n in (0, 90, 91, 92, 400)]
    assert staying(them, daily=3) == ["0", "90", "91"]


def test_a_share_that_is_missing_from_the_newer_ones_keeps_as_many_of_its_own() -> None:
    them = [made(0, "A"), made(1, "A"), made(2, "A"), made(3), made(4), made(5), made(6)]
    assert staying(them, daily=2) == ["0", "1", "3", "4"]


def test_a_failed_one_is_no_good_one_of_its_day_and_stays() -> None:
    them = [made(0, good=False), made(1), made(2), made(3)]
    assert staying(them, daily=2) == ["0", "1", "2"]


def test_partial_ones_push_out_no_whole_one() -> None:
    them = [made(0, "A"), made(1, "B"), made(2, "A"), made(3)]
    assert staying(them, last=1) == ["0", "1", "3"]


def test_one_that_is_stamped_later_than_now_stays_says_so_and_counts_for_nothing() -> None:
    them = [made(-30, ahead=True), made(0), made(1), made(2)]
    assert staying(them, last=1) == ["-30", "0"]
    assert staying(them, daily=2) == ["-30", "0", "1"]
    assert why(them, last=1)["-30"] == ("stamped later than now",)
    assert why(them, last=1)["0"][-1] == keeping.NEWEST_WHOLE


def test_a_held_one_stays_and_counts_for_nothing() -> None:
    them = [made(0, held=True), made(1), made(2), made(3)]
    assert staying(them, last=1) == ["0", "1"]
    assert why(them, last=1)["0"] == (keeping.HELD,)


def test_copies_are_counted_for_themselves() -> None:
    them = [made(0, is_copy=True), made(1, is_copy=True), made(2), made(3)]
    assert staying(them, last=1) == ["0", "2"]


def test_what_it_holds_for_certain_alone_speaks_for_others() -> None:
    them = [made(0, "A", perhaps="B"), made(1), made(2, "A", perhaps="B"), made(3)]
    assert staying(them, last=1) == ["0", "1"]
    assert "perhaps last 1" in why(them, last=1)["0"]
    assert staying(them[:1] + them[2:], last=1) == ["0", "2", "3"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Auckland"])
def test_the_zone_decides_which_day_it_was(zone: str) -> None:
    """Around the clock of two days on which summer time begins or ends, and of others."""
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    them = [
        Made(str(n), start + datetime.timedelta(hours=n), True, True, *[frozenset("A")] * 2)
        for n in range(24 * 365)
    ]
    kept = [
        item.checkpoint
        for item in decide(them, rules(zone, daily=400))
        if item.stays and item.checkpoint.id != str(24 * 365 - 1)
    ]
    local = [item.made.astimezone(zoneinfo.ZoneInfo(zone)) for item in kept]
    assert len({moment.date() for moment in local}) == len(local) >= 364
    assert {moment.hour for moment in local} == {23}


def made_ones() -> st.SearchStrategy[list[Made]]:
    one = st.builds(
        lambda number, days, holds, perhaps, good, copy, held: made(
            number, holds, days=days, perhaps=perhaps, good=good, is_copy=copy, held=held
        ),
        st.integers(0, 10_000),
        st.floats(0, 900, allow_nan=False),
        st.text("AB", max_size=2),
        st.sampled_from(["", "", "", "B"]),
        st.booleans(),
        st.sampled_from([False, False, True]),
        st.sampled_from([False, False, False, True]),
    )
    return st.lists(one, max_size=25, unique_by=lambda item: item.id)


RULES = st.dictionaries(st.sampled_from(list(keep_rules.PARTS)), st.integers(1, 6), min_size=1)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])


def newest(them: list[Made], resource: str) -> str | None:
    """The newest that holds a resource, of good originals that nobody holds."""
    fitting = [
        item
        for item in them
        if item.good and not item.held and not item.is_copy and resource in item.holds
    ]
    return max(fitting, key=lambda item: (item.made, item.id)).id if fitting else None


@given(made_ones(), RULES, ZONES)
def test_the_newest_of_each_share_and_the_newest_whole_one_stay(
    them: list[Made], counts: dict[str, int], zone: str
) -> None:
    verdicts = decide(them, KeepRules(counts, zone))
    stay = {item.checkpoint.id for item in verdicts if item.stays}
    assert {newest(them, "A"), newest(them, "B")} <= stay | {None}
    whole = [i for i in them if i.whole and not i.held and not i.is_copy]
    if whole:
        assert max(whole, key=lambda item: (item.made, item.id)).id in stay
    assert {item.id for item in them if item.held or not item.good} <= stay


@given(made_ones(), RULES, ZONES, st.randoms(use_true_random=False))
def test_whatever_the_order_of_events_nothing_goes_that_a_rule_keeps_at_the_end(
    them: list[Made], counts: dict[str, int], zone: str, order: Any
) -> None:
    """Checkpoints are made one after the other, a run of the rules comes or does not, and it is
    killed after any of its removals: what all of them together would keep is still there."""
    asked = KeepRules(counts, zone)
    there: list[Made] = []
    for item in sorted(them, key=lambda item: (item.made, item.id)):
        there.append(item)
        going = [each.checkpoint for each in decide(there, asked) if not each.stays]
        order.shuffle(going)
        for gone in going[: order.randint(0, len(going))]:
            there.remove(gone)
    kept_of_all = {item.checkpoint.id for item in decide(them, asked) if item.stays}
    assert kept_of_all <= {item.id for item in there}


@given(made_ones(), RULES, ZONES)
def test_a_second_run_finds_nothing_to_do(
    them: list[Made], counts: dict[str, int], zone: str
) -> None:
    asked = KeepRules(counts, zone)
    left = [item.checkpoint for item in decide(them, asked) if item.stays]
    assert all(item.stays for item in decide(left, asked))


@given(made_ones(), RULES, ZONES)
def test_a_larger_count_removes_nothing_that_a_smaller_one_keeps(
    them: list[Made], counts: dict[str, int], zone: str
) -> None:
    more = {name: count + 1 for name, count in counts.items()}

    def kept(asked: dict[str, int]) -> set[str]:
        return {v.checkpoint.id for v in decide(them, KeepRules(asked, zone)) if v.stays}

    assert kept(counts) <= kept(more)
