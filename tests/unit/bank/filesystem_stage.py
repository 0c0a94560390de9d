# SPDX-License-Identifier: Apache-2.0
"""Our file-system bank on a folder of a test."""

from pathlib import Path
from typing import Any

from karbor_manila.bank.filesystem.plugin import FileSystemBankPlugin
from tests.unit.banks import open_bank


def ours(folder: Path) -> Any:
    """Our bank on this folder, with a new owner id."""
    return open_bank(folder, FileSystemBankPlugin)


def staging(folder: Path) -> Path:
    """Where it makes a file before it is put in its place."""
    return folder / ".karbor.karbor-manila"


def fill(bank: Any, *keys: str) -> None:
    """Each of these keys, with itself as its value."""
    for key in keys:
        bank.update_object(key, key)
