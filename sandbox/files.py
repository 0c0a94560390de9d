# SPDX-License-Identifier: Apache-2.0
"""Small file jobs: whole-or-nothing writes, INI text, locks."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file whole or not at all; readable by the owner only, as it may hold a password."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    part.replace(path)
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write a value as indented JSON, whole or not at all."""
    return write(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Return what ``write_json`` wrote, or None when the file does not exist."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def ini(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Return oslo.config text; a list or tuple becomes one line per item (a MultiStrOpt)."""
    lines = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        for name, value in options.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            # oslo.config reads $name as a reference: a password may well hold a dollar.
            lines += [f"{name} = {str(item).replace('$', '$$')}" for item in values]
        lines.append("")
    return "\n".join(lines)


def merge(sections: dict[str, dict[str, Any]], options: Mapping[str, Any]) -> None:
    """Add options named ``group/name`` (or ``name``, for DEFAULT) to sections, in place."""
    for key, value in options.items():
        group, _, name = key.rpartition("/")
        sections.setdefault(group or "DEFAULT", {})[name] = value


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; waits until the other one is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
