# SPDX-License-Identifier: Apache-2.0
"""What is shown of an answer: never a token, never a novel, otherwise unchanged."""

import pytest
import requests.exceptions

from tests.unit.manila.wire import EVERY_KIND, TOKEN, answers, ask, error_of, fault


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 503},
        {"status_code": 401},
        {"status_code": 413},
        {"exc": requests.exceptions.ConnectTimeout("no answer")},
        {"exc": requests.exceptions.SSLError("self-signed")},
    ],
)
@EVERY_KIND
def test_no_token_is_in_any_text(manila, requests_mock, do, answer, caplog):
    caplog.set_level("DEBUG")
    sent = answers(requests_mock, **answer)
    error = error_of(lambda: do(manila))
    assert sent.last_request.headers["X-Auth-Token"] == TOKEN
    while error is not None:
        assert TOKEN not in f"{error} {error!r}"
        error = error.__cause__
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        f"upstream got X-Auth-Token: {TOKEN} and gave up",
        f"X-Service-Token={TOKEN}",
        f'headers: {{"x-subject-token": "{TOKEN}"}}',
        f"token {TOKEN} is not known here",
        "X-Auth-Token: 0123456789abcdef is not known here",
    ],
)
@pytest.mark.parametrize("status", [400, 503])
def test_a_token_that_somebody_repeats_is_not_told(manila, requests_mock, said, status):
    answers(requests_mock, status_code=status, json={"fault": {"message": said}})
    told = str(error_of(lambda: ask(manila)))
    assert TOKEN not in told
    assert "0123456789abcdef" not in told
    assert "***" in told


def test_a_novel_is_cut_short(manila, requests_mock):
    answers(requests_mock, status_code=400, json={"fault": {"message": "x" * 100_000}})
    assert len(str(error_of(lambda: ask(manila)))) < 2000


def test_what_manila_says_is_told_unchanged(manila, requests_mock):
    said = "Share type 'gold' (token bucket) of project 0c5c2f7f7fe5 has no snapshot_support"
    answers(requests_mock, status_code=422, json=fault(422, said))
    assert error_of(lambda: ask(manila)).answer == said
