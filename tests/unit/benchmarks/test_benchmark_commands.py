# SPDX-License-Identifier: Apache-2.0
"""What the command line chooses, and what is printed and drawn from a file."""

import argparse

import pytest

from benchmarks import __main__ as command
from benchmarks import commands
from benchmarks.contenders import NAMES, OURS, PROTECT, STOCK, WORKS
from benchmarks.measured import Measured, Run

ABOUT = {
    "commit": "4a094d8",
    "date": "2026-11-26T10:00:00+00:00",
    "options": {},
    "python": "3.11.7",
    "versions": {"karbor": "1.6.0", "none": None},
    "cores": 2,
    "load": 0.5,
}
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def kept(tmp_path):
    """A run of all contenders in a file, as ``--json`` leaves it."""
    lines = [
        Measured(
            who,
            work,
            size,
            number,
            seconds=size * (1 + place / 10),
            answered=0.1,
            requests={"POST /v2/snapshots": size},
            cpu={"manila": 1.0, **({"karbor": size / 20} if place > 1 else {})},
            memory=150.0 if place > 1 else None,
        )
        for size in (1, 100)
        for number in (1, 2)
        for place, who in enumerate(NAMES.values())
        for work in WORKS
    ]
    lines.append(Measured(STOCK, PROTECT, 500, 1, 3.0, error="Failed: it ended as 'error'"))
    path = tmp_path / "run.json"
    Run(ABOUT, tuple(lines)).save(path)
    return path


def test_all_contenders_works_and_sizes_are_measured_when_nothing_is_chosen():
    given = command.parser().parse_args(["measure"])
    assert [NAMES[name] for name in given.contenders] == list(NAMES.values())
    assert (given.shares, given.works) == ([1, 20, 100, 500], list(WORKS))
    assert (given.package, given.option) == (None, [])


def test_measure_need_not_be_named(monkeypatch):
    seen = []
    monkeypatch.setattr(commands, "measure", lambda given: seen.append(given) or 0)
    words = ["--contenders", "ours", "stock", "--shares", "20", "--option", "poll_interval=0.5"]
    assert command.main(words) == 0
    assert command.main([]) == 0
    assert (seen[0].contenders, seen[0].shares) == (["ours", "stock"], [20])
    assert seen[0].option == [("poll_interval", "0.5")]


def test_contenders_come_in_the_order_of_a_round_whatever_the_order_of_the_words():
    given = command.parser().parse_args(["measure", "--contenders", "ours", "bare"])
    assert commands.chosen(given) == [NAMES["bare"], NAMES["ours"]]
    given = command.parser().parse_args(["measure", "--one-karbor"])
    assert commands.chosen(given) == [
        name for word, name in NAMES.items() if word != "stock-default"
    ]


def test_an_unknown_contender_is_refused():
    with pytest.raises(SystemExit) as end:
        command.parser().parse_args(["measure", "--contenders", "theirs"])
    assert end.value.code == 2


def test_an_option_needs_a_value():
    with pytest.raises(argparse.ArgumentTypeError):
        commands.option("poll_interval")


def test_a_run_comes_back_from_its_file_as_it_was(kept):
    run = Run.load(kept)
    assert (run.about, len(run.measured)) == (ABOUT, 61)
    run.plus([]).save(kept)
    assert Run.load(kept) == run
    with pytest.raises(FileNotFoundError):
        Run.load(kept.with_name("other.json"))


def test_a_report_has_figures_requests_goals_and_what_failed(kept, capsys):
    assert command.main(["report", str(kept)]) == 0
    said = capsys.readouterr().out
    for part in (
        "karbor-manila 4a094d8",
        "Requests to Manila",
        "POST /v2/snapshots 1.00",
        "not met",
        "failed: Karbor's own, 1 s, protect 500",
    ):
        assert part in said


def test_two_files_are_compared(kept, capsys):
    assert command.main(["report", str(kept), str(kept)]) == 0
    said = capsys.readouterr().out
    assert "before > after" in said
    assert "140.00 > 140.00" in said


@pytest.mark.parametrize("files", [1, 2])
def test_a_chart_is_drawn_from_files(kept, tmp_path, files):
    pytest.importorskip("matplotlib", reason="in the environment benchmark alone")
    picture = tmp_path / "chart.png"
    assert command.main(["report", *[str(kept)] * files, "--chart", str(picture)]) == 0
    assert picture.read_bytes().startswith(PNG)


def test_tables_for_the_documents_are_markdown(kept, capsys):
    assert command.main(["report", str(kept), "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [place for place, line in enumerate(lines) if line.startswith("|-")]
    assert len(heads) == 3
    cells = [lines[place - 1].count("|") for place in heads]
    assert [lines[place + 1].count("|") for place in heads] == cells
    assert "karbor-manila | 100" in " ".join(" ".join(lines).split())


def test_ours_is_one_of_the_contenders():
    assert NAMES["ours"] == OURS
