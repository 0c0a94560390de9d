#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the commands of doc/tutorial.md one after the other, and compare what they print.

    python3 tools/tutorial.py            in a fresh clone of the last commit, all installed anew
    python3 tools/tutorial.py --here     in this tree, with what is installed in it

Every ``$ `` line of a ``console`` block is typed into one bash; each has to end with exit code 0
and to print what stands below it. Ids, times, numbers and paths may differ, ``...`` stands for
any lines, and what goes to the standard error (progress, warnings) is not compared. Exit code 1
and the difference at the first command that does otherwise; the sandbox is removed in any
case. Needs bash, git and what the sandbox needs.
"""

import argparse
import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "doc" / "tutorial.md"
STATE = Path(".sandbox") / "state"
#: Seconds that one command may take: the first one installs all services.
LIMIT = 1200.0
ANY = "..."
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: What is otherwise each time, and what stands for it.
_VARIES = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"(?<![\w.])/[\w./-]+"), "PATH"),
    (re.compile(r"\b\d+(?:[.:-]\d+)*\b"), "N"),
    (re.compile(r"[-+=]{2,}"), "-"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Step:
    """One command.

    :ivar line: where it stands on the page, from 1
    :ivar expected: the lines below it
    """

    line: int
    command: str
    expected: tuple[str, ...]


def steps(text: str) -> Iterator[Step]:
    """The commands of a page, in their order."""
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1)) + 1
        for part in re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]:
            typed = re.match(r"(?:[^\n]*\\\n)*[^\n]*", part)
            command = typed[0] if typed else part
            rest = part[len(command) :].strip("\n")
            yield Step(line, command, tuple(rest.splitlines()))
            line += part.count("\n")


def difference(expected: Sequence[str], printed: Sequence[str]) -> str:
    """What is otherwise than it stands on the page; empty when nothing is."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == ANY else re.escape(plain(line)) + r"\n" for line in expected
    )
    if re.fullmatch(pattern, "".join(plain(line) + "\n" for line in printed)):
        return ""
    return "\n".join(
        [
            "the page has:",
            *(f"  {line}" for line in expected),
            "printed was:",
            *(f"  {line}" for line in printed),
        ]
    )


def plain(line: str) -> str:
    """A line without what is otherwise each time."""
    for pattern, word in _VARIES:
        line = pattern.sub(word, line)
    return line.strip()


class Shell:
    """One bash, whose variables and folder stay from command to command.

    :param errors: takes the standard error
    """

    def __init__(self, folder: Path, errors: TextIO) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self._errors = errors
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],  # noqa: S607 - as a reader's PATH finds it
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def run(self, command: str, seconds: float = LIMIT) -> tuple[int | None, list[str]]:
        """Exit code and lines of one command; no code when it did not end in time."""
        mark = secrets.token_hex(16)
        stdin, stdout = self._bash.stdin, self._bash.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("bash was started without pipes")
        stdin.write(f"{{ {command}\n}} < /dev/null\nprintf '\\n%s %s\\n' {mark} $?\n")
        stdin.flush()
        timer = threading.Timer(seconds, self._bash.kill)
        timer.start()
        lines: list[str] = []
        code = None
        for line in stdout:
            if line.startswith(mark):
                code = int(line.split()[1])
                break
            lines.append(line.rstrip())
        timer.cancel()
        while lines and not lines[-1]:
            lines.pop()
        return code, lines

    def errors(self) -> str:
        """The end of what the standard error has."""
        self._errors.seek(0)
        return self._errors.read()[-2000:]

    def close(self) -> None:
        """End it."""
        self._bash.kill()
        self._bash.communicate()


def follow(page: Path, folder: Path, say: Callable[[str], object]) -> int:
    """Run all commands of a page in a folder; the exit code of this tool."""
    began = time.monotonic()
    with (
        tempfile.TemporaryFile("w+") as errors,
        contextlib.closing(Shell(folder, errors)) as shell,
    ):
        for step in steps(page.read_text(encoding="utf-8")):
            start = time.monotonic()
            code, printed = shell.run(step.command)
            say(f"{time.monotonic() - start:6.1f} s  {step.command}")
            wrong = difference(step.expected, printed)
            if code != 0 or wrong:
                ended = "did not end" if code is None else f"ended with {code}"
                said = wrong or "\n".join(printed)
                say(f"\n{page.name}:{step.line}: it {ended}; {said}\n{shell.errors()}")
                return 1
    say(f"All commands printed what {page.name} has, in {time.monotonic() - began:.0f} s.")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Follow the tutorial; see the first lines of this file."""
    parser = argparse.ArgumentParser(description="Run the commands of the tutorial.")
    parser.add_argument("--here", action="store_true", help="in this tree, not in a fresh clone")
    given = parser.parse_args(argv)
    # What ends this tool ends the services that it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        folder = ROOT
        if not given.here:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "karbor-manila"
            subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)  # noqa: S607
        elif (ROOT / STATE).exists():
            sys.stderr.write(f"{STATE} is there already: python3 -m sandbox destroy\n")
            return 1
        destroy = ["python3", "-m", "sandbox", "destroy"]
        stack.callback(subprocess.run, destroy, cwd=folder, stdout=subprocess.DEVNULL, check=False)
        return follow(folder / PAGE.relative_to(ROOT), folder, print_line)


def print_line(line: str) -> None:
    """One line at once: it is read by who waits."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
