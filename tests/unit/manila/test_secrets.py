# SPDX-License-Identifier: Apache-2.0
"""The tenant's token stays out of every place that somebody reads, whatever goes wrong.

The errors are those that the real client makes of real answers to requests that carry the token;
they are raised from each of Manila's calls in turn, in Karbor's own flows.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests.exceptions
from karbor import objects
from keystoneauth1 import session, token_endpoint
from oslo_serialization import jsonutils

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.manila import client, connection, endpoint
from tests.unit.karbor_stage import PROJECT, TOKEN, Service, started

ENDPOINT = "http://manila.invalid/v2"

ANSWERS: dict[str, dict[str, Any]] = {
    "400": {"status_code": 400, "json": {"badRequest": {"code": 400, "message": "a bad name"}}},
    "401": {"status_code": 401, "text": "Authentication required"},
    "403": {"status_code": 403, "json": {"forbidden": {"code": 403, "message": "by policy"}}},
    "503": {"status_code": 503, "text": "<html>out of order</html>"},
    "cut short": {"status_code": 200, "text": '{"shares": ['},
    "timeout": {"exc": requests.exceptions.ConnectTimeout("no answer")},
    "certificate": {"exc": requests.exceptions.SSLError("self-signed")},
}
CALLS = {
    "protect": ("share", "limits", "snapshots", "create_snapshot", "snapshot"),
    "restore": ("snapshot", "shares", "create_share", "share"),
    "verify": ("snapshot",),
    "delete": ("snapshots", "shares", "delete_snapshot", "snapshot"),
}
FEW = ("400", "503", "timeout", "certificate")
EVERYWHERE = [(operation, call) for operation, calls in CALLS.items() for call in calls]


@pytest.fixture
def service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Service]:
    caplog.set_level("DEBUG")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with started(tmp_path, monkeypatch) as service:
        yield service


@pytest.fixture
def error_of(requests_mock: Any) -> Iterator[Callable[..., Exception]]:
    """What the real client raises for an answer; the request had the token in its headers."""

    def error_of(**answer: Any) -> Exception:
        connection._negotiated.clear()
        connection._negotiated[ENDPOINT] = (ENDPOINT, endpoint.OLDEST)
        sent = requests_mock.register_uri("GET", f"{ENDPOINT}/limits", **answer)
        manila = client.Manila(
            session.Session(auth=token_endpoint.Token(ENDPOINT, TOKEN)),
            client.Where(endpoint=ENDPOINT),
        )
        with pytest.raises(KarborManilaError) as caught:
            manila.limits()
        assert sent.last_request.headers["X-Auth-Token"] == TOKEN
        return caught.value

    yield error_of
    connection._negotiated.clear()


def run(service: Service, operation: str, prepared: Any) -> None:
    """One operation, however it ends."""
    with contextlib.suppress(Exception):
        if operation == "protect":
            service.protect(service.plan(*service.cloud.shares))
        else:
            getattr(service, operation)(prepared.id)


def in_the_bank(service: Service) -> str:
    """Every name and every byte of every object."""
    return "\n".join(
        f"{path}\n{path.read_text(encoding='utf-8')}"
        for path in (service.folder / "bank").rglob("*")
        if path.is_file()
    )


def in_the_database(service: Service) -> str:
    """Every row of the tables that a tenant can read."""
    lists = ("RestoreList", "VerificationList", "OperationLogList")
    context = service.context(is_admin=True)
    return "\n".join(
        str(dict(item.items()))
        for name in lists
        for item in getattr(objects, name).get_all(context, None, None)
    )


@pytest.mark.parametrize(("operation", "call"), EVERYWHERE, ids=" ".join)
@pytest.mark.parametrize("answer", FEW)
def test_an_error_of_manila_carries_no_token_to_any_reader(
    service: Service,
    caplog: pytest.LogCaptureFixture,
    error_of: Callable[..., Exception],
    operation: str,
    call: str,
    answer: str,
) -> None:
    service.share()
    prepared = (
        None if operation == "protect" else service.protect(service.plan(*service.cloud.shares))
    )
    error = error_of(**ANSWERS[answer])
    # The same error, but each time without the frames that it came through before: they are
    # written into the log.
    service.cloud.plan(call, lambda: error.with_traceback(None), times=10**6)
    run(service, operation, prepared)
    service.cloud.assert_hit()
    assert TOKEN not in in_the_bank(service)
    assert TOKEN not in in_the_database(service)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("answer", sorted(ANSWERS))
def test_a_project_that_cannot_be_listed_carries_no_token_to_any_reader(
    service: Service,
    caplog: pytest.LogCaptureFixture,
    error_of: Callable[..., Exception],
    answer: str,
) -> None:
    error = error_of(**ANSWERS[answer])
    service.cloud.plan("shares", lambda: error.with_traceback(None), times=10**6)
    plan = service.plan(resources=[{"type": PROJECT, "id": service.project_id, "name": "p"}])
    with pytest.raises(Exception, match="Flow: protect") as caught:
        service.protect(plan)
    assert TOKEN not in f"{caught.value} {in_the_bank(service)} {caplog.text}"


def test_what_goes_well_carries_no_token_to_any_reader(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.share()
    checkpoint = service.protect(service.plan(*service.cloud.shares))
    for operation in ("verify", "restore", "delete"):
        getattr(service, operation)(checkpoint.id)
    assert service.checkpoint(checkpoint.id).status == "deleted"
    assert TOKEN not in in_the_bank(service) + in_the_database(service)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(("operation", "call"), EVERYWHERE, ids=" ".join)
def test_a_strangers_error_reaches_no_tenant_with_its_words(
    service: Service, operation: str, call: str
) -> None:
    """It may hold anything: of such an error only the kind is told."""
    service.share()
    prepared = (
        None if operation == "protect" else service.protect(service.plan(*service.cloud.shares))
    )
    service.cloud.plan(call, lambda: RuntimeError(f"X-Auth-Token: {TOKEN}"), times=10**6)
    run(service, operation, prepared)
    service.cloud.assert_hit()
    told = in_the_bank(service) + in_the_database(service)
    assert TOKEN not in told
    assert "RuntimeError" in told


def test_the_context_of_a_request_is_not_kept_in_the_bank_with_the_plan(service: Service) -> None:
    """What stands in a checkpoint is sent to whoever may see it."""
    service.share()
    checkpoint = service.protect(service.plan(*service.cloud.shares))
    shown = service.call("show_checkpoint", service.provider.id, checkpoint.id)
    assert TOKEN not in jsonutils.dumps(shown)


def test_a_proxy_that_repeats_the_headers_of_the_request_is_not_repeated(
    service: Service, caplog: pytest.LogCaptureFixture, error_of: Callable[..., Exception]
) -> None:
    message = f"refused: GET /v2/limits X-Auth-Token: {TOKEN}"
    error = error_of(status_code=400, json={"badRequest": {"code": 400, "message": message}})
    service.cloud.plan("create_snapshot", lambda: error)
    checkpoint = service.protect(service.plan(service.share()))
    assert "refused" in str(checkpoint.extra_info)
    assert TOKEN not in in_the_bank(service) + in_the_database(service) + caplog.text
