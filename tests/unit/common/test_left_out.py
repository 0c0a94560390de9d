# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint does not hold: faults come first, and are told from what is no fault."""

from hypothesis import given
from hypothesis import strategies as st
from oslo_serialization import jsonutils

from karbor_manila.common import left_out
from karbor_manila.common.left_out import LeftOut

KINDS = (left_out.BROKEN, left_out.GONE, left_out.NOT_SUPPORTED, left_out.EXCLUDED)


def item(number: int, kind: str) -> LeftOut:
    return LeftOut("a type", str(number), f"name of {number}", "why", kind)


@given(st.lists(st.sampled_from(KINDS), max_size=3 * left_out.MOST_NAMED))
def test_no_number_of_harmless_gaps_hides_that_something_is_broken(kinds: list[str]) -> None:
    stored = jsonutils.loads(
        jsonutils.dumps(left_out.dump(item(n, kind) for n, kind in enumerate(kinds)))
    )
    assert bool(left_out.broken({left_out.KEY: stored})) == (left_out.BROKEN in kinds)
    named = [entry for entry in stored if "kind" in entry]
    counted = [int(entry["reason"].split()[1]) for entry in stored if "kind" not in entry]
    assert len(named) <= left_out.MOST_NAMED
    assert len(named) + sum(counted) == len(kinds)


def test_what_is_left_out_is_known_by_karbors_keys() -> None:
    info = {left_out.KEY: [*left_out.dump([item(7, left_out.GONE)]), {"reason": "and 3 more"}, "x"]}
    assert "a type#7" in left_out.keys(info)
    assert left_out.keys({}) == frozenset()


def test_what_earlier_releases_left_out_is_no_fault() -> None:
    """They wrote no kind, and a sentence tells nothing to a program."""
    old = {"type": "a type", "id": "a", "name": None, "reason": "its status is error"}
    assert left_out.broken({left_out.KEY: [old]}) == []


def test_an_extra_info_of_a_tenants_own_is_no_fault() -> None:
    for given_by_hand in (None, "broken", {"kind": "broken"}, ["broken", 7]):
        assert left_out.broken({left_out.KEY: given_by_hand}) == []
    assert left_out.broken({}) == []
