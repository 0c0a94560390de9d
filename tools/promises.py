#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print which test holds which promise, as Markdown: made from the tests and the pages themselves.

    python3 tools/promises.py [FILE]        to a file, or to the standard output

A test's name is the promise that it shows, a file's first line what its promises are about. Then
come the lines of README.md and doc/ that name a test as their proof. Exit code 1, and a list on the
standard error, when a page names a test that is not there. Needs nothing but Python.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
#: Folders below tests/, in the order of the map, and what their tests run on.
KINDS = {
    "unit": "without services",
    "contract": "each driver, on the fake Manila and on the sandbox",
    "walk": "a random walk against a model",
    "functional": "real Keystone, Manila and Karbor",
    "dashboard": "karbor-dashboard's own JavaScript",
}
_FILE = rf"(?:tests/)?((?:{'|'.join(KINDS)})/[\w/]+\.py)"
_WHOLE = re.compile(rf"{_FILE}(?:::(\w+(?:\.\.\.)?))?")
_NAME = re.compile(r"(?<![\w:./])(test_\w+(?:\.\.\.)?|\.\.\._\w+)(?![\w./])")
_CODE = re.compile(r"`([^`\n]+)`")
_CUT = "..."
#: What pages write where any file of tests is meant.
_ANY = "test_x.py"


@dataclass(frozen=True)
class Held:
    """The promises of one file of tests.

    :ivar path: below tests/
    :ivar about: the first line of its docstring
    :ivar names: of its tests, in their order
    """

    path: str
    about: str
    names: tuple[str, ...]

    @property
    def room(self) -> str:
        """The folders that it is in, such as ``unit/operations``."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class Claim:
    """A line of a page that names tests as its proof.

    :ivar where: page and line
    :ivar text: what it claims: the first cells of a table's row, or nothing
    :ivar tests: as they are written there
    :ivar missing: those of them that are not there
    """

    where: str
    text: str
    tests: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def held(tests: Path = TESTS) -> list[Held]:
    """What every file of tests promises."""
    files = sorted(path for kind in KINDS for path in (tests / kind).rglob("*.py"))
    read = (_read(path, path.relative_to(tests).as_posix()) for path in files)
    return [each for each in read if each.names]


def _read(path: Path, name: str) -> Held:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    about = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
    names = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return Held(name, about, tuple(each for each in names if each.startswith("test_")))


def claims(files: list[Held], root: Path = ROOT) -> list[Claim]:
    """What the pages claim by naming a test."""
    pages = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "doc").rglob("*.md"))]
    known = _Known(files, root)
    found = []
    for page in pages:
        lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
        for number, line in enumerate(lines, 1):
            named = list(dict.fromkeys(_named(line)))
            if named:
                missing = [test for test in named if not known.has(test)]
                where = f"{page.relative_to(root).as_posix()}:{number}"
                found.append(Claim(where, _claimed(line), named, missing))
    return found


def _named(line: str) -> Iterator[str]:
    """The tests that a line names in code: a file, a test in a file, or the name of a test alone.

    ``test_of_...`` is every test that begins so, ``..._by_ours`` every one that ends so.
    """
    for match in _CODE.finditer(line):
        code = match[1]
        if _ANY in code:
            continue
        if whole := _WHOLE.search(code):
            yield whole[1] + (f"::{whole[2]}" if whole[2] else "")
        elif not code.endswith(".py"):
            yield from _NAME.findall(code)


def _claimed(line: str) -> str:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) < 2:
        return ""
    return f"{cells[0]}: {cells[-2]}" if len(cells) > 2 else cells[0]


class _Known:
    """Says whether a test that a page names is there."""

    def __init__(self, files: list[Held], root: Path) -> None:
        self._tests = root / "tests"
        self._files = {each.path: set(each.names) for each in files}
        self._names = set().union(*self._files.values())

    def has(self, named: str) -> bool:
        path, _, test = named.rpartition("::")
        if not path and named.endswith(".py"):
            return named in self._files or (self._tests / named).exists()
        names = self._files.get(path, set()) if path else self._names
        if test.startswith(_CUT):
            return any(name.endswith(test.removeprefix(_CUT)) for name in names)
        if test.endswith(_CUT):
            return any(name.startswith(test.removesuffix(_CUT)) for name in names)
        return test in names


def written(files: list[Held], pages: list[Claim]) -> str:
    """The map, as Markdown."""
    total = sum(len(each.names) for each in files)
    lines = [
        "# Which test holds which promise",
        "",
        f"Made by `tools/promises.py` from {total} tests in {len(files)} files; a test with "
        "parameters counts once. Not kept by hand.",
        "",
    ]
    for kind, what in KINDS.items():
        for room in dict.fromkeys(each.room for each in files if each.room.split("/")[0] == kind):
            lines += [f"## tests/{room}: {what}", ""]
            for each in files:
                if each.room == room:
                    lines += [f"### {each.about or each.path}", "", f"`tests/{each.path}`", ""]
                    lines += [f"- {_sentence(name)}" for name in each.names]
                    lines.append("")
    lines += ["## What the pages claim", "", "| page | claim | held by |", "|---|---|---|"]
    for claim in pages:
        lines.append(f"| {claim.where} | {claim.text} | {', '.join(claim.tests)} |")
    return "\n".join(lines) + "\n"


def _sentence(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def main(arguments: list[str]) -> int:
    """Write the map; the exit code says whether every test that a page names is there."""
    files = held()
    pages = claims(files)
    text = written(files, pages)
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    wrong = [f"{claim.where} names {test}" for claim in pages for test in claim.missing]
    if wrong:
        sys.stderr.write("\n".join([*wrong, "There is no such test."]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
