# SPDX-License-Identifier: Apache-2.0
"""Choosing ports."""

import socket

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
