# SPDX-License-Identifier: Apache-2.0
"""Requests under way: their time, their number, and what a socket does to them."""

import contextlib
import json
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import requests.exceptions

from karbor_manila.manila import client, connection, limit
from karbor_manila.manila.errors import (
    ManilaTransient,
)
from tests.unit.manila.wire import HOST, TOKEN, answers, ask, create, error_of, plain_session


def test_a_request_has_the_time_that_the_operator_gives_it(connect, requests_mock):
    manila = connect(timeout=7.0)
    sent = answers(requests_mock, json={"limits": {"absolute": {}}})
    manila.limits()
    assert sent.last_request.timeout == 7.0


def test_a_request_that_failed_gives_its_place_back(connect, requests_mock):
    manila = connect(parallel=1)
    for answer in (
        {"status_code": 503},
        {"status_code": 400},
        {"text": "{"},
        {"exc": requests.exceptions.ConnectTimeout},
    ):
        answers(requests_mock, **answer)
        for do in (ask, create):
            error_of(lambda do=do: do(manila))
            with limit.of_endpoint(f"{HOST}/").client(1, patience=0).turn("see a free place"):
                pass


def test_no_more_requests_are_under_way_than_allowed(connect):
    manila = connect(parallel=2)
    under_way, most = [], []
    in_pairs = threading.Barrier(2)

    class Slow:
        def request(self, *_args, **_kwargs):
            under_way.append(1)
            most.append(len(under_way))
            in_pairs.wait(timeout=30)  # breaks when one at a time is all that there is
            under_way.pop()
            return SimpleNamespace(status_code=200), {"limits": {"absolute": {}}}

    manila._http = Slow()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: manila.limits(), range(8)))
    assert max(most) == 2


@pytest.mark.parametrize(("parallel", "kept"), [(3, 10), (10, 10), (25, 25)])
def test_as_many_connections_are_kept_as_there_are_requests_under_way(parallel, kept):
    url = "http://many.example/v2"
    connection._negotiated[url] = (url, "2.98")
    session = plain_session()
    client.Manila(session, client.Where(endpoint=url), parallel=parallel)
    pools = session.session.get_adapter(f"{url}/shares").poolmanager
    assert pools.connection_from_url(url).pool.maxsize == kept


@contextlib.contextmanager
def server(answer, *, reset=False):
    """A server on loopback that sends these bytes to whoever connects first, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                if reset:  # closing sends RST instead of FIN
                    connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v2"
        thread.join(timeout=30)


BODY = json.dumps({"limits": {"absolute": {"maxTotalShares": 50}}}).encode()


def reply(body, length):
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (length, body)
    )


def connected(url):
    connection._negotiated[url] = (url, "2.98")
    return client.Manila(plain_session(), client.Where(endpoint=url), timeout=30)


def test_a_whole_answer_is_read():
    with server(reply(BODY, len(BODY))) as url:
        assert connected(url).limits() == {"maxTotalShares": 50}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        reply(b"", 90),
        reply(BODY[:20], len(BODY)),
        reply(BODY[:-1], len(BODY)),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"limits"',
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_an_answer_that_was_cut_short_is_worth_another_try(answer, reset):
    with server(answer, reset=reset) as url:
        error = error_of(connected(url).limits)
    assert isinstance(error, ManilaTransient)
    assert TOKEN not in str(error)


def test_a_server_that_is_down_is_worth_another_try():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = error_of(connected(f"http://127.0.0.1:{port}/v2").limits)
    assert isinstance(error, ManilaTransient)
    assert TOKEN not in str(error)
