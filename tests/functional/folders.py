# SPDX-License-Identifier: Apache-2.0
"""What a tenant has in a share: files to protect, and all of them to compare."""

from pathlib import Path


def fill(folder: Path, text: str) -> None:
    """Write the text into a small file in this folder and into a larger one deep below it."""
    (folder / "deep" / "er").mkdir(parents=True, exist_ok=True)
    (folder / "readme").write_text(text)
    (folder / "deep" / "er" / "data").write_bytes(text.encode() * 50_000)


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of each file by its path below the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
