# SPDX-License-Identifier: Apache-2.0
"""What the three shares of the demonstration hold: the same bytes in every run."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class Item:
    """One thing in a share.

    :ivar content: the bytes of a file; None for a folder or a link.
    :ivar target: where a symbolic link points to.
    """

    path: str
    mode: int = 0o644
    content: bytes | None = None
    target: str | None = None


def write(folder: Path, items: Iterable[Item]) -> int:
    """Write items into a share, in their order, and return the bytes written."""
    written = 0
    for item in items:
        path = folder / item.path
        if item.target is not None:
            path.symlink_to(item.target)
        elif item.content is None:
            path.mkdir()
            path.chmod(item.mode)
        else:
            path.write_bytes(item.content)
            path.chmod(item.mode)
            written += len(item.content)
    return written


def shares() -> dict[str, tuple[Item, ...]]:
    """Return the shares by name, with all that is written into them."""
    return {"documents": _documents(), "photos": _photos(), "website": _website()}


def _documents() -> tuple[Item, ...]:
    return (
        Item("README.txt", content=_text("what is in here", 20)),
        Item("letters", 0o750),
        Item("letters/2025", 0o750),
        Item("letters/2025/to the bank.txt", content=_text("letter", 60)),
        Item("letters/2025/to the café – ünïcode.txt", content=_text("naïve", 40)),
        Item("letters/2026", 0o2770),
        Item("letters/2026/draft.txt", 0o660, _text("draft", 30)),
        Item("letters/newest", target="2026/draft.txt"),
        Item("contract.txt", 0o400, _text("nobody may change this", 200)),
        Item("empty.txt", content=b""),
        Item("budget.csv", 0o640, _text("month;money", 400)),
    )


def _photos() -> tuple[Item, ...]:
    return (
        Item("2025", 0o755),
        Item("2025/beach.raw", content=_noise("beach", 300_001)),
        Item("2025/forest.raw", content=_noise("forest", 200_000)),
        Item("2026", 0o755),
        Item("2026/panorama.raw", 0o444, _noise("panorama", 4 * MIB)),
        Item("2026/portrait.raw", 0o600, _noise("portrait", 123_457)),
        Item("latest", target="2026"),
        Item("index.txt", content=_text("photo", 50)),
        Item(".nomedia", content=b""),
    )


def _website() -> tuple[Item, ...]:
    return (
        Item("index.html", content=b"<!doctype html>\n<title>Hello</title>\n<p>It works.</p>\n"),
        Item("bin", 0o711),
        Item("bin/deploy", 0o4711, b"#!/bin/sh\nexec true\n"),
        Item("conf", 0o700),
        Item("conf/secret.ini", 0o600, b"[database]\npassword = correct horse battery staple\n"),
        Item("static", 0o755),
        Item("static/a", 0o755),
        Item("static/a/b", 0o755),
        Item("static/a/b/c", 0o755),
        Item("static/a/b/c/deep.css", content=_text("p { margin: 0 }", 80)),
        Item("static/font.bin", content=_noise("font", MIB + 7)),
        Item("upload", 0o1777),
        Item("upload/.keep", content=b""),
        Item("current", target="releases/of/tomorrow"),
    )


def _text(words: str, lines: int) -> bytes:
    return "".join(f"{number:04} {words}\n" for number in range(lines)).encode()


def _noise(seed: str, size: int) -> bytes:
    """Return bytes that no file system can compress, from a seed."""
    return random.Random(seed).randbytes(size)
