# SPDX-License-Identifier: Apache-2.0
"""Latency, faults and outages are data; counts and Keystone's answers are kept."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.simulator.identity import Keystone
from tests.unit.sandbox_simulator.conftest import Start


def _fault(kind: str, requests: str = "POST /v2/snapshots$", **more: Any) -> dict[str, Any]:
    return {"faults": [{"requests": requests, "kind": kind, "rate": 1.0, **more}]}


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("503", 503), ("429", 429)])
def test_a_fault_is_an_answer_and_nothing_is_done(start: Start, kind: str, status: int) -> None:
    caller = start(_fault(kind, retry_after=7))
    (share,) = caller.control.seed("p1")
    reply = caller.ask("POST", "/v2/snapshots", {"snapshot": {"share_id": share}})
    assert reply.status_code == status
    assert reply.headers["Retry-After"] == "7"
    assert ("computeFault" in reply.text) == (kind == "500")
    assert caller.control.state()["snapshots"] == {}
    assert caller.control.state()["faults"] == {kind: 1}


@pytest.mark.parametrize(("kind", "done"), [("reset", {}), ("lost reply", {"creating": 1})])
def test_a_broken_connection_may_have_done_its_work(
    start: Start, kind: str, done: dict[str, int]
) -> None:
    caller = start(_fault(kind))
    (share,) = caller.control.seed("p1")
    with pytest.raises(requests.ConnectionError):
        caller.ask("POST", "/v2/snapshots", {"snapshot": {"share_id": share}})
    assert caller.control.state()["snapshots"] == done


def test_a_fault_that_never_comes_disturbs_nothing(start: Start) -> None:
    caller = start({"faults": [{"requests": "GET", "kind": "500", "rate": 0.0}]})
    caller.get("/v2/limits")


def test_latency_is_time_that_passes(start: Start) -> None:
    caller = start({"latency": {"seconds": 2.0}} | _fault("delay", "GET /v2/limits", seconds=5.0))
    caller.get("/v2/limits")
    assert caller.clock.now() == 7.0
    caller.get("/v2/types")
    assert caller.clock.now() == 9.0


def test_an_outage_is_at_the_end_of_each_period(start: Start) -> None:
    caller = start({"outages": {"every": 100.0, "seconds": 10.0}})
    seen = []
    for _ in range(20):
        seen.append(caller.ask("GET", "/v2/limits").status_code)
        caller.clock.advance(10.0)
    assert seen == ([200] * 9 + [503]) * 2


def test_a_profile_can_be_changed_while_it_serves(start: Start) -> None:
    caller = start()
    caller.control.change(_fault("500", "GET /v2/limits"))
    assert caller.ask("GET", "/v2/limits").status_code == 500
    with pytest.raises(OSError, match="400"):
        caller.control.change({"nonsense": 1})


def test_requests_are_counted_by_what_they_are_about(start: Start) -> None:
    caller = start()
    for share in caller.control.seed("p1", 3):
        caller.get(f"/v2/shares/{share}")
    assert caller.control.counts() == {"GET /v2/shares/{id}": 3}
    caller.control.clear_counts()
    assert caller.control.counts() == {}
    caller.control.clear()
    assert caller.control.state()["shares"] == {}


class _Reply:
    """What Keystone says of a token."""

    def __init__(self, status: int, project: str = "p1") -> None:
        self.status = status
        self._body = {"token": {"project": {"id": project}, "roles": [{"name": "member"}]}}

    async def json(self) -> Any:
        return self._body

    async def __aenter__(self) -> "_Reply":
        return self

    async def __aexit__(self, *args: object) -> None:
        pass


class _Session:
    """Keystone, as aiohttp's session reaches it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Any]] = []

    def get(self, url: str, *, headers: Any, params: Any) -> _Reply:
        self.asked.append((headers, params))
        return _Reply(200 if "good" in headers["X-Subject-Token"] else 404)

    async def close(self) -> None:
        pass


@pytest.fixture
def keystone() -> Iterator[tuple[Keystone, _Session]]:
    identity, session = Keystone("http://keystone.invalid/v3"), _Session()
    identity._session = session
    yield identity, session


def test_keystone_is_asked_once_a_token(start: Start, keystone: Any) -> None:
    identity, session = keystone
    caller = start(who=identity)
    for _ in range(3):
        caller.get("/v2/limits", token="good")
    assert caller.ask("GET", "/v2/limits", token="bad").status_code == 401
    assert [headers["X-Auth-Token"] for headers, _ in session.asked] == ["good", "bad"]


def test_a_services_token_vouches_for_one_that_has_expired(start: Start, keystone: Any) -> None:
    identity, session = keystone
    reply = start(who=identity).ask(
        "GET", "/v2/limits", token="good", **{"X-Service-Token": "of-karbor"}
    )
    assert reply.status_code == 200
    ((headers, params),) = session.asked
    assert headers == {"X-Subject-Token": "good", "X-Auth-Token": "of-karbor"}
    assert params == {"allow_expired": "1"}
