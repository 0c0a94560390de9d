# SPDX-License-Identifier: Apache-2.0
"""An object store in memory as the store of the banks' contract: what is Karbor's side of a bank
in an object store is held to it without one."""

import bisect
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from karbor.services.protection.bank_plugin import Bank
from oslo_config import cfg
from swiftclient.exceptions import ClientException

from karbor_manila.bank.objects.plugin import ObjectBankPlugin
from karbor_manila.bank.objects.store import Found
from karbor_manila.bank.testing import BankWorld, Fault

_ANSWERS = {Fault.ERROR: 500, Fault.BUSY: 503, Fault.DENIED: 403, Fault.FULL: 507}
_ADDRESS = "http://127.0.0.1:8080/v1/AUTH_a"


class MemoryStore:
    """A container."""

    def __init__(self) -> None:
        self.objects: dict[str, Found] = {}
        self.made = 0
        self.fault: Fault | None = None
        self.times: int | None = None

    def create(self) -> None:
        self._meet(write=False)
        self.made += 1

    def put(self, key: str, content: bytes, labels: Mapping[str, str]) -> None:
        self._meet(write=True)
        self.objects[key] = Found(content, dict(labels))
        self._lose()

    def get(self, key: str) -> Found:
        self._meet(write=False)
        if key not in self.objects:
            raise ClientException(f"GET {_ADDRESS}{key}", http_status=404)
        self._lose()
        return self.objects[key]

    def delete(self, key: str) -> None:
        self._meet(write=True)
        self.objects.pop(key, None)
        self._lose()

    def keys(
        self, prefix: str, marker: str | None, *, limit: int | None, descending: bool
    ) -> Iterator[str]:
        self._meet(write=False)
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        if marker is not None:
            at = bisect.bisect_left if descending else bisect.bisect_right
            keys = keys[: at(keys, marker)] if descending else keys[at(keys, marker) :]
        self._lose()
        yield from reversed(keys) if descending else keys

    def _meet(self, *, write: bool) -> None:
        """What befalls a request before it is done."""
        if self.fault is Fault.GONE:
            raise ConnectionRefusedError(f"{_ADDRESS} refuses")
        if self.fault in _ANSWERS and (write or self.fault is not Fault.FULL):
            self._count()
            raise ClientException(_ADDRESS, http_status=_ANSWERS[self.fault])

    def _lose(self) -> None:
        """What befalls one that is done."""
        if self.fault is Fault.LOST_REPLY:
            self._count()
            raise ConnectionResetError(_ADDRESS)

    def _count(self) -> None:
        if self.times is not None:
            self.times -= 1
            if self.times == 0:
                self.fault = None


class MemoryWorld(BankWorld):
    """Banks on one store in memory."""

    faults: ClassVar[frozenset[Fault]] = frozenset({*_ANSWERS, Fault.GONE, Fault.LOST_REPLY})

    def __init__(self) -> None:
        self.store = MemoryStore()

    def open(self) -> Any:
        return Bank(ObjectBankPlugin(cfg.ConfigOpts(), self.store))

    def spoil(self, key: str) -> None:
        self.store.objects[key] = self.store.objects[key]._replace(content=b'{"a": ')

    @contextlib.contextmanager
    def trouble(self, fault: Fault, times: int | None = None) -> Iterator[None]:
        self.requires(fault)
        self.store.fault, self.store.times = fault, times
        try:
            yield
        finally:
            self.store.fault = None
