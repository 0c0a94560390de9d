# SPDX-License-Identifier: Apache-2.0
"""What a bank needs of an object store."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """An object: its content, and what was put beside that.

    Karbor's banks put the label ``serialized`` beside it: the header ``X-Object-Meta-Serialized``
    in Swift, the metadata ``x-object-meta-serialized`` in S3. Names are in lower case, without
    that beginning.
    """

    content: bytes
    labels: Mapping[str, str]


class Store(Protocol):
    """One container of a store, by a client that several threads may use at once.

    Each call ends in time, whatever the store does. It raises whatever the client raises; an error
    that is an answer of the store has its status where botocore or swiftclient put it, because
    :func:`karbor_manila.bank.access.look` tells by that what is absent.
    """

    def create(self) -> None:
        """Make the container if there is none."""

    def put(self, key: str, content: bytes, labels: Mapping[str, str]) -> None:
        """Have the content under the key for good when this returns."""

    def get(self, key: str) -> Found:
        """The object, as it was put last; whole, or an error."""

    def delete(self, key: str) -> None:
        """Have no such object, whether there was one or not."""

    def keys(
        self, prefix: str, marker: str | None, *, limit: int | None, descending: bool
    ) -> Iterator[str]:
        """Keys that begin with the prefix, in the order of plain strings or its reverse.

        :param marker: begin after this one
        :param limit: more than so many are not needed; what is given beyond is cut off
        """
