# SPDX-License-Identifier: Apache-2.0
"""What became of a request is the same kind of error whichever service was asked."""

from types import SimpleNamespace

import pytest
from keystoneauth1 import exceptions as ks_exc

from karbor_manila.cli.tenant import api
from karbor_manila.common.errors import RefusedError, TransientError
from karbor_manila.manila import responses

TOKEN = "gAAAAABtheTokenOfTheTenant"

SERVICES = pytest.mark.parametrize("answers", [responses._ANSWERS, api._ANSWERS], ids=["M", "K"])


def response(status, **headers):
    return SimpleNamespace(status_code=status, reason="no reason", headers=headers)


def fault(status, said):
    return {responses._FAULTS.get(status, "computeFault"): {"code": status, "message": said}}


@SERVICES
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_a_transient_error(answers, status):
    with pytest.raises(TransientError, match=f"HTTP {status}, it burns"):
        answers.checked("look", response(status), fault(status, "it burns"))


@SERVICES
@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_refusal_is_a_permanent_error(answers, status):
    with pytest.raises(RefusedError, match=f"HTTP {status}, you may not"):
        answers.checked("look", response(status), fault(status, "you may not"))


@SERVICES
@pytest.mark.parametrize("body", [None, [], "text"])
def test_a_body_that_cannot_be_read_is_a_transient_error(answers, body):
    with pytest.raises(TransientError, match="could not be read"):
        answers.checked("look", response(200), body)


@SERVICES
def test_a_body_without_what_was_asked_for_is_a_transient_error(answers):
    with pytest.raises(TransientError, match="has no 'shares'"):
        answers.part("look", {"error": "of a proxy"}, "shares")


@SERVICES
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ks_exc.ConnectFailure("out of order"), TransientError),
        (ks_exc.DiscoveryFailure("out of order"), TransientError),
        (ks_exc.ServiceUnavailable("out of order"), TransientError),
        (ConnectionResetError("out of order"), TransientError),
        (TimeoutError("out of order"), TransientError),
        (ks_exc.SSLError("out of order"), RefusedError),
        (ks_exc.Unauthorized("out of order"), RefusedError),
        (ks_exc.MissingAuthPlugin("out of order"), RefusedError),
        (FileNotFoundError("out of order"), RefusedError),
    ],
)
def test_an_error_on_the_way_is_of_the_same_kind(answers, error, kind):
    with pytest.raises(kind, match="out of order"), answers.asking("look"):
        raise error


@SERVICES
@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x")])
def test_an_error_of_our_own_code_is_none_of_a_service(answers, error):
    with pytest.raises(type(error)), answers.asking("look"):
        raise error


@SERVICES
@pytest.mark.parametrize("status", [400, 503])
def test_no_secret_is_in_an_error_and_it_is_one_line(answers, status):
    said = f"refused:\n X-Auth-Token: {TOKEN}\n password=hunter2"
    with pytest.raises((RefusedError, TransientError)) as caught:
        answers.checked("look", response(status), fault(status, said))
    with pytest.raises(TransientError) as lost, answers.asking("look"):
        raise ks_exc.ConnectFailure(said)
    for text in (str(caught.value), str(lost.value)):
        assert TOKEN not in text
        assert "\\n" not in text
        assert "***" in text
