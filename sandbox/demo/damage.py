# SPDX-License-Identifier: Apache-2.0
"""Damages a share as an accident or an intruder would: overwrites, deletes, adds."""

import stat
from dataclasses import dataclass
from pathlib import Path

NOTE = "YOUR FILES ARE GONE.txt"
_FLIPPED = bytes(range(255, -1, -1))


@dataclass(frozen=True)
class Damage:
    """What was done, as relative paths."""

    overwritten: tuple[str, ...]
    deleted: tuple[str, ...]
    added: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(f"{len(paths)} {what}" for what, paths in vars(self).items())


def damage(folder: Path) -> Damage:
    """Of all files and links in their order: overwrite one, delete one, leave one, and so on.

    An overwritten file keeps its size and its mode, so only its content tells. A note is added.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    overwritten, deleted = paths[::3], paths[1::3]
    for path in overwritten:
        _overwrite(path)
    for path in deleted:
        path.unlink()
    (folder / NOTE).write_text("Pay, or restore from a checkpoint.\n")
    return Damage(_names(folder, overwritten), _names(folder, deleted), (NOTE,))


def _overwrite(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
        path.symlink_to("/nowhere")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    # Its owner may damage a read-only file, too.
    path.chmod(mode | stat.S_IWUSR)
    path.write_bytes(path.read_bytes().translate(_FLIPPED) or b"no longer empty")
    path.chmod(mode)


def _names(folder: Path, paths: list[Path]) -> tuple[str, ...]:
    return tuple(str(path.relative_to(folder)) for path in paths)
