# SPDX-License-Identifier: Apache-2.0
"""The proxy between a plain client and a dummy in the place of Manila."""

import asyncio
import http.client
import http.server
import queue
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.process import is_stopped
from sandbox.proxy.control import NeverHit, Proxy
from sandbox.proxy.rules import Rule
from tests.fakes.front import Server

pytest.importorskip("aiohttp")

BIG = b"x" * 3_000_000


class Dummy(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked, and remembers it."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.server.clients.add(self.client_address)
        status = 204 if self.command == "DELETE" else 201 if self.command == "POST" else 200
        content = BIG if self.path == "/big" else body or self.path.encode()
        self.send_response(status)
        self.send_header("X-Host", self.headers["Host"])
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def upstream():
    server = Server(Dummy, "127.0.0.1")
    yield server
    server.close()


@pytest.fixture(scope="module")
def server(upstream):
    """A running proxy, in a thread of its own."""
    from sandbox.proxy.server import ProxyServer  # noqa: PLC0415 - needs aiohttp

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(job):
        return asyncio.run_coroutine_threadsafe(job, loop).result(60)

    async def make():
        made = ProxyServer(f"http://127.0.0.1:{upstream.port}")
        await made.open()
        return made

    made = wait(make())
    yield made
    wait(made.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def proxy(server, upstream):
    control = Proxy(f"http://127.0.0.1:{server.control_port}")
    control.reset()
    upstream.seen = []
    upstream.clients = set()
    return control


@pytest.fixture
def client(server, proxy):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    yield connection
    connection.close()


def test_who_waits_to_be_asked_for_a_long_body_is_asked_and_all_of_it_is_forwarded(
    server, proxy, upstream
):
    """As the clients of S3 do."""
    body = b"y" * 2_000_000
    head = f"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(head.encode() + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
        assert client.recv(1024).startswith(b"HTTP/1.1 100 Continue")
        client.sendall(body)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert [(method, len(sent)) for method, _, _, sent in upstream.seen] == [("PUT", len(body))]
    assert "Expect" not in upstream.seen[0][2]


class Naps:
    """For the proxy in the place of asyncio: who sleeps does so until a test wakes him."""

    def __init__(self):
        self.seconds = queue.Queue()
        self._over = threading.Event()

    def __getattr__(self, name):
        return getattr(asyncio, name)

    async def sleep(self, seconds):
        self.seconds.put(seconds)
        await asyncio.get_running_loop().run_in_executor(None, self._over.wait, 60)

    def asked(self):
        """The seconds of one who has begun to sleep."""
        return self.seconds.get(timeout=60)

    def end(self):
        self._over.set()


@pytest.fixture
def naps(monkeypatch):
    from sandbox.proxy import forward, listener  # noqa: PLC0415 - need aiohttp

    made = Naps()
    for module in (forward, listener):
        monkeypatch.setattr(module, "asyncio", made)
    yield made
    made.end()


@pytest.fixture
def aside():
    """Asks while the test looks on."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda *args: pool.submit(ask, *args)


def ask(client, method, path, body=None, headers=None):
    try:
        client.request(method, path, body, headers or {})
        reply = client.getresponse()
        return reply.status, reply.read()
    except OSError:
        client.close()
        raise


def test_requests_and_answers_pass_as_they_are(client, upstream):
    headers = {"X-Auth-Token": "t", "Content-Type": "application/json", "Accept": "a/b"}
    assert ask(client, "POST", "/v2/shares?a=%2Fb", b'{"x": 1}', headers) == (201, b'{"x": 1}')
    ((method, path, seen, body),) = upstream.seen
    assert (method, path, body) == ("POST", "/v2/shares?a=%2Fb", b'{"x": 1}')
    assert {name: seen[name] for name in headers} == headers
    assert seen["Content-Length"] == "8"
    assert "Transfer-Encoding" not in seen
    assert "User-Agent" not in seen


def test_links_that_the_server_builds_from_host_lead_through_the_proxy(client, server):
    client.request("GET", "/")
    assert client.getresponse().headers["X-Host"] == f"127.0.0.1:{server.port}"


def test_answers_without_a_body_pass(client):
    assert ask(client, "DELETE", "/v2/shares/1") == (204, b"")
    assert ask(client, "HEAD", "/v2/shares/1") == (200, b"")
    assert ask(client, "GET", "/v2/shares/1") == (200, b"/v2/shares/1")


def test_a_big_answer_passes_whole(client):
    assert ask(client, "GET", "/big") == (200, BIG)


def test_connections_are_kept_on_both_sides(client, upstream):
    for _ in range(20):
        ask(client, "GET", "/v2/shares")
    assert client.sock is not None
    # Those that earlier tests have left in the pool take turns.
    assert len(upstream.clients) < 5


def test_requests_are_counted_by_route(client, proxy):
    for number in (1, 2):
        ask(client, "GET", f"/v2/shares/{number}?with=query")
    ask(client, "DELETE", "/v2/shares/1")
    assert proxy.counts() == {"DELETE /v2/shares/{id}": 1, "GET /v2/shares/{id}": 2}
    assert proxy.total() == 3
    proxy.clear_counts()
    assert proxy.counts() == {}


def test_an_answer_instead_of_forwarding(client, proxy, upstream):
    rule = Rule.answer("POST", "shares", 413, {"overLimit": 1}, headers={"Retry-After": "2"})
    with proxy.fault(rule):
        client.request("POST", "/v2/shares", b"body")
        reply = client.getresponse()
        assert (reply.status, reply.read()) == (413, b'{"overLimit": 1}')
        assert reply.headers["Retry-After"] == "2"
        assert reply.headers["Content-Type"] == "application/json"
        assert upstream.seen == []
        assert ask(client, "POST", "/v2/shares", b"body")[0] == 201


def test_a_delay_comes_before_forwarding(client, proxy, upstream, naps, aside):
    with proxy.fault(Rule.delay("GET", "shares", 0.3)):
        answer = aside(client, "GET", "/v2/shares")
        assert naps.asked() == 0.3
        assert upstream.seen == []
        naps.end()
        assert answer.result(60)[0] == 200
    assert len(upstream.seen) == 1


def test_a_silence_keeps_the_request_from_the_server_when_the_client_gives_up(
    client, proxy, upstream, naps
):
    with proxy.fault(Rule.silence("POST", "shares", 3600)):
        client.request("POST", "/v2/shares", b"body")
        naps.asked()
        client.close()
        naps.end()
    assert ask(client, "GET", "/v2/shares")[0] == 200
    assert [item[0] for item in upstream.seen] == ["GET"]


def test_a_silence_ends_for_who_waits_so_long(client, proxy, upstream, naps, aside):
    with proxy.fault(Rule.silence("POST", "shares", 0.1)):
        answer = aside(client, "POST", "/v2/shares", b"body")
        naps.asked()
        assert upstream.seen == []
        naps.end()
        assert answer.result(60)[0] == 201
    assert len(upstream.seen) == 1


def test_a_reset_keeps_the_request_from_the_server(client, proxy, upstream):
    with proxy.fault(Rule.reset("POST", "shares")), pytest.raises(ConnectionResetError):
        ask(client, "POST", "/v2/shares", b"body")
    assert upstream.seen == []
    assert ask(client, "POST", "/v2/shares", b"body")[0] == 201


def test_a_lost_reply_is_a_reset_after_the_server_did_the_work(client, proxy, upstream):
    with proxy.fault(Rule.lose_reply("POST", "shares")), pytest.raises(ConnectionResetError):
        ask(client, "POST", "/v2/shares", b"body")
    assert [item[0] for item in upstream.seen] == ["POST"]


@pytest.fixture
def victim():
    """A process that would run on for ever."""
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield child
    child.kill()
    child.wait()


@pytest.mark.parametrize(("side", "heard"), [("before", []), ("after", ["POST"])])
def test_a_kill_ends_a_process_on_one_side_of_the_nth_request(
    client, proxy, upstream, victim, side, heard
):
    assert ask(client, "POST", "/v2/shares", b"first")[0] == 201
    upstream.seen.clear()
    proxy.clear_counts()
    with proxy.fault(Rule.kill("POST", "shares", victim.pid, side, nth=2)):
        assert ask(client, "POST", "/v2/shares", b"first of the rule")[0] == 201
        assert victim.poll() is None
        with pytest.raises(ConnectionResetError):
            ask(client, "POST", "/v2/shares", b"second of the rule")
    assert victim.wait(60) == -signal.SIGKILL
    assert [item[0] for item in upstream.seen] == ["POST", *heard]
    assert proxy.requests() == ["POST /v2/shares"] * 2


def test_a_pause_before_a_request_stops_its_sender_and_the_server_never_hears_of_it(
    client, proxy, upstream, victim
):
    with (
        proxy.fault(Rule.pause("POST", "shares", victim.pid)),
        pytest.raises(ConnectionResetError),
    ):
        ask(client, "POST", "/v2/shares", b"body")
    assert is_stopped(victim.pid)
    assert upstream.seen == []
    assert ask(client, "POST", "/v2/shares", b"body")[0] == 201


def test_a_request_that_a_pause_holds_back_may_be_delivered_late(client, proxy, upstream, victim):
    with (
        proxy.fault(Rule.pause("POST", "shares", victim.pid, seconds=0.3)),
        pytest.raises(ConnectionResetError),
    ):
        ask(client, "POST", "/v2/shares", b"body")
    assert is_stopped(victim.pid)
    assert [item[3] for item in upstream.seen] == [b"body"]


def test_after_a_pause_the_whole_reply_is_there(client, proxy, upstream, victim):
    with proxy.fault(Rule.pause("POST", "shares", victim.pid, "after")):
        assert ask(client, "POST", "/v2/shares", b"body")[0] == 201
    assert is_stopped(victim.pid)
    assert [item[3] for item in upstream.seen] == [b"body"]


def test_a_delayed_reply_is_that_of_work_already_done(client, proxy, upstream, naps, aside):
    with proxy.fault(Rule.delay("POST", "shares", 0.5, side="after")):
        answer = aside(client, "POST", "/v2/shares", b"body")
        assert naps.asked() == 0.5
        assert len(upstream.seen) == 1
        assert not answer.done()
        naps.end()
        assert answer.result(60) == (201, b"body")


def test_a_kill_of_a_process_that_is_gone_breaks_the_connection_all_the_same(
    client, proxy, upstream, victim
):
    victim.kill()
    victim.wait()
    with (
        proxy.fault(Rule.kill("GET", "shares", victim.pid)),
        pytest.raises(ConnectionResetError),
    ):
        ask(client, "GET", "/v2/shares")
    assert upstream.seen == []


def test_an_outage_resets_who_is_connected_and_refuses_the_others(client, proxy, server, naps):
    ask(client, "GET", "/v2/shares")
    other = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with proxy.fault(Rule.outage("GET", "shares", 2.0)):
        with pytest.raises(ConnectionResetError):
            ask(other, "GET", "/v2/shares")
        assert naps.asked() == 2.0
        with pytest.raises(ConnectionRefusedError):
            ask(other, "GET", "/v2/shares")
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        ask(client, "GET", "/v2/shares")
    back, ended = server._listener._back, threading.Event()
    back.get_loop().call_soon_threadsafe(back.add_done_callback, lambda _task: ended.set())
    naps.end()
    assert ended.wait(60), "the outage did not end by itself"
    assert ask(other, "GET", "/v2/shares")[0] == 200
    other.close()


def test_an_outage_can_be_ordered_and_ended(client, proxy):
    proxy.outage(60)
    with pytest.raises(ConnectionRefusedError):
        ask(client, "GET", "/v2/shares")
    proxy.end_outage()
    assert ask(client, "GET", "/v2/shares")[0] == 200


def test_a_fault_that_was_never_hit_fails_the_test(client, proxy):
    missed = pytest.raises(NeverHit, match="reset on POST /snapshots")
    with missed as caught, proxy.fault(Rule.reset("POST", "/snapshots")):
        ask(client, "GET", "/v2/shares")
    assert caught.value.reports[0]["hits"] == 0
    assert proxy.rules() == []


def test_an_error_in_the_block_is_not_hidden_by_a_fault_that_was_not_hit(proxy):
    with pytest.raises(KeyError), proxy.fault(Rule.reset("POST", "/snapshots")):
        raise KeyError
    assert proxy.rules() == []


def test_rules_tell_what_they_have_seen(client, proxy):
    due = proxy.add(Rule.answer("GET", "shares", 500, nth=2))
    late = proxy.add(Rule.answer("GET", "shares", 500, nth=9))
    statuses = [ask(client, "GET", "/v2/shares")[0] for _ in range(3)]
    assert statuses == [200, 500, 200]
    assert [rule["id"] for rule in proxy.unhit()] == [late]
    assert proxy.remove(due)["seen"] == 3


def test_a_broken_rule_is_refused_by_the_server_too(proxy):
    class Forged:
        def as_dict(self):
            return {"method": "GET", "path": "(", "action": "reset"}

    with pytest.raises(urllib.error.HTTPError, match="400"):
        proxy.add(Forged())


def test_a_server_that_is_not_there_is_a_broken_connection(proxy, server, client, monkeypatch):
    monkeypatch.setattr(server.forwarder, "upstream", "http://127.0.0.1:1")
    with pytest.raises(ConnectionResetError):
        ask(client, "GET", "/v2/shares")
