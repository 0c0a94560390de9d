# SPDX-License-Identifier: Apache-2.0
"""Reads queues of a real Zaqar over its REST API, without any of the code that posts."""

import uuid
from typing import Any

from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3

from sandbox.info import StackInfo
from sandbox.keystone.content import DOMAIN
from sandbox.stack import Stack

_MESSAGING = {"service_type": "messaging", "interface": "public"}
PAGE = 20


class Reader:
    """One user's view of the queues of its project."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._client = {"Client-ID": str(uuid.uuid4())}

    @classmethod
    def of_tenant(cls, info: StackInfo, user: str) -> "Reader":
        """A user of the sandbox."""
        found = info.users[user]
        return cls(_login(info, found.username, found.password, found.project))

    @classmethod
    def of_karbor(cls, stack: Stack) -> "Reader":
        """Karbor's own user, in its own project."""
        password = stack.state.passwords()["karbor"]
        return cls(_login(stack.info, "karbor", password, "service"))

    def queues(self) -> list[str]:
        """The names of the project's queues."""
        return sorted(each["name"] for each in self._get("/v2/queues")["queues"])

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """All messages of a queue, as Zaqar gives them, from the oldest on."""
        found: dict[str, dict[str, Any]] = {}
        path = f"/v2/queues/{queue}/messages?echo=true&limit={PAGE}"
        while True:
            page = self._get(path)
            # Behind the first message of a queue Zaqar begins again, as its rank is 0 (zaqar/
            # storage/redis/messages.py, _list): one message alone is listed without an end.
            new = {each["id"]: each for each in page["messages"] if each["id"] not in found}
            if not new:
                return list(found.values())
            found |= new
            (path,) = [link["href"] for link in page["links"] if link["rel"] == "next"]

    def bodies(self, queue: str) -> list[dict[str, Any]]:
        """The events in a queue."""
        return [each["body"] for each in self.messages(queue)]

    def forget(self, queue: str) -> None:
        """Remove a queue with all its messages."""
        self._session.delete(
            f"/v2/queues/{queue}", endpoint_filter=_MESSAGING, headers=self._client
        )

    def subscribe(self, queue: str, subscriber: str, seconds: int = 600) -> str:
        """Have Zaqar hand on what comes to a queue; the subscription's id."""
        reply = self._session.post(
            f"/v2/queues/{queue}/subscriptions",
            endpoint_filter=_MESSAGING,
            headers=self._client,
            json={"subscriber": subscriber, "ttl": seconds, "options": {}},
        )
        return str(reply.json()["subscription_id"])

    def _get(self, path: str) -> dict[str, Any]:
        reply = self._session.get(path, endpoint_filter=_MESSAGING, headers=self._client)
        return reply.json() if reply.text else {"messages": []}


def _login(info: StackInfo, username: str, password: str, project: str) -> Any:
    return keystone_session.Session(
        auth=v3.Password(
            auth_url=info.auth_url,
            username=username,
            password=password,
            project_name=project,
            user_domain_id=DOMAIN,
            project_domain_id=DOMAIN,
        )
    )
