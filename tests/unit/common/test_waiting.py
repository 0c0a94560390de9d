# SPDX-License-Identifier: Apache-2.0
"""What the resources of a flow share is made once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from karbor_manila.common.waiting import Once
from karbor_manila.manila.errors import ManilaTransient
from tests.unit.common.stage import BUSY, Attempts

# -- Once -----------------------------------------------------------------------------------------


def at_the_same_time(number, action):
    """What ``action`` returned or raised in each of so many threads."""
    everybody = threading.Barrier(number)

    def run(_):
        everybody.wait(timeout=30)
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_once_is_once_however_many_ask():
    once, made = Once(), []

    def make():
        made.append(threading.get_ident())
        return object()

    results = at_the_same_time(16, lambda: once("key", make))
    assert len(made) == 1
    assert len(set(map(id, results))) == 1


def test_an_error_is_shared_like_a_result():
    once, made = Once(), []

    def make():
        made.append(1)
        raise BUSY

    assert at_the_same_time(16, lambda: once("key", make)) == [BUSY] * 16
    assert len(made) == 1


def test_what_came_of_it_stays():
    once = Once()
    assert once("key", lambda: "first") == "first"
    assert once("key", lambda: "second") == "first"


@pytest.mark.parametrize("result", [None, False, [], ""])
def test_nothing_is_a_result_too(result):
    once, made = Once(), []
    for _ in range(2):
        assert once("key", lambda: (made.append(1), result)[1]) == result
    assert made == [1]


def test_every_key_is_for_itself():
    once = Once()
    assert [once(key, lambda key=key: key) for key in ("a", ("a", 1), "b")] == ["a", ("a", 1), "b"]


def test_while_one_key_is_made_another_can_be():
    once = Once()
    assert once("outer", lambda: once("inner", lambda: "both")) == "both"


def test_peeking_makes_nothing():
    once = Once()
    assert once.peek("key") is None
    once("key", lambda: "made")
    assert once.peek("key") == "made"


def test_peeking_at_an_error_is_peeking_at_nothing():
    once = Once()
    with pytest.raises(ManilaTransient):
        once("key", Attempts(BUSY))
    assert once.peek("key") is None
