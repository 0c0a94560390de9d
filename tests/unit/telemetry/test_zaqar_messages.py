# SPDX-License-Identifier: Apache-2.0
"""Events as messages: none is too large for Zaqar, and no request is."""

import json

import pytest

from karbor_manila.telemetry import zaqar_messages
from karbor_manila.telemetry.events import ShareEvent

SIZE = 4096


def event(**fields):
    ids = {"provider_id": "provider", "checkpoint_id": "cp", "project_id": "p", "share_id": "share"}
    return ShareEvent(**{"operation": "protect", "phase": "end", **ids, **fields})


def size_of(batch):
    """Bytes of the request as python-zaqarclient makes it."""
    return len(json.dumps({"messages": batch}))


def test_a_message_is_the_event_as_everybody_gets_it():
    told = event(reason="because", seconds=1.5)
    assert zaqar_messages.message(told, ttl=60, size=SIZE) == {"ttl": 60, "body": told.as_dict()}


def test_an_event_that_does_not_fit_is_cut_to_its_ids_and_says_so():
    told = event(reason="é" * 1000)
    whole = told.as_dict()
    body = zaqar_messages.message(told, ttl=60, size=SIZE)["body"]
    assert body["truncated"] is True
    assert body["payload"] == {
        name: value for name, value in whole["payload"].items() if name.endswith("_id")
    }
    assert body["payload"]["checkpoint_id"] == "cp"
    for name in ("event_type", "version", "event_id", "at", "host"):
        assert body[name] == whole[name]


def test_an_event_that_just_fits_is_whole():
    told = event(reason="r" * 900)
    exact = size_of([{"ttl": 60, "body": told.as_dict()}])
    assert "truncated" not in zaqar_messages.message(told, ttl=60, size=exact)["body"]
    assert zaqar_messages.message(told, ttl=60, size=exact - 1)["body"]["truncated"]


@pytest.mark.parametrize("most", [1, 3, 7, 100])
def test_requests_keep_the_order_and_neither_limit_is_exceeded(most):
    messages = [{"ttl": 60, "body": {"n": n, "text": "x" * (n * 37 % 900)}} for n in range(60)]
    batches = list(zaqar_messages.requests(messages, most=most, size=SIZE))
    assert [each for batch in batches for each in batch] == messages
    assert all(batch and len(batch) <= most and size_of(batch) <= SIZE for batch in batches)


def test_a_request_is_filled_as_far_as_it_goes():
    each = {"ttl": 60, "body": "x" * 100}
    three = size_of([each] * 3)
    counts = [len(b) for b in zaqar_messages.requests([each] * 7, most=100, size=three + 2)]
    assert counts == [3, 3, 1]


def test_what_never_fits_is_alone():
    small, large = {"body": "x"}, {"body": "x" * SIZE}
    found = list(zaqar_messages.requests([small, large, small], most=9, size=SIZE))
    assert found == [[small], [large], [small]]


def test_nothing_is_no_request():
    assert list(zaqar_messages.requests([], most=9, size=SIZE)) == []
