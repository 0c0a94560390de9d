# SPDX-License-Identifier: Apache-2.0
"""One container of Swift as the store of a bank.

Swift is eventually consistent: of several copies the newest is asked for, a list may lag behind
what was just written, and a write that comes out older than what is there is answered as accepted
and dropped (swift/proxy/controllers/obj.py, PUT: 202 where a server answers 409).
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from swiftclient.exceptions import ClientException

from karbor_manila.bank.objects.store import Found
from karbor_manila.bank.swift.connections import Access, Connections

_LABEL = "x-object-meta-"
_NEWEST = {"X-Newest": "true"}
_ABSENT = 404
_ACCEPTED = 202


class SwiftStore:
    """See :class:`karbor_manila.bank.objects.store.Store`. What is raised are errors of swiftclient
    and of keystoneauth1."""

    def __init__(self, access: Access, container: str) -> None:
        self._connections = Connections(access)
        self._container = container

    def create(self) -> None:
        """Make the container if there is none. One that is there may be all that the bank's user
        is allowed to use, so it is looked for first."""
        with self._connections.one() as swift:
            if not _is_there(lambda: swift.head_container(self._container)):
                swift.put_container(self._container)

    def put(self, key: str, content: bytes, labels: Mapping[str, str]) -> None:
        """Swift compares what it has got with the checksum, and gives it a time of its own."""
        answer: dict[str, Any] = {}
        with self._connections.one(writes=True) as swift:
            swift.put_object(
                self._container,
                key,
                contents=content,
                content_length=len(content),
                etag=_checksum(content),
                content_type="application/octet-stream",
                headers={_LABEL + name: value for name, value in labels.items()},
                response_dict=answer,
            )
        if answer.get("status") == _ACCEPTED:
            raise ClientException("a newer object is there", http_status=409)

    def get(self, key: str) -> Found:
        """Whole, or an error: what was lost on the way is no value."""
        with self._connections.one() as swift:
            headers, content = swift.get_object(self._container, key, headers=_NEWEST)
        if headers.get("etag", "").strip('"') != _checksum(content):
            raise ClientException("the object did not come whole")
        return Found(
            content,
            {
                name.removeprefix(_LABEL): value
                for name, value in headers.items()
                if name.startswith(_LABEL)
            },
        )

    def delete(self, key: str) -> None:
        """Twice is as good as once."""
        with self._connections.one(writes=True) as swift:
            _is_there(lambda: swift.delete_object(self._container, key))

    def keys(
        self, prefix: str, marker: str | None, *, limit: int | None, descending: bool
    ) -> Iterator[str]:
        """Page by page until one is empty: how long a page is, is up to Swift."""
        given = 0
        while limit is None or given < limit:
            with self._connections.one() as swift:
                _headers, page = swift.get_container(
                    self._container,
                    prefix=prefix,
                    marker=marker,
                    headers=_NEWEST,
                    query_string="reverse=true" if descending else None,
                )
            if not page:
                return
            for entry in page:
                yield entry["name"]
            given += len(page)
            marker = page[-1]["name"]


def _is_there(ask: Any) -> bool:
    """Whether what is asked was not answered by its absence."""
    try:
        ask()
    except ClientException as error:
        if error.http_status != _ABSENT:
            raise
        return False
    return True


def _checksum(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
