# SPDX-License-Identifier: Apache-2.0
"""Endpoints as clouds have them, over real connections on loopback: a path, a slash at the end,
IPv6, https with an authority of one's own, a web proxy from the environment."""

import http.server
import json
from pathlib import Path

import pytest

from karbor_manila.manila import client
from karbor_manila.manila.errors import EndpointMissing, ManilaRefused, ManilaTransient
from tests.fakes import certificates, front
from tests.unit.manila.wire import versions, with_catalog

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


class _Manila(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        known = {"/": versions("2.98"), "/v2/limits": {"limits": {"absolute": {"shares": 3}}}}
        self._send(200 if self.path in known else 404, known.get(self.path, {}))

    def _send(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def manila():
    """The URL of a server that answers as Manila does."""
    with front.serving(_Manila) as server:
        yield server.url()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def reached(url: str, *, verify: object = True, region: str | None = None) -> client.Manila:
    """A client that has got an answer."""
    session = with_catalog(("sharev2", url, "public", "south"))
    session.verify = verify
    made = client.Manila(session, client.Where(region=region))
    assert made.limits() == {"shares": 3}
    return made


@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("prefix", ["", "/share", "/cloud/of/ours"])
@pytest.mark.parametrize("tail", ["", "/", "/v2", "/v2/"])
def test_an_endpoint_is_reached_below_any_path_with_or_without_version_and_slash(
    manila, prefix, tail, ipv6
):
    with front.gateway(manila, prefix=prefix, ipv6=ipv6) as gateway:
        made = reached(f"{gateway.url()}{prefix}{tail}")
        assert gateway.seen == [f"GET {prefix}/", f"GET {prefix}/v2/limits"]
    assert made.endpoint == f"{gateway.url()}{prefix}/v2"


@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_https_with_an_authority_of_ones_own(manila, own, ipv6):
    with front.gateway(manila, ipv6=ipv6, server_certificate=own.server) as gateway:
        reached(f"{gateway.url()}/v2", verify=str(own.authority))
        reached(f"{gateway.url()}/v2", verify=False)


@pytest.mark.parametrize("with_file", [False, True])
def test_a_certificate_of_an_unknown_authority_is_refused_by_name_and_not_retried(
    manila, own, tmp_path: Path, with_file: bool
):
    other = certificates.make(tmp_path, "other")
    verify = str(other.authority) if with_file else True
    with front.gateway(manila, server_certificate=own.server) as gateway:
        with pytest.raises(ManilaRefused, match="its certificate was not accepted") as caught:
            reached(f"{gateway.url()}/v2", verify=verify)
        assert gateway.url() in str(caught.value)
        assert gateway.seen == []


def test_plain_http_is_spoken_to_a_server_with_tls(manila, own):
    with (
        front.gateway(manila, server_certificate=own.server) as gateway,
        pytest.raises(ManilaTransient),
    ):
        reached(gateway.url().replace("https", "http"))


def test_of_several_regions_only_the_one_that_is_set_is_asked(manila):
    with front.gateway(manila, prefix="/south") as gateway:
        reached(f"{gateway.url()}/south", region="south")
        with pytest.raises(EndpointMissing, match="in north"):
            reached(f"{gateway.url()}/south", region="north")


def test_a_web_proxy_of_the_environment_is_used(manila, plain_environment):
    with front.web_proxy() as proxy:
        plain_environment.setenv("HTTP_PROXY", proxy.url())
        plain_environment.setenv("NO_PROXY", "elsewhere.example")
        reached(f"{manila}/v2")
        assert proxy.seen == [f"GET {manila}/", f"GET {manila}/v2/limits"]


@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_https_goes_through_a_web_proxy_unread(manila, own, plain_environment, ipv6):
    with (
        front.web_proxy() as proxy,
        front.gateway(manila, ipv6=ipv6, server_certificate=own.server) as gateway,
    ):
        plain_environment.setenv("HTTPS_PROXY", proxy.url())
        reached(f"{gateway.url()}/v2", verify=str(own.authority))
        assert set(proxy.seen) == {f"CONNECT {gateway.url().removeprefix('https://')}"}
        assert gateway.seen == ["GET /", "GET /v2/limits"]


@pytest.mark.parametrize(
    ("ipv6", "exempt"),
    [
        (False, "127.0.0.1"),
        (False, "127.0.0.0/8"),
        (False, "*"),
        (False, "a.example, 127.0.0.1"),
        (True, "::1"),
    ],
)
def test_no_proxy_is_used_where_the_environment_exempts(manila, plain_environment, ipv6, exempt):
    with front.web_proxy() as proxy, front.gateway(manila, ipv6=ipv6) as gateway:
        plain_environment.setenv("HTTP_PROXY", proxy.url())
        plain_environment.setenv("NO_PROXY", exempt)
        reached(f"{gateway.url()}/v2")
        assert proxy.seen == []


def test_a_web_proxy_that_is_away_may_come_back(manila, plain_environment):
    with front.web_proxy() as proxy:
        gone = proxy.url()
    plain_environment.setenv("HTTP_PROXY", gone)
    with pytest.raises(ManilaTransient):
        reached(f"{manila}/v2")
