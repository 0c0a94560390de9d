# SPDX-License-Identifier: Apache-2.0
"""Keystone and Manila behind https with authorities of their own, over real connections."""

import http.server
import json

import pytest
from keystoneauth1 import service_token
from keystoneauth1.identity import v3
from oslo_config import cfg

from karbor_manila.manila import client, connection
from karbor_manila.manila.errors import ManilaRefused
from karbor_manila.service import certificates
from tests.fakes import certificates as made
from tests.fakes import front
from tests.unit.manila.wire import versions, with_catalog

TIMES = {"expires_at": "2999-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00Z"}


class _Cloud(http.server.BaseHTTPRequestHandler):
    """Keystone and Manila, as far as it matters."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        known = {"/": versions("2.98"), "/v2/limits": {"limits": {"absolute": {}}}}
        self._send(200, known[self.path])

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(201, {"token": TIMES})

    def _send(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-Subject-Token", "karbors-own")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {name: made.make(folder, name) for name in ("keystone", "manila")}


@pytest.fixture(scope="module")
def fronts(authorities):
    """Where Keystone and Manila are."""
    with (
        front.serving(_Cloud) as cloud,
        front.gateway(
            cloud.url(), prefix="/identity", server_certificate=authorities["keystone"].server
        ) as keystone,
        front.gateway(cloud.url(), server_certificate=authorities["manila"].server) as manila,
    ):
        yield {"keystone": keystone, "manila": manila}


@pytest.fixture
def options():
    """Sets options of ``[keystone_authtoken]``."""
    yield lambda **given: [
        cfg.CONF.set_override(name, value, "keystone_authtoken") for name, value in given.items()
    ]
    for name in ("cafile", "insecure"):
        cfg.CONF.clear_override(name, "keystone_authtoken")


@pytest.fixture(autouse=True)
def _nothing_known():
    connection._negotiated.clear()
    yield
    connection._negotiated.clear()


@pytest.fixture
def session(fronts):
    """As Karbor's factory makes one: the user's token, and Karbor's own that is to be renewed."""
    made = with_catalog(("sharev2", f"{fronts['manila'].url()}/v2"))
    keystone = f"{fronts['keystone'].url()}/identity/v3"
    own = v3.Password(keystone, username="karbor", password="p", user_domain_id="default")
    made.auth = service_token.ServiceTokenAuthWrapper(made.auth.user_auth, own)
    return made


def asked(session):
    return client.Manila(session, client.Where()).limits()


def test_each_is_checked_with_its_own_authority(fronts, authorities, options, session):
    options(cafile=str(authorities["keystone"].authority))
    session.verify = str(authorities["manila"].authority)
    certificates.keystone_apart(session)
    assert asked(session) == {}
    assert "POST /identity/v3/auth/tokens" in fronts["keystone"].seen


def test_keystone_alone_may_go_unchecked(authorities, options, session):
    options(insecure=True)
    session.verify = str(authorities["manila"].authority)
    certificates.keystone_apart(session)
    assert asked(session) == {}


@pytest.mark.parametrize("insecure", [False, True])
def test_what_is_said_of_keystone_counts_for_keystone_alone(
    authorities, options, session, insecure
):
    options(cafile=str(authorities["keystone"].authority), insecure=insecure)
    certificates.keystone_apart(session)
    with pytest.raises(ManilaRefused, match="its certificate was not accepted"):
        asked(session)


def test_without_a_word_keystone_is_checked_as_manila_is(authorities, session):
    session.verify = str(authorities["manila"].authority)
    certificates.keystone_apart(session)
    with pytest.raises(ManilaRefused, match="its certificate was not accepted"):
        asked(session)


@pytest.mark.parametrize(
    ("url", "top"),
    [
        ("https://keystone:5000/v3", "https://keystone:5000/"),
        ("https://cloud", "https://cloud/"),
        ("https://cloud/identity/v3/", "https://cloud/identity"),
        ("https://[::1]:5000/identity", "https://[::1]:5000/identity"),
    ],
)
def test_what_keystones_urls_begin_with(url, top):
    assert certificates._top(url) == top
