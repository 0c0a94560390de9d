# SPDX-License-Identifier: Apache-2.0
"""How answers are sorted into transient and permanent errors."""

import pytest
import requests.exceptions

from karbor_manila.manila import client
from karbor_manila.manila.errors import (
    ManilaRefused,
    ManilaTransient,
)
from tests.unit.manila.wire import EVERY_KIND, answers, ask, create, error_of, fault


@EVERY_KIND
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_a_server_in_trouble_is_worth_another_try(manila, requests_mock, do, status):
    answers(requests_mock, status_code=status)
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaTransient)
    assert f"HTTP {status}" in error.cause
    assert error.retry_after == 0


@EVERY_KIND
@pytest.mark.parametrize("status", [429, 503])
def test_manilas_wish_to_be_left_alone_is_kept(manila, requests_mock, do, status):
    answers(requests_mock, status_code=status, headers={"Retry-After": "17"})
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaTransient)
    assert error.retry_after == 17.0


@pytest.mark.parametrize("value", ["Fri, 20 Nov 2026 12:00:00 GMT", "soon", ""])
def test_a_wish_that_is_no_number_of_seconds_is_none(manila, requests_mock, value):
    answers(requests_mock, status_code=503, headers={"Retry-After": value})
    error = error_of(lambda: ask(manila))
    assert isinstance(error, ManilaTransient)
    assert error.retry_after == 0.0


def test_a_refusal_with_such_a_wish_is_a_refusal(manila, requests_mock):
    answers(requests_mock, status_code=409, headers={"Retry-After": "17"}, json=fault(409))
    assert isinstance(error_of(lambda: ask(manila)), ManilaRefused)


@EVERY_KIND
@pytest.mark.parametrize(
    "lost",
    [
        requests.exceptions.ConnectionError("reset by peer"),
        requests.exceptions.ConnectTimeout("no answer"),
        requests.exceptions.ReadTimeout("no answer"),
        requests.exceptions.ChunkedEncodingError("cut short"),
        requests.exceptions.ContentDecodingError("not gzip"),
    ],
)
def test_a_broken_connection_is_worth_another_try(manila, requests_mock, do, lost):
    answers(requests_mock, exc=lost)
    assert isinstance(error_of(lambda: do(manila)), ManilaTransient)


@EVERY_KIND
def test_a_certificate_that_is_not_accepted_is_final(manila, requests_mock, do):
    answers(requests_mock, exc=requests.exceptions.SSLError("self-signed"))
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaRefused)
    assert "certificate" in str(error)


@EVERY_KIND
@pytest.mark.parametrize("status", [400, 401, 403, 405, 409, 413, 422])
def test_a_no_is_final_and_told_in_manilas_words(manila, requests_mock, do, status):
    answers(
        requests_mock,
        status_code=status,
        headers={"x-openstack-request-id": "req-7"},
        json=fault(status, "Share is busy."),
    )
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaRefused)
    assert (error.status, error.request_id) == (status, "req-7")


def test_a_quota_that_is_used_up_is_final_with_its_reason(manila, requests_mock):
    said = "SnapshotLimitExceeded: Maximum number of allowed snapshots (2) exceeded"
    answers(
        requests_mock,
        status_code=413,
        headers={"Content-Type": "application/json", "Retry-After": "0"},
        json={"overLimit": {"code": 413, "message": said, "retryAfter": "0"}},
    )
    error = error_of(lambda: create(manila))
    assert isinstance(error, ManilaRefused)
    assert (error.status, error.answer) == (413, said)
    assert "snapshot share a" in str(error)


@pytest.mark.parametrize("status", [400, 503])
def test_manilas_words_reach_the_sentence(manila, requests_mock, status):
    answers(
        requests_mock,
        status_code=status,
        headers={"Content-Type": "application/json"},
        json=fault(status, "The backend is on fire."),
    )
    assert "The backend is on fire" in str(error_of(lambda: ask(manila)))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>Bad Gateway</html>",
        "[]",
        "null",
        '"text"',
        '{"fault": "text"}',
        "{}",
    ],
)
@pytest.mark.parametrize("status", [502, 400])
def test_an_error_without_words_is_not_manilas(manila, requests_mock, body, status):
    answers(
        requests_mock, status_code=status, text=body, headers={"Content-Type": "application/json"}
    )
    assert isinstance(error_of(lambda: ask(manila)), ManilaTransient)


@pytest.mark.parametrize("do", [ask, create])
@pytest.mark.parametrize("body", ["", "<html>", '{"snapshot": {"id": "s', "[]", "null", "7"])
def test_an_answer_that_cannot_be_read_is_worth_another_try(manila, requests_mock, do, body):
    answers(requests_mock, text=body)
    assert isinstance(error_of(lambda: do(manila)), ManilaTransient)


@pytest.mark.parametrize(
    "do",
    [
        ask,
        create,
        lambda manila: manila.shares(),
        lambda manila: manila.share("x"),
        client.Manila.messages,
    ],
)
def test_an_answer_without_what_was_asked_for_is_an_error_of_ours(manila, requests_mock, do):
    answers(requests_mock, json={"error": "of a proxy"})
    assert isinstance(error_of(lambda: do(manila)), ManilaTransient)


@EVERY_KIND
@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 503},
        {"status_code": 401},
        {"exc": requests.exceptions.ConnectTimeout},
    ],
)
def test_nothing_is_repeated_behind_the_callers_back(manila, requests_mock, do, answer):
    sent = answers(requests_mock, **answer)
    error_of(lambda: do(manila))
    assert sent.call_count == 1
