# SPDX-License-Identifier: Apache-2.0
"""One signed POST a call; whatever becomes of it, no work fails."""

import hashlib
import hmac
import logging
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock as wire
from oslo_config import cfg

from karbor_manila.hooks import webhook
from karbor_manila.hooks.base import CHECKPOINT, POINTS, Outcome
from karbor_manila.hooks.webhook import WebhookHook
from tests.unit.hooks.stage import Stage

URL = "https://user:hunter2@ops.example/hooks/s3cret-path"


@pytest.fixture(autouse=True)
def _none_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a POST is over when it is begun: the clock of the stage waits for no thread."""
    webhook.given_up.clear()
    monkeypatch.setattr(webhook, "_spawn", lambda work: work())


@pytest.fixture
def receiver(requests_mock: Any) -> Any:
    return requests_mock.post(URL, status_code=204)


def hook_of(stage: Stage, **options: Any) -> Any:
    return stage.hook(WebhookHook, **({"webhook_url": URL} | options))


def ended(hook: Any, stage: Stage, *shares: Any, **fields: Any) -> None:
    outcome = Outcome(status="failed", error="Quota is used up.", result={"secret": "hunter2"})
    assert hook.post(call=stage.call(*shares, **fields), data=None, outcome=outcome) is None


def test_the_post_says_what_became_of_what(stage: Stage, receiver: Any) -> None:
    share = stage.share(name="db\n", metadata={"password": "hunter2"})
    ended(hook_of(stage), stage, share, request_id="r-1")
    assert receiver.last_request.json() == {
        "version": 1,
        "hook": "webhook",
        "phase": "post",
        "point": "protect",
        "scope": "share",
        "checkpoint_id": "cp-1",
        "provider_id": "provider-1",
        "project_id": "project-a",
        "request_id": "r-1",
        "shares": [
            {
                "id": share["id"],
                "name": "db\n",
                "share_type_id": "type-id",
                "share_type": "default",
                "share_proto": "NFS",
                "size": 1,
            }
        ],
        "outcome": {"status": "failed", "error": "Quota is used up.", "pre_error": ""},
    }
    assert "hunter2" not in receiver.last_request.text


def test_only_the_phases_that_are_asked_for_are_sent(stage: Stage, receiver: Any) -> None:
    hook = hook_of(stage, webhook_phases=["pre", "periodic"], webhook_scope=CHECKPOINT)
    assert hook.scope == CHECKPOINT
    assert hook.points == set(POINTS)
    ended(hook, stage, stage.share())
    assert not receiver.called
    hook.pre(call=stage.call(stage.share()))
    assert "outcome" not in receiver.last_request.json()
    rows = [{"id": "s-1", "metadata": {"password": "hunter2"}}]
    hook.periodic(data=rows, environment=stage.environment())
    assert receiver.last_request.json()["shares"] == [{"id": "s-1"}]
    assert receiver.call_count == 2


@pytest.mark.parametrize("where", ["option", "file"])
def test_it_is_signed_together_with_its_time(
    stage: Stage, receiver: Any, tmp_path: Path, where: str
) -> None:
    path = tmp_path / "secret"
    path.write_text("tell no one\n")
    options = {
        "option": {"webhook_secret": "tell no one"},
        "file": {"webhook_secret_file": str(path)},
    }
    ended(hook_of(stage, **options[where]), stage, stage.share())
    request = receiver.last_request
    sent_at = request.headers["X-Karbor-Manila-Timestamp"]
    assert int(sent_at) == int(stage.clock.utcnow().timestamp())
    expected = hmac.new(b"tell no one", f"{sent_at}.{request.text}".encode(), hashlib.sha256)
    assert request.headers["X-Karbor-Manila-Signature"] == f"sha256={expected.hexdigest()}"
    assert "tell no one" not in str(request.headers) + request.text


def test_a_changed_secret_counts_at_once(stage: Stage, receiver: Any, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    hook = hook_of(stage, webhook_secret_file=str(path))
    ended(hook, stage, stage.share())
    path.write_text("new")
    ended(hook, stage, stage.share())
    signatures = {
        request.headers["X-Karbor-Manila-Signature"] for request in receiver.request_history
    }
    assert len(signatures) == 2


def test_without_a_secret_nothing_is_signed(stage: Stage, receiver: Any) -> None:
    ended(hook_of(stage), stage, stage.share())
    assert "X-Karbor-Manila-Signature" not in receiver.last_request.headers


@pytest.mark.parametrize(
    "trouble",
    [
        {"status_code": 503},
        {"status_code": 429},
        {"exc": requests.exceptions.ConnectTimeout},
        {"exc": requests.exceptions.ConnectionError},
    ],
)
def test_a_transient_error_is_repeated_with_the_same_id(
    stage: Stage, requests_mock: Any, trouble: dict[str, Any]
) -> None:
    receiver = requests_mock.post(URL, [trouble, trouble, {"status_code": 200}])
    ended(hook_of(stage), stage, stage.share())
    assert receiver.call_count == 3
    ids = {request.headers["X-Karbor-Manila-Id"] for request in receiver.request_history}
    assert len(ids) == 1
    assert webhook.given_up == {}


def test_a_receiver_that_is_away_costs_no_more_than_the_timeout_and_fails_nothing(
    stage: Stage, requests_mock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = requests_mock.post(URL, status_code=500)
    began = stage.clock.now()
    with caplog.at_level(logging.INFO):
        ended(hook_of(stage, webhook_timeout=7.0), stage, stage.share())
    assert 6 < stage.clock.now() - began < 8
    assert receiver.call_count > 2
    assert webhook.given_up == {"WebhookRefused": 1}
    assert "ops.example did not take it: HTTP 500, for 7 seconds" in caplog.text
    assert "hunter2" not in caplog.text
    assert "s3cret" not in caplog.text


def test_it_takes_less_than_a_short_hook_timeout(stage: Stage, requests_mock: Any) -> None:
    requests_mock.post(URL, status_code=500)
    began = stage.clock.now()
    ended(hook_of(stage, webhook_timeout=60.0, hook_timeout=2.0), stage, stage.share())
    assert stage.clock.now() - began < 2


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 404},
        {"status_code": 302, "headers": {"Location": "https://elsewhere.example/"}},
        {"exc": requests.exceptions.SSLError("for url: " + URL)},
        {"exc": requests.exceptions.InvalidURL("for url: " + URL)},
        {"exc": RuntimeError("for url: " + URL)},
    ],
)
def test_what_a_repetition_cannot_change_is_not_repeated(
    stage: Stage, requests_mock: Any, answer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = requests_mock.register_uri(wire.ANY, "https://elsewhere.example/")
    receiver = requests_mock.post(URL, **answer)
    ended(hook_of(stage), stage, stage.share())
    assert receiver.call_count == 1
    assert not elsewhere.called
    assert sum(webhook.given_up.values()) == 1
    assert "s3cret" not in caplog.text


def test_a_secret_that_cannot_be_read_any_more_fails_nothing(
    stage: Stage, receiver: Any, tmp_path: Path
) -> None:
    ended(hook_of(stage, webhook_secret_file=str(tmp_path / "gone")), stage, stage.share())
    assert not receiver.called
    assert webhook.given_up == {"FileNotFoundError": 1}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"webhook_ca_file": "/etc/ca.pem"}, "/etc/ca.pem"),
        ({"webhook_verify": False}, False),
    ],
)
def test_certificates_are_verified_as_configured(
    stage: Stage, receiver: Any, options: dict[str, Any], expected: object
) -> None:
    ended(hook_of(stage, **options), stage, stage.share())
    assert receiver.last_request.verify == expected


def test_the_environment_of_the_service_has_nothing_to_do_with_it(
    stage: Stage, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file")
    ended(hook_of(stage), stage, stage.share())
    assert receiver.last_request.proxies == {}
    assert receiver.last_request.verify is True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"webhook_url": ""}, "webhook_url must be"),
        ({"webhook_url": "ftp://ops.example/"}, "webhook_url must be"),
        ({"webhook_url": "http://[hunter2"}, "webhook_url must be"),
        ({"webhook_url": "http://ops.example:hunter2/"}, "webhook_url must be"),
        ({"webhook_secret": "a", "webhook_secret_file": "/b"}, "Take one out"),
        ({"webhook_ca_file": "/b", "webhook_verify": False}, "Take one out"),
        ({"webhook_secret_file": "/no/such/file"}, "cannot be read: No such file"),
        ({"webhook_ca_file": "/dev/null"}, "is empty"),
    ],
)
def test_options_that_cannot_work_stop_the_service(
    stage: Stage, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(cfg.Error, match=said) as refused:
        hook_of(stage, **options).check()
    assert "hunter2" not in str(refused.value)


def test_what_can_work_starts(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("tell no one")
    hook_of(stage, webhook_secret_file=str(path)).check()


def test_a_receiver_that_never_comes_to_an_end_fails_no_work(
    stage: Stage, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte of its answer every now and then keeps the timeouts of requests from being over."""
    monkeypatch.setattr(webhook, "_spawn", lambda _work: None)
    hook, began = hook_of(stage, webhook_phases=["pre"]), stage.clock.now()
    assert hook.pre(call=stage.call(stage.share())) is None
    assert webhook.given_up == {"GivenUp": 1}
    assert stage.clock.now() - began < hook.options_here.hook_timeout
