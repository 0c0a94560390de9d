# SPDX-License-Identifier: Apache-2.0
"""What a person reads: the figures of a run, its requests by kind, its goals, and two runs."""

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from benchmarks import ratios
from benchmarks.contenders import BARE, OURS, SAME, STOCK
from benchmarks.goals import goals
from benchmarks.measured import Run
from benchmarks.ratios import Figure, Figures, Spread

_MET = {True: "met", False: "[bold]not met[/bold]", None: "not measured"}


def one(run: Run) -> Group:
    """Return all tables of one run."""
    figures = Figures(run.measured)
    tables: list[RenderableType] = [
        about(run),
        _figures(figures),
        _requests(run),
        _goals(run, figures),
    ]
    tables += [
        f"failed: {it.who}, {it.work} {it.shares}: {it.error}" for it in run.measured if it.error
    ]
    return Group(*tables)


def about(run: Run) -> str:
    """Return a line on what was measured, when, and on what."""
    known = run.about
    options = ", ".join(f"{name}={value}" for name, value in known.get("options", {}).items())
    versions = ", ".join(f"{name} {value}" for name, value in known["versions"].items() if value)
    name = f"karbor-manila {known['commit']}{f' ({options})' if options else ''}"
    name += ", both plugins in one Karbor" if known.get("one_karbor") else ""
    machine = f"{known['cores']} cores, load {known['load']:.1f} at the start"
    return (
        f"{name}, {known['date']}, Python {known['python']}, {versions}, {machine}. "
        "Medians of the rounds (lowest..highest); a ratio is taken within a round."
    )


def _figures(figures: Figures) -> Table:
    table = Table("work", "who", title="Figures")
    for name in (
        "shares",
        "seconds",
        "until answered",
        "to bare",
        "to same work",
        "requests a share",
        "Karbor's CPU, ms a share",
        "to its own, 1 s",
        "Manila's CPU, ms a share",
        "Karbor's peak, MiB",
    ):
        table.add_column(name, justify="right")
    for work in figures.works():
        for size in figures.sizes():
            for who in figures.who():
                table.add_row(work, who, str(size), *_cells(figures, who, work, size))
            table.add_section()
    return table


def _cells(figures: Figures, who: str, work: str, size: int) -> Iterator[str]:
    def spread(figure: Figure, digits: int) -> str:
        return _text(figures.spread(who, work, size, figure), digits)

    def ratio(base: str, figure: Figure) -> str:
        return "" if who == base else _text(figures.ratio(who, base, work, size, figure), 2)

    yield spread(ratios.seconds, 2)
    yield spread(ratios.answered, 2)
    yield ratio(BARE, ratios.seconds)
    yield ratio(SAME, ratios.seconds)
    yield spread(ratios.requests, 2)
    yield spread(ratios.karbor, 0)
    yield ratio(STOCK, ratios.karbor)
    yield spread(ratios.manila, 0)
    yield spread(ratios.memory, 0)


def _requests(run: Run) -> Table:
    """By kind, a share, in the last round of each."""
    table = Table("work", "who", "requests a share, by kind", title="Requests to Manila")
    table.add_column("shares", justify="right")
    last = {(it.work, it.shares, it.who): it for it in run.measured if not it.error}
    for (work, shares, who), line in last.items():
        kinds = sorted(line.requests.items(), key=lambda item: -item[1])
        text = ", ".join(f"{kind} {count / shares:.2f}" for kind, count in kinds)
        table.add_row(work, who, text, str(shares))
    return table


def _goals(run: Run, figures: Figures) -> Table:
    table = Table("work", title="Goals of karbor-manila (the median decides)")
    table.add_column("shares", justify="right")
    table.add_column("what")
    for name in ("at most", "measured"):
        table.add_column(name, justify="right")
    table.add_column("")
    for goal in goals(figures, run.about.get("options", {})):
        found = _text(goal.found, 2)
        table.add_row(
            goal.work, str(goal.shares), goal.what, f"{goal.at_most:.2f}", found, _MET[goal.met]
        )
    return table


def two(before: Run, after: Run) -> Group:
    """Return one table of two runs, ours alone, side by side."""
    table = Table("work", title="karbor-manila, before > after")
    pair = Figures(before.measured), Figures(after.measured)
    table.add_column("shares", justify="right")
    for name in (
        "seconds",
        "to bare",
        "to same work",
        "to Karbor's own, 1 s",
        "requests a share",
        "Karbor's CPU, ms a share",
        "to its own, 1 s",
        "Manila's CPU, ms a share",
        "Karbor's peak, MiB",
    ):
        table.add_column(name, justify="right")
    for work in pair[1].works():
        for size in pair[1].sizes():
            columns = zip(*(_compared(it, work, size) for it in pair), strict=True)
            table.add_row(work, str(size), *(f"{old} > {new}" for old, new in columns))
        table.add_section()
    return Group(f"before: {about(before)}", f"after: {about(after)}", table)


def _compared(figures: Figures, work: str, size: int) -> Iterator[str]:
    def middle(spread: Spread | None, digits: int) -> str:
        return "?" if spread is None else f"{spread.median:.{digits}f}"

    yield middle(figures.spread(OURS, work, size, ratios.seconds), 2)
    for base in (BARE, SAME, STOCK):
        yield middle(figures.ratio(OURS, base, work, size, ratios.seconds), 2)
    yield middle(figures.spread(OURS, work, size, ratios.requests), 2)
    yield middle(figures.spread(OURS, work, size, ratios.karbor), 0)
    yield middle(figures.ratio(OURS, STOCK, work, size, ratios.karbor), 2)
    yield middle(figures.spread(OURS, work, size, ratios.manila), 0)
    yield middle(figures.spread(OURS, work, size, ratios.memory), 0)


def markdown(found: Group) -> Group:
    """Return the same with tables in Markdown, each below its title."""
    parts: list[RenderableType] = []
    for part in found.renderables:
        if isinstance(part, Table):
            parts += ["", f"{part.title}", ""]
            part.title, part.box = None, box.MARKDOWN
            for row in part.rows:
                row.end_section = False
        parts.append(part)
    return Group(*parts)


def _text(spread: Spread | None, digits: int) -> str:
    return "" if spread is None else spread.text(digits)
