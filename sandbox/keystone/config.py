# SPDX-License-Identifier: Apache-2.0
"""Keystone's configuration file. Standard library only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import files


def write(directory: Path, *, debug: bool, options: Mapping[str, Any]) -> Path:
    """Write keystone.conf below a directory and return its path.

    :param options: ``group/name`` to value, laid over what is written here.
    """
    keys = {name: directory / name for name in ("tokens", "receipts", "credentials")}
    sections: dict[str, dict[str, Any]] = {
        "DEFAULT": {"debug": debug, "use_stderr": True},
        "database": {"connection": f"sqlite:///{directory / 'keystone.sqlite'}"},
        "fernet_tokens": {"key_repository": keys["tokens"]},
        "fernet_receipts": {"key_repository": keys["receipts"]},
        "credential": {"key_repository": keys["credentials"]},
        # The cheapest that bcrypt takes: every service logs in again and again, and these
        # passwords guard nothing but a loopback port.
        "identity": {"password_hash_rounds": 4},
        # One process, so its own memory is a cache that is always right.
        "cache": {"enabled": True, "backend": "dogpile.cache.memory"},
    }
    files.merge(sections, options)
    return files.write(directory / "keystone.conf", files.ini(sections))
