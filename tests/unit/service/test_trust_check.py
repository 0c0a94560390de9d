# SPDX-License-Identifier: Apache-2.0
"""What keeps Karbor from acting for the maker of a schedule, by what Keystone shows."""

import datetime
from typing import Any

import pytest
from keystoneauth1 import exceptions as keystone_errors
from keystoneauth1 import session, token_endpoint

from karbor_manila.database.scheduled_runs import Run
from karbor_manila.service.trust_check import TrustCheck

URL = "http://keystone.example/v3"
NOW = datetime.datetime(2026, 11, 20, 2, 30, tzinfo=datetime.UTC)
RUN = Run(
    operation_id="op",
    name="nightly",
    user_id="u1",
    project_id="p1",
    plan_id="plan",
    provider_id="prov",
    trust_id="t1",
    state="failed",
    due=NOW,
    began=NOW,
    ended=NOW,
)
ROLES = [{"id": "r1", "name": "member"}, {"id": "r2", "name": "reader"}]


@pytest.fixture
def keystone(requests_mock: Any) -> Any:
    """A Keystone in which all is well."""
    version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": URL}]}
    requests_mock.get(URL, json={"version": version})
    shows(requests_mock, user={"enabled": True}, project={"enabled": True}, trust={"roles": ROLES})
    has(requests_mock, "r1", "r2")
    return requests_mock


PATHS = {"user": "users/u1", "project": "projects/p1", "trust": "OS-TRUST/trusts/t1"}


def shows(keystone: Any, **things: Any) -> None:
    for kind, thing in things.items():
        keystone.get(f"{URL}/{PATHS[kind]}", json={kind: thing})


def refuses(keystone: Any, kind: str, status: int) -> None:
    keystone.get(f"{URL}/{PATHS[kind]}", status_code=status, json={"error": {"code": status}})


def has(keystone: Any, *role_ids: str) -> None:
    assigned = [{"role": {"id": role_id}} for role_id in role_ids]
    keystone.get(f"{URL}/role_assignments", json={"role_assignments": assigned})


def why() -> str | None:
    def of_karbor(context: None, *, timeout: float) -> Any:
        assert (context, timeout) == (None, 7.0)
        return session.Session(auth=token_endpoint.Token(URL, "karbors-own-token"))

    return TrustCheck(7.0, of_karbor)(RUN)


def test_where_all_is_well_there_is_nothing_to_say(keystone: Any) -> None:
    assert why() is None
    asked = next(it for it in keystone.request_history if "role_assignments" in it.path)
    assert asked.qs == {"user.id": ["u1"], "scope.project.id": ["p1"], "effective": ["true"]}


@pytest.mark.parametrize("kind", ["user", "project"])
def test_what_is_gone_or_disabled_is_named(keystone: Any, kind: str) -> None:
    shows(keystone, **{kind: {"enabled": False}})
    assert f"The {kind}" in str(why())
    assert "is disabled. It runs again by itself" in str(why())
    refuses(keystone, kind, 404)
    assert f"({RUN.user_id if kind == 'user' else RUN.project_id}) is not in Keystone" in str(why())


def test_a_trust_that_is_gone_says_what_to_do(keystone: Any) -> None:
    refuses(keystone, "trust", 404)
    assert "was revoked or has run out" in str(why())
    assert "restart karbor-operationengine" in str(why())


def test_the_roles_that_are_lost_are_named(keystone: Any) -> None:
    has(keystone, "r2", "r3")
    assert "does not have member in project p1" in str(why())


@pytest.mark.parametrize("kind", ["user", "project", "trust"])
def test_what_karbors_own_user_is_not_shown_is_passed_over(keystone: Any, kind: str) -> None:
    refuses(keystone, kind, 403)
    assert why() is None
    has(keystone, "r3")
    assert (why() is None) == (kind == "trust")


def test_a_keystone_that_is_away_says_nothing(keystone: Any) -> None:
    refuses(keystone, "user", 503)
    with pytest.raises(keystone_errors.ServiceUnavailable):
        why()
