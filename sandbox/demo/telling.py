# SPDX-License-Identifier: Apache-2.0
"""Tells what happens while it happens: a spinner on a terminal, plain lines anywhere else."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.status import Status

INDENT = "     "
PLAIN_SECONDS = 15
PLAIN_WIDTH = 120


@dataclass(frozen=True)
class Chapter:
    """A part of the story that has ended well.

    :ivar requests: what Karbor has asked of Manila meanwhile, counted by the proxy.
    """

    name: str
    seconds: float
    requests: int


class Teller:
    """Prints the story and measures its chapters.

    :param console: where to print; one that is no terminal gets plain lines.
    :param requests: returns how many requests Karbor has sent to Manila so far.
    :param total: how many chapters there will be.
    """

    def __init__(
        self,
        console: Console,
        requests: Callable[[], int],
        total: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console
        self.done: list[Chapter] = []
        self.current = ""
        self._requests = requests
        self._total = total
        self._clock = clock
        self._status: Status | None = None
        self._last_plain = 0.0

    @contextlib.contextmanager
    def chapter(self, name: str, what: str, api: str) -> Iterator[None]:
        """Announce a chapter, measure it, and say how long it took.

        :param name: one word, for the table.
        :param what: what happens, as a sentence.
        :param api: through which API.
        """
        self.current = name
        number = f"{len(self.done) + 1}/{self._total}"
        self.line(f"\n{number}  {what}", style="bold")
        self.line(f"{INDENT}{api}", style="dim")
        began, before = self._clock(), self._requests()
        self._last_plain = began
        self._status = self.console.status(f"{name} ...", spinner="line")
        with self._status:
            yield
        self._status = None
        self.done.append(Chapter(name, self._clock() - began, self._requests() - before))
        self.current = ""
        self.line(f"{INDENT}done in {self.done[-1].seconds:.1f} s", style="green")

    def fact(self, text: str) -> None:
        """Say something that is true now."""
        self.line(f"{INDENT}{text}")

    def waiting(self, text: str) -> None:
        """Say what is being waited for: beside the spinner, or now and then as a line."""
        if self._status and self.console.is_terminal:
            self._status.update(text)
        elif self._clock() - self._last_plain >= PLAIN_SECONDS:
            self._last_plain = self._clock()
            self.fact(text)

    def line(self, text: str, style: str | None = None) -> None:
        """Print a line as it is: no markup, and no folding in the middle of a path or an id."""
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def console(stderr: bool = False) -> Console:
    """Return a console for this process; what is no terminal is wide enough for full ids."""
    made = Console(stderr=stderr)
    return made if made.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)
