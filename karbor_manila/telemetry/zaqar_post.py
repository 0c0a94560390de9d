# SPDX-License-Identifier: Apache-2.0
"""Posts messages to Zaqar: python-zaqarclient's API over a keystoneauth session.

The one module that imports that package, which is optional; who uses it imports it when it is
configured. The requests of the client (4.7.0, zaqarclient/transport/http.py) are sent by the
session and not by itself: it has no timeout, takes an HTTP 502 for success, never renews a token,
and sends no service token, without which a tenant's expired token is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from oslo_serialization import jsonutils
from zaqarclient.queues.v2 import core
from zaqarclient.transport import http, request, response

from karbor_manila.common.http import Answers, Failure
from karbor_manila.telemetry.errors import ZaqarRefused, ZaqarTransient

VERSION = 2


def _transient(failure: Failure) -> ZaqarTransient:
    return ZaqarTransient(failure.asked, failure.cause, failure.retry_after, status=failure.status)


def _refused(failure: Failure) -> ZaqarRefused:
    return ZaqarRefused(failure.asked, failure.answer, failure.status)


_ANSWERS = Answers("Zaqar", _transient, _refused)


class _Transport(http.HttpTransport):
    """The client's way to Zaqar, over a session."""

    def __init__(self, session: Any, asked: str) -> None:
        super().__init__(options=None)
        self._session = session
        self._asked = asked

    def send(self, request: Any) -> Any:
        """Zaqar's answer to a request of the client, when it is a good one."""
        url, method, request = self._prepare(request)
        with _ANSWERS.asking(self._asked, url):
            reply = self._session.request(
                url,
                method,
                params=request.params,
                data=request.content,
                headers={**request.headers, "Content-Type": "application/json"},
                raise_exc=False,
            )
        _ANSWERS.checked(self._asked, reply, _body(reply), endpoint=url)
        return response.Response(request, reply.text, reply.headers, reply.status_code)


def post(
    session: Any,
    queue: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    client_id: str,
    interface: str,
    region: str | None,
) -> None:
    """Post messages to a queue of the session's project; Zaqar makes the queue if there is none.

    :param session: of keystoneauth; its ``timeout`` is that of each request, in seconds
    :param messages: each with ``ttl`` (seconds) and ``body``
    :param client_id: a UUID; who reads with the same one does not get them
    :param interface: of Zaqar's endpoint in the catalog
    :param region: of the endpoint; None for any
    :raises ZaqarTransient: it may be done at another attempt; it may also have been done
    :raises ZaqarRefused: it is not done
    """
    asked = f"post {len(messages)} events to the queue {queue}"
    with _ANSWERS.asking(asked):
        endpoint = session.get_endpoint(
            service_type="messaging", interface=interface, region_name=region
        )
        project_id = session.get_project_id()
    if not endpoint:
        raise ZaqarRefused(asked, "Keystone's catalog has no such endpoint of type messaging")
    prepared = request.Request(
        # The catalog has it without a version, and here and there with one.
        endpoint=endpoint.rstrip("/").removesuffix(f"/v{VERSION}"),
        api=VERSION,
        headers={"Client-ID": client_id, "X-Project-Id": project_id},
    )
    core.message_post(_Transport(session, asked), prepared, queue, {"messages": list(messages)})


def _body(reply: Any) -> Any:
    """What was answered, with the reason of a bad answer where :mod:`~.common.http` reads it."""
    try:
        body = jsonutils.loads(reply.text)
    except ValueError:
        return None
    if isinstance(body, dict) and "title" in body:
        return {"message": f"{body['title']}: {body.get('description')}"}
    return body
