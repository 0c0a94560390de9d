# SPDX-License-Identifier: Apache-2.0
"""The tables at the end of the demonstration."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from sandbox.demo.telling import Chapter

FULL_WIDTH = 116
SHORT = 8


@dataclass(frozen=True)
class ShareRow:
    """What became of one share.

    :ivar share: its name.
    :ivar snapshot: id of the snapshot that protected it.
    :ivar restored: id of the share that it was restored to.
    :ivar files: how many files were compared.
    """

    share: str
    snapshot: str
    restored: str
    files: int


def show(console: Console, rows: Iterable[ShareRow], chapters: Iterable[Chapter]) -> None:
    """Print both tables; where ids do not fit, their first characters."""
    full = console.width >= FULL_WIDTH
    console.print()
    console.print(shares_table(rows, full=full), highlight=False)
    console.print()
    console.print(steps_table(chapters), highlight=False)


def shares_table(rows: Iterable[ShareRow], *, full: bool) -> Table:
    """One line for each share.

    :param full: whether ids are shown in full.
    """
    table = Table(box=box.SIMPLE_HEAD, title="What was protected and restored", title_style="bold")
    for name in ("share", "snapshot", "restored share"):
        table.add_column(name, no_wrap=True)
    table.add_column("files compared", justify="right")
    table.add_column("result")
    for row in rows:
        ids = (row.snapshot, row.restored)
        shown = ids if full else tuple(one[:SHORT] for one in ids)
        table.add_row(row.share, *shown, str(row.files), "identical")
    return table


def steps_table(chapters: Iterable[Chapter]) -> Table:
    """One line for each step that did something to the shares, and their sum."""
    chapters = list(chapters)
    table = Table(box=box.SIMPLE_HEAD, title="What it took", title_style="bold", show_footer=True)
    table.add_column("step", footer="total")
    seconds = sum(chapter.seconds for chapter in chapters)
    table.add_column("seconds", justify="right", footer=f"{seconds:.1f}")
    requests = sum(chapter.requests for chapter in chapters)
    table.add_column("requests of Karbor to Manila", justify="right", footer=str(requests))
    for chapter in chapters:
        table.add_row(chapter.name, f"{chapter.seconds:.1f}", str(chapter.requests))
    return table
