# SPDX-License-Identifier: Apache-2.0
"""What a tree holds, as checksums; and in what two trees differ."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NAMED = 3


@dataclass(frozen=True)
class Entry:
    """One path of a tree.

    :ivar kind: ``file``, ``folder``, ``link`` or ``other``.
    :ivar mode: permission bits, with setuid, setgid and sticky; 0 for a link, which has none.
    :ivar value: SHA-256 of a file's content, target of a link, else ''.
    """

    kind: str
    mode: int
    value: str = ""


Manifest = Mapping[str, Entry]


def manifest(folder: Path) -> dict[str, Entry]:
    """Return the entries of a tree by relative path; ``.`` is the folder itself."""
    entries = {".": _entry(folder)}
    for parent, names, files in os.walk(folder):
        for name in names + files:
            path = Path(parent, name)
            entries[str(path.relative_to(folder))] = _entry(path)
    return dict(sorted(entries.items()))


def files(entries: Manifest) -> int:
    """Return how many of the entries are not folders."""
    return sum(entry.kind != "folder" for entry in entries.values())


@dataclass(frozen=True)
class Difference:
    """In what a tree differs from the one it should be. False when it does not."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.changed)

    def __str__(self) -> str:
        parts = (
            f"{len(paths)} {what} ({_some(paths)})" for what, paths in vars(self).items() if paths
        )
        return ", ".join(parts) or "no difference"


def compare(wanted: Manifest, found: Manifest) -> Difference:
    """Compare every path: kind, mode, and content or target."""
    both = wanted.keys() & found.keys()
    return Difference(
        missing=tuple(sorted(wanted.keys() - found.keys())),
        unexpected=tuple(sorted(found.keys() - wanted.keys())),
        changed=tuple(sorted(path for path in both if wanted[path] != found[path])),
    )


def _entry(path: Path) -> Entry:
    status = path.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", 0, str(path.readlink()))
    if stat.S_ISDIR(status.st_mode):
        return Entry("folder", mode)
    if stat.S_ISREG(status.st_mode):
        with path.open("rb") as stream:
            return Entry("file", mode, hashlib.file_digest(stream, "sha256").hexdigest())
    return Entry("other", mode)


def _some(paths: tuple[str, ...]) -> str:
    rest = len(paths) - NAMED
    return ", ".join(paths[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
