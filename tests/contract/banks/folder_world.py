# SPDX-License-Identifier: Apache-2.0
"""A folder as the store of the banks' contract."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from karbor_manila.bank.testing import BankWorld, Fault
from tests.unit.banks import CONTAINER, open_bank, stored


class FolderWorld(BankWorld):
    """A file-system bank in a folder of its own.

    :param plugin: the bank's class
    """

    faults = frozenset({Fault.GONE, Fault.ERROR})
    counts = False

    def __init__(self, folder: Path, plugin: Any) -> None:
        self._folder = folder
        self._plugin = plugin

    def open(self) -> Any:
        return open_bank(self._folder, self._plugin)

    def spoil(self, key: str) -> None:
        stored(self._folder, key).write_bytes(b"")

    @contextlib.contextmanager
    def trouble(self, fault: Fault, times: int | None = None) -> Iterator[None]:
        self.requires(fault)
        container, aside = self._folder / CONTAINER, self._folder / "aside"
        container.rename(aside)
        if fault is Fault.ERROR:
            container.write_text("no folder")
        try:
            yield
        finally:
            if fault is Fault.ERROR:
                container.unlink()
            with contextlib.suppress(FileNotFoundError):
                container.rmdir()
            aside.rename(container)
