# SPDX-License-Identifier: Apache-2.0
"""What goes into our bank comes out of it equal and of the same type, or does not go in."""

import collections
import datetime
import enum
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_serialization import jsonutils

from karbor_manila.bank.filesystem.encoding import decode, encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
TEXTS = ["", "123", "null", "true", '{"a": 1}', "[]", '"quoted"', "NaN", " ", "\n", "a\r\nb", "ü\0"]


def same(one: Any, other: Any) -> bool:
    """Equal, and of equal types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(VALUES)
def test_what_json_can_say_comes_back_as_it_was_or_is_refused(value):
    try:
        content = encode(value)
    except ValueError:
        # JSON joins two halves of a character, when they stand apart in a string.
        assert "\\ud" in repr(value)
    else:
        assert same(decode(content), value)


@given(st.binary())
def test_bytes_come_back_as_bytes(value):
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize("text", TEXTS)
def test_a_string_that_looks_like_something_else_stays_a_string(text):
    assert same(decode(encode(text)), text)


@given(VALUES)
def test_what_ours_writes_is_what_karbors_own_bank_reads(value):
    try:
        content = encode(value)
    except ValueError:
        return
    assert same(jsonutils.loads(content.decode("utf-8")), value)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_the_strings_of_karbors_own_bank_are_read_as_it_reads_them(text):
    try:
        expected = jsonutils.loads(text)
    except ValueError:
        expected = text
    found = decode(text.encode("utf-8"))
    assert same(found, expected) or math.isnan(found)


@given(VALUES)
def test_the_values_of_karbors_own_bank_are_read(value):
    content = value if isinstance(value, str) else jsonutils.dumps(value)
    try:
        expected = jsonutils.loads(content)
    except ValueError:
        expected = content
    try:
        raw = content.encode("utf-8")
    except UnicodeEncodeError:
        return  # nor could Karbor write it
    if raw:
        found = decode(raw)
        assert same(found, expected) or math.isnan(found)


def deep(levels: int) -> Any:
    value: Any = []
    for _level in range(levels):
        value = [value]
    return value


def circle() -> Any:
    value: dict[str, Any] = {}
    value["again"] = value
    return value


@pytest.mark.parametrize(
    "value",
    [
        {1: "a"},
        {"a": {None: 1}},
        {True: 1},
        {1.5: 1},
        {1: "a", "1": "b"},
        {("a",): 1},
        {1, 2},
        frozenset(),
        math.nan,
        {"a": [math.nan]},
        object(),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        1j,
        bytearray(b"a"),
        {"a": b"bytes"},
        [memoryview(b"a")],
        iter([]),
        10**5000,
        "\ud83d\ude00",
        {"\ud83d\ude00": 1},
        deep(200_000),
        circle(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_come_back_as_something_else_is_refused(value):
    with pytest.raises(ValueError, match="the value"):
        encode(value)


def test_a_tuple_comes_back_as_a_list_as_with_karbors_banks():
    assert same(decode(encode({"a": (1, ("b",))})), {"a": [1, ["b"]]})
    assert jsonutils.loads(jsonutils.dumps({"a": (1, ("b",))})) == {"a": [1, ["b"]]}


def test_a_subclass_comes_back_as_its_plain_type():
    class Level(enum.IntEnum):
        HIGH = 3

    class Name(str):
        __slots__ = ()

    given_value = collections.OrderedDict(b=Level.HIGH, a=Name("n"))
    assert same(decode(encode(given_value)), {"b": 3, "a": "n"})


@pytest.mark.parametrize(
    "number", [math.inf, -math.inf, -0.0, 5e-324, 1e308, 10**400, True, 1, 1.0]
)
def test_numbers_at_their_limits_come_back(number):
    assert same(decode(encode(number)), number)
    assert str(decode(encode(number))) == str(number)  # the sign of zero


def test_an_empty_object_is_told_from_an_empty_string():
    assert decode(encode("")) == ""
    with pytest.raises(ValueError, match="empty: Karbor's own bank was stopped"):
        decode(b"")


@pytest.mark.parametrize("content", [b"\xff", b"\xffkarbor-manila", b"a\x80", b"[" * 200_000])
def test_what_neither_bank_wrote_is_an_error(content):
    with pytest.raises(ValueError, match="the object is"):
        decode(content)
