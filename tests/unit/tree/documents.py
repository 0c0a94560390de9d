# SPDX-License-Identifier: Apache-2.0
"""The documents of the repository as tests read them: pages, their headings, links and examples."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("doc/**/*.md")])

_FENCE = re.compile(r"^ *```(.*)$")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"!?\[[^\]]+\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """What stands between two fences.

    :ivar language: what follows the first fence, empty for none
    :ivar line: where it begins, from 1
    """

    page: "Page"
    language: str
    line: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """What is typed into a shell, without prompts, a line that goes on joined with the next."""
        typed = re.sub(r" *\\\n *", " ", "\n".join(self.lines)).splitlines()
        if self.language == "console":
            return [line[2:] for line in typed if line.startswith("$ ")]
        return typed if not self.language else []


class Page:
    """One document.

    :ivar prose: its lines outside of fences, with their numbers from 1
    :ivar blocks: what is inside of fences
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.prose: list[tuple[int, str]] = []
        self.blocks: list[Block] = []
        self._read(path.read_text(encoding="utf-8").splitlines())

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    def _read(self, lines: list[str]) -> None:
        fence: tuple[str, int] | None = None
        inside: list[str] = []
        for number, line in enumerate(lines, 1):
            match = _FENCE.match(line)
            if match and fence is None:
                fence, inside = (match[1], number), []
            elif match and fence is not None:
                self.blocks.append(Block(self, *fence, tuple(inside)))
                fence = None
            elif fence is not None:
                inside.append(line.removeprefix("   ") if lines[fence[1] - 1][0] == " " else line)
            else:
                self.prose.append((number, line))
        assert fence is None, f"{self}: a fence is not closed"

    def anchors(self) -> set[str]:
        """The fragments by which its headings are reached."""
        return {anchor(line.lstrip("#")) for _n, line in self.prose if re.match("#+ ", line)}

    def links(self) -> Iterator[tuple[int, str]]:
        """Line and target of each."""
        for number, line in self.prose:
            yield from ((number, match[1]) for match in _LINK.finditer(line))

    def spans(self) -> Iterator[tuple[int, str]]:
        """Line and text of what stands between backticks."""
        for number, line in self.prose:
            yield from ((number, match[1]) for match in _SPAN.finditer(line))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of each row of a table."""
        for number, line in self.prose:
            if line.startswith("|"):
                yield number, [cell.strip() for cell in line.strip().strip("|").split("|")]


def anchor(heading: str) -> str:
    """A heading's fragment, as GitHub and myst-parser make it."""
    kept = (
        letter
        for letter in heading.strip().lower()
        if letter in "-_ " or unicodedata.category(letter)[0] in "LN"
    )
    return "".join(kept).replace(" ", "-")


def pages() -> list[Page]:
    """All of them."""
    return [Page(path) for path in PAGES]


def page(name: str) -> Page:
    """One, by its path from the root."""
    return Page(ROOT / name)
