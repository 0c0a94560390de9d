# SPDX-License-Identifier: Apache-2.0
"""Choosing ports."""

import itertools
import socket

import pytest

from sandbox import ports


def test_every_name_has_a_port_of_its_own_that_is_free():
    chosen = ports.choose(["a", "b", "c"])
    assert len(set(chosen.values())) == 3
    assert all(ports.is_free(port) for port in chosen.values())


def test_a_free_port_of_an_earlier_start_is_kept():
    earlier = ports.choose(["a", "b"])
    assert ports.choose(["a", "b"], earlier) == earlier


def test_a_port_that_somebody_took_is_replaced_and_the_others_stay():
    earlier = ports.choose(["a", "b"])
    with socket.socket() as other:
        other.bind((ports.HOST, earlier["a"]))
        other.listen()
        assert not ports.is_free(earlier["a"])
        now = ports.choose(["a", "b"], earlier)
    assert now["a"] not in earlier.values()
    assert now["b"] == earlier["b"]


def test_who_start_at_the_same_moment_choose_from_ranges_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = [ports.share_of(number, 3) for number in range(3)]
    chosen = []
    for share in shares:
        monkeypatch.setenv(ports.RANGE_VARIABLE, share)
        chosen.append(ports.choose([str(name) for name in range(500)]).values())
    assert all(set(one).isdisjoint(other) for one, other in itertools.combinations(chosen, 2))


def test_a_range_that_was_given_is_shared_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ports.RANGE_VARIABLE, "24000-24009")
    assert [ports.share_of(number, 2) for number in range(2)] == ["24000-24004", "24005-24009"]
