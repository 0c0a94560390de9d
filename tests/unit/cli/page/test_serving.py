# SPDX-License-Identifier: Apache-2.0
"""The page live: who may read it, how often Karbor is asked, and what is said when it is away."""

import pytest

from karbor_manila.cli.errors import KarborTransient
from karbor_manila.cli.page.serving import FRESH, Live
from karbor_manila.cli.views.face import face
from tests.fakes.listed import NOW, World
from tests.unit.clock import FakeClock


class Clock(FakeClock):
    def utcnow(self):
        return NOW


class Stage:
    """The application, with a Karbor that may be away."""

    def __init__(self):
        self.away = False
        self.asked = 0
        self.clock = Clock()
        self.live = Live(self.look, 8080, self.clock, "1.0")

    def look(self):
        self.asked += 1
        if self.away:
            raise KarborTransient("list the plans", "it is <away>")
        return face(World().listed())

    def get(self, path=None, host="127.0.0.1:8080", method="GET"):
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": self.live.path if path is None else path,
            "HTTP_HOST": host,
        }
        answer = []
        body = b"".join(
            self.live(environ, lambda status, headers: answer.append((status, headers)))
        )
        ((status, headers),) = answer
        return status, dict(headers), body.decode()


@pytest.fixture
def stage():
    return Stage()


def test_the_page_is_given_at_its_url_alone(stage):
    status, headers, body = stage.get()
    assert status == "200 OK"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert '<meta http-equiv="refresh" content="60">' in body
    for path in ("/", "/favicon.ico", stage.live.path[:-2], "/\xff"):
        status, _headers, body = stage.get(path)
        assert status == "404 Not Found"
        assert stage.live.path not in body
    assert stage.asked == 1


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1", "", None])
def test_another_site_that_leads_here_gets_nothing(stage, host):
    assert stage.get(host=host)[0] == "403 Forbidden"
    assert stage.asked == 0


def test_nothing_can_be_changed(stage):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert stage.get(method=method)[0] == "405 Method Not Allowed"
    status, headers, body = stage.get(method="HEAD")
    assert (status, body) == ("200 OK", "")
    assert int(headers["Content-Length"]) > 0


def test_karbor_is_not_asked_more_often_than_every_half_minute(stage):
    for _look in range(3):
        stage.get()
    assert stage.asked == 1
    stage.clock.sleep(FRESH)
    stage.get()
    assert stage.asked == 2


def test_what_was_seen_stays_when_karbor_is_away_and_that_is_said(stage):
    stage.get()
    stage.away = True
    stage.clock.sleep(FRESH)
    status, _headers, body = stage.get()
    assert status == "200 OK"
    assert "It could not be asked for again." in body
    assert "it is &lt;away&gt;" in body
    stage.away = False
    stage.clock.sleep(FRESH)
    assert "It could not be asked for again." not in stage.get()[2]


def test_a_karbor_that_was_never_reached_is_a_503(stage):
    stage.away = True
    status, headers, body = stage.get()
    assert status == "503 Service Unavailable"
    assert "it is <away>" in body
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    stage.get()
    assert stage.asked == 1


def test_two_servers_have_two_urls():
    assert Stage().live.path != Stage().live.path
