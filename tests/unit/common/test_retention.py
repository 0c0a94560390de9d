# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints may go: the rule, without Karbor."""

import datetime
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karbor_manila.common.retention import Decision, Kept, Rules, decide, may_go

TODAY = datetime.date(2026, 11, 26)
ALL = "ABC"


def kept(
    number: int,
    holds: str = ALL,
    *,
    perhaps: str = "",
    good: bool = True,
    whole: bool | None = None,
    age: int = 0,
    is_copy: bool = False,
    held: bool = False,
    ahead: bool = False,
) -> Kept:
    """A checkpoint by what it holds: a letter for each share. It is whole when it holds all."""
    return Kept(
        id=str(number),
        day=TODAY - datetime.timedelta(days=age),
        good=good,
        whole=good and set(holds) == set(ALL) if whole is None else whole,
        holds=frozenset(holds),
        perhaps=frozenset(holds + perhaps),
        is_copy=is_copy,
        held=held,
        ahead=ahead,
    )


def decided(them: list[Kept], **rules: Any) -> tuple[str, str, str]:
    """The numbers of those that stay, go and are cleared, the newest first."""
    decision = decide(them, Rules(**rules), TODAY)
    return (
        "".join(item.id for item in decision.staying),
        "".join(item.id for item in decision.going),
        "".join(item.id for item in decision.failed),
    )


def test_of_equal_checkpoints_the_newest_stay_as_in_karbor() -> None:
    assert decided([kept(n) for n in range(5)], most=2) == ("01", "234", "")


def test_what_is_held_stays_and_nothing_goes_for_it() -> None:
    newest_held = [kept(4, held=True), kept(3), kept(2), kept(1)]
    assert decided(newest_held, most=2) == ("432", "1", "")
    oldest_held = [kept(4), kept(3), kept(2), kept(1, held=True, age=99)]
    assert decided(oldest_held, most=2, days=7) == ("431", "2", "")
    failed = [kept(3), kept(2, good=False, held=True), kept(1, good=False)]
    assert decided(failed, most=1) == ("3", "", "1")


def test_what_is_stamped_later_than_now_stays_and_nothing_goes_for_it() -> None:
    ahead = kept(9, ahead=True, age=-30)
    assert decided([ahead, kept(3), kept(2), kept(1)], most=2) == ("932", "1", "")
    assert decided([ahead, kept(1, age=99)], most=1, days=7) == ("91", "", "")
    assert decided([kept(9, ahead=True, good=False), kept(1)], most=1) == ("1", "", "")
    assert not may_go(kept(1), [ahead])
    assert not may_go(ahead, [kept(2)])


def test_whatever_retention_asks_for_what_is_held_does_not_go_and_speaks_for_none() -> None:
    assert not may_go(kept(1, held=True), [kept(2)])
    assert not may_go(kept(1), [kept(2, held=True)])
    assert may_go(kept(1), [kept(2, held=True), kept(3)])


def test_by_age_the_older_ones_go_as_in_karbor() -> None:
    them = [kept(n, age=age) for n, age in enumerate((0, 13, 14, 15, 16))]
    assert decided(them, days=14) == ("012", "34", "")


def test_without_a_limit_nothing_good_goes() -> None:
    assert decided([kept(n, age=1000) for n in range(5)]) == ("01234", "", "")


def test_a_share_that_is_missing_from_the_newer_ones_keeps_its_last_checkpoint() -> None:
    """A project plan with a share in error: three runs later nothing was left of it."""
    them = [kept(0, "AB"), kept(1, "AB"), kept(2, "AB"), kept(3), kept(4)]
    assert decided(them, most=1) == ("03", "124", "")


def test_partial_ones_push_out_no_whole_one() -> None:
    them = [kept(0, "AB"), kept(1, "AB"), kept(2, "AB"), kept(3), kept(4), kept(5)]
    assert decided(them, most=2) == ("0134", "25", "")


def test_the_newest_whole_one_stays_though_newer_ones_hold_each_of_its_shares() -> None:
    them = [kept(0, "AB"), kept(1, "BC"), kept(2, "AC"), kept(3), kept(4)]
    stay, go, _failed = decided(them, most=1)
    assert "3" in stay
    assert go == "24"


def test_a_checkpoint_that_holds_nothing_pushes_nothing_out() -> None:
    them = [kept(0, ""), kept(1, ""), kept(2), kept(3)]
    assert decided(them, most=1) == ("2", "013", "")


def test_a_lost_snapshot_does_not_count() -> None:
    them = [kept(0, "AB"), kept(1), kept(2)]
    assert decided(them, most=1) == ("01", "2", "")


def test_what_may_be_there_is_kept_and_does_not_count() -> None:
    them = [kept(0, "AB", perhaps="C"), kept(1, "AB", perhaps="C"), kept(2), kept(3)]
    assert decided(them, most=1) == ("012", "3", "")


@pytest.mark.parametrize("most", [1, 2])
def test_copies_push_out_no_original_and_are_counted_for_themselves(most: int) -> None:
    copies = [kept(n, is_copy=True) for n in range(3)]
    originals = [kept(n) for n in range(3, 6)]
    stay, go, _failed = decided(copies + originals, most=most)
    assert stay == "012"[:most] + "345"[:most]
    assert go == "012"[most:] + "345"[most:]


def test_age_never_takes_the_last_good_one() -> None:
    """Failed runs make nothing young, and age went on."""
    them = [kept(0, "", good=False), kept(1, age=50), kept(2, age=51)]
    assert decided(them, days=7) == ("1", "2", "")


def test_age_never_takes_the_last_one_of_a_share() -> None:
    them = [kept(0, "AB", whole=True), kept(1, "AB", whole=True, age=30), kept(2, age=60)]
    assert decided(them, days=7) == ("02", "1", "")


def test_a_failed_one_goes_once_newer_good_ones_hold_what_it_keeps() -> None:
    them = [kept(0, "A"), kept(1, "B"), kept(2, "AB", good=False)]
    assert decided(them, most=5) == ("01", "", "2")
    assert decided(them[1:], most=5) == ("1", "", "")


def test_failed_runs_alone_keep_no_more_of_a_share_than_was_asked_for() -> None:
    """One of three shares deleted: each run failed, and kept the other two for ever."""
    them = [kept(n, "AB", good=False) for n in range(5)]
    assert decided(them, most=2) == ("", "", "234")


def test_failed_ones_push_out_no_good_one() -> None:
    them = [kept(0, good=False), kept(1, good=False), kept(2), kept(3)]
    assert decided(them, most=1) == ("2", "3", "1")


def test_a_failed_one_that_keeps_nothing_tells_its_reason_until_a_newer_one_has_ended() -> None:
    assert decided([kept(0, "", good=False), kept(1)], most=5) == ("1", "", "")
    assert decided([kept(0), kept(1, "", good=False)], most=5) == ("0", "", "1")


def test_old_failed_ones_go_by_age_when_a_newer_one_holds_the_same() -> None:
    them = [kept(0, "AB", good=False, age=3), kept(1, "AB", good=False, age=30)]
    assert decided(them, days=7) == ("", "", "1")
    assert decided(them[1:], days=7) == ("", "", "")


def test_nothing_that_somebody_works_with_goes() -> None:
    going, failed = kept(1), kept(2, good=False)
    decision = Decision([kept(0)], [going, kept(3)], [failed])
    assert decision.without({"1", "2"}) == Decision([kept(0)], [kept(3)], [])


# -- for any checkpoints ----------------------------------------------------------------------

letters = st.text(alphabet=ALL, max_size=3)
checkpoints = st.lists(
    st.builds(
        lambda holds, perhaps, good, age, is_copy: (holds, perhaps, good, age, is_copy),
        letters, letters, st.booleans(), st.integers(0, 40), st.booleans(),
    ),
    max_size=14,
).map(
    lambda them: [
        kept(n, holds, perhaps=perhaps, good=good, age=age, is_copy=is_copy)
        for n, (holds, perhaps, good, age, is_copy) in enumerate(sorted(them, key=lambda t: t[3]))
    ]
)  # fmt: skip
rules = st.builds(Rules, most=st.none() | st.integers(1, 4), days=st.none() | st.integers(1, 40))


def holders(them: list[Kept], share: str, *, good: bool = True) -> list[str]:
    return [
        item.id for item in them if share in item.holds and not item.is_copy and item.good >= good
    ]


@given(checkpoints, rules)
def test_what_goes_takes_the_newest_of_nothing_with_it(them: list[Kept], rule: Rules) -> None:
    decision = decide(them, rule, TODAY)
    gone = {item.id for item in decision.going + decision.failed}
    left = [item for item in them if item.id not in gone]
    for share in ALL:
        assert holders(left, share)[:1] == holders(them, share)[:1]
        assert holders(left, share, good=False)[:1] == holders(them, share, good=False)[:1]
    whole = [item.id for item in them if item.whole and not item.is_copy]
    assert whole[:1] == [item.id for item in left if item.whole and not item.is_copy][:1]


@given(checkpoints, rules)
def test_without_age_the_newest_max_backups_of_each_share_stay(
    them: list[Kept], rule: Rules
) -> None:
    decision = decide(them, Rules(rule.most), TODAY)
    for share in ALL:
        assert holders(decision.staying, share)[: rule.most] == holders(them, share)[: rule.most]


@given(checkpoints, st.integers(1, 4))
def test_what_stays_is_bounded(them: list[Kept], most: int) -> None:
    """By the shares, not by the number of runs."""
    certain = [
        kept(int(item.id), "".join(item.holds), good=item.good, is_copy=item.is_copy)
        for item in them
    ]
    decision = decide(certain, Rules(most), TODAY)
    assert len(decision.staying) <= 2 * (len(ALL) * most + 1)
    failed = [item for item in certain if not item.good and item not in decision.failed]
    assert len(failed) <= 2 * ((len(ALL) + 1) * most)


@given(checkpoints, rules, st.randoms())
def test_each_that_goes_may_still_go_when_its_turn_comes(
    them: list[Kept], rule: Rules, order: random.Random
) -> None:
    """They go one after the other, in no certain order, and each is asked about again."""
    decision = decide(them, rule, TODAY)
    left, going = list(them), decision.going + decision.failed
    order.shuffle(going)
    for item in going:
        assert may_go(item, left[: left.index(item)])
        left.remove(item)


@given(checkpoints)
def test_whatever_retention_asks_for_the_newest_of_a_share_may_not_go(them: list[Kept]) -> None:
    for share in ALL:
        for newest in holders(them, share)[:1]:
            place = int(newest)
            assert not may_go(them[place], them[:place])


@given(checkpoints)
def test_who_asks_is_answered_from_as_few_newer_ones_as_are_needed(them: list[Kept]) -> None:
    def newer() -> Any:
        yield kept(99)
        pytest.fail("asked for more")

    assert all(may_go(item, newer()) for item in them if item.perhaps and not item.is_copy)
