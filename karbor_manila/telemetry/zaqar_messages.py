# SPDX-License-Identifier: Apache-2.0
"""Events as messages of Zaqar, and as many in one request as it takes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oslo_serialization import jsonutils

from karbor_manila.telemetry.events import Event

# Around the messages of a request, and between two of them, in bytes.
_FRAME = len('{"messages": []}')
_BETWEEN = len(", ")


def message(event: Event, *, ttl: int, size: int) -> Mapping[str, Any]:
    """An event as a message. One that does not fit into a request is cut to its ids.

    :param ttl: seconds that Zaqar keeps it
    :param size: bytes that a request may have
    """
    whole: dict[str, Any] = {"ttl": ttl, "body": event.as_dict()}
    if _FRAME + _size(whole) <= size:
        return whole
    payload = whole["body"]["payload"]
    ids = {name: value for name, value in payload.items() if name.endswith("_id")}
    return {"ttl": ttl, "body": {**whole["body"], "payload": ids, "truncated": True}}


def requests(
    messages: Iterable[Mapping[str, Any]], *, most: int, size: int
) -> Iterator[list[Mapping[str, Any]]]:
    """The messages in their order, in requests of at most so many and so many bytes.

    A message that is too large by itself is alone, for Zaqar to refuse.
    """
    batch: list[Mapping[str, Any]] = []
    used = _FRAME
    for each in messages:
        needed = _size(each) + _BETWEEN
        if batch and (len(batch) >= most or used + needed > size):
            yield batch
            batch, used = [], _FRAME
        batch.append(each)
        used += needed
    if batch:
        yield batch


def _size(value: Any) -> int:
    """Bytes of its JSON, as python-zaqarclient writes it: ASCII, with spaces."""
    return len(jsonutils.dumps(value))
