# SPDX-License-Identifier: Apache-2.0
"""Only Manila itself says that something is gone or refused."""

import pytest

from karbor_manila.manila.errors import (
    EndpointUnsuitable,
    ManilaRefused,
    ManilaTransient,
)
from tests.unit.manila.wire import ENDPOINT, EVERY_KIND, answers, ask, error_of, fault


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>no such backend</html>"},
        {"json": {"message": "no Route matched with those values"}},  # Kong's
        {"json": {"message": "not found", "code": 404, "title": "Not Found"}},  # webob's
        {"json": {"error": {"code": 404, "message": "not found"}}},
        {"json": {"itemNotFound": {}}},
        {"json": {"itemNotFound": {"code": 400, "message": "of something else"}}},
        {"json": {"itemNotFound": {"code": 404, "message": "x"}, "more": {}}},
        {"json": []},
    ],
)
@pytest.mark.parametrize("do", ["delete_snapshot", "delete_share", "snapshot", "share"])
def test_a_404_that_is_not_manilas_own_is_no_word_that_a_thing_is_gone(
    manila, requests_mock, do, answer
):
    answers(requests_mock, status_code=404, **answer)
    error = error_of(lambda: getattr(manila, do)("x"))
    assert isinstance(error, ManilaTransient)
    assert "not Manila's own" in str(error)


@pytest.mark.parametrize("do", ["delete_snapshot", "delete_share", "snapshot", "share"])
def test_below_a_wrong_url_nothing_is_gone(manila, requests_mock, do):
    """Another service of OpenStack says itemNotFound as well."""
    answers(requests_mock, status_code=404, json=fault(404))
    error = error_of(lambda: getattr(manila, do)("x"))
    assert isinstance(error, EndpointUnsuitable)
    assert ENDPOINT in str(error)


@EVERY_KIND
@pytest.mark.parametrize("status", [400, 401, 403, 405, 409, 413, 422, 451])
def test_nobody_but_manila_refuses_anything(manila, requests_mock, do, status):
    answers(requests_mock, status_code=status, json={"message": "blocked by the gateway"})
    error = error_of(lambda: do(manila))
    assert isinstance(error, ManilaTransient)
    assert "blocked by the gateway" in str(error)


def test_keystones_middleware_refuses_a_token_in_its_own_words(manila, requests_mock):
    said = {"error": {"code": 401, "title": "Unauthorized", "message": "Requires authentication"}}
    header = {"WWW-Authenticate": 'Keystone uri="http://keystone.example/v3"'}
    answers(requests_mock, status_code=401, json=said, headers=header)
    error = error_of(lambda: ask(manila))
    assert isinstance(error, ManilaRefused)
    assert error.status == 401


@EVERY_KIND
@pytest.mark.parametrize("answer", [{"status_code": 503}, {"status_code": 400}])
def test_an_error_says_which_endpoint_was_asked(manila, requests_mock, do, answer):
    answers(requests_mock, **answer, json=fault(answer["status_code"]))
    error = error_of(lambda: do(manila))
    assert error.endpoint == ENDPOINT
    assert f"Manila at {ENDPOINT} " in str(error)
