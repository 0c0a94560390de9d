# SPDX-License-Identifier: Apache-2.0
"""What objects of our banks look like, and those of Karbor's banks and of tools that copy."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_serialization import jsonutils

from karbor_manila.bank.objects.store import Found
from karbor_manila.bank.objects.values import decode, encode

VALUES = [{"a": [1, None]}, [], "", "123", '{"a": 1}', "ü", 0, 1.5, True, None]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_karbors_bank_reads_what_ours_wrote(value):
    found = encode(value)
    assert found.labels["serialized"] == "True"
    assert jsonutils.loads(found.content) == value  # swift_bank_plugin.py, _get_object


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_ours_reads_what_karbors_bank_wrote(value):
    serialized = not isinstance(value, str)
    content = jsonutils.dumps(value) if serialized else value
    back = decode(Found(content.encode(), {"serialized": str(serialized)}))
    assert (back, type(back)) == (value, type(value))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_a_tool_copied_without_its_labels_is_the_same(value):
    assert decode(Found(encode(value).content, {})) == value


def test_text_of_karbors_bank_without_its_labels_is_text():
    name = "5f2c2e1c-0000-4000-8000-000000000000"
    assert decode(Found(name.encode(), {})) == name


@given(st.binary())
def test_bytes_are_what_they_are(value):
    found = encode(value)
    assert found.content == value
    assert decode(found) == value


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"", {"serialized": "True"}),
        (b'{"a": ', {"serialized": "True"}),
        (b"", {}),
        (b"\xff\xfe", {"serialized": "False"}),
        (b"[" * 200_000, {"serialized": "True"}),
    ],
)
def test_what_is_no_value_is_an_error(content, labels):
    with pytest.raises(ValueError):  # noqa: PT011 - each says another thing
        decode(Found(content, labels))


@pytest.mark.parametrize("value", [{1: 2}, {3}, float("nan"), {"a": b"b"}, "\ud800\udc00"])
def test_what_would_come_back_as_something_else_is_refused(value):
    with pytest.raises(ValueError, match="the value"):
        encode(value)


def test_a_lone_half_of_a_character_comes_back():
    assert decode(encode("\ud800")) == "\ud800"
    assert json.loads(encode("\ud800").content) == "\ud800"
