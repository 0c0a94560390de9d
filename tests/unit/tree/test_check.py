# SPDX-License-Identifier: Apache-2.0
"""tools/check.py: its sum is the truth, and what it starts it ends."""

import importlib.util
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

CHECK = Path(__file__).resolve().parents[3] / "tools" / "check.py"

#: Instead of tox: each environment says that it runs and waits for what a test names: that
#: another one has begun, which is told through a pipe of this name, or something that never comes.
TOX = """#!{python}
import os, pathlib, select, sys
folder, name = pathlib.Path({folder!r}), sys.argv[-1]
if "--notest" in sys.argv:
    sys.exit()
print(name, "begins", flush=True)
try:
    (folder / f"{{name}}.begun").touch()
    os.write(os.open(folder / f"{{name}}.begins", os.O_RDWR), b"told")
    for each in {waits!r}.get(name, ()):
        if not select.select([os.open(folder / each, os.O_RDWR)], [], [], 60)[0]:
            sys.exit(3)
except KeyboardInterrupt:
    (folder / f"{{name}}.ended").touch()
    sys.exit(2)
print(name, "ends", flush=True)
sys.exit({codes!r}.get(name, 0))
"""

MAIN = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("check", {check!r})
check = importlib.util.module_from_spec(spec)
sys.modules["check"] = check
spec.loader.exec_module(check)
check.ROOT = pathlib.Path({folder!r})
check.WORK = check.ROOT / "work"
check._install_tox = lambda: check.ROOT / "tox"
sys.exit(check.main({names!r}))
"""

#: What stands in for tox here: all that a machine without node runs.
NAMES = ["linters", "unit", "docs", "functional"]

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[dict[str, int]]:
    """By name; held open, so that what is told is kept when its teller has ended."""
    opened: dict[str, int] = {}
    for name in (*(f"{name}.begins" for name in NAMES), "never"):
        os.mkfifo(tmp_path / name)
        opened[name] = os.open(tmp_path / name, os.O_RDWR)
    yield opened
    for pipe in opened.values():
        os.close(pipe)


@pytest.fixture
def begin(tmp_path: Path, pipes: dict[str, int]) -> Begin:
    """Start check.py on these environments, which wait for each other, and end with codes."""

    def started(waits: dict[str, list[str]], codes: dict[str, int]) -> "subprocess.Popen[str]":
        folder = str(tmp_path)
        tox = tmp_path / "tox"
        tox.write_text(TOX.format(python=sys.executable, folder=folder, waits=waits, codes=codes))
        tox.chmod(0o700)
        main = MAIN.format(check=str(CHECK), folder=folder, names=NAMES)
        return subprocess.Popen([sys.executable, "-c", main], stdout=subprocess.PIPE, text=True)

    return started


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check", CHECK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_errors_count_as_failures_and_skipped_ones_as_neither(
    check: ModuleType, tmp_path: Path
) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite tests="10" failures="2" errors="1" skipped="3"/></testsuites>'
    )
    assert check._counts(report) == (4, 3, 3)


def test_a_run_that_left_no_report_counts_nothing(check: ModuleType, tmp_path: Path) -> None:
    assert check._counts(tmp_path / "none.xml") == (0, 0, 0)


@pytest.mark.parametrize(
    ("there", "added"), [((), []), (("node",), []), (("node", "npm"), ["dashboard"])]
)
def test_the_dashboard_is_run_where_node_is_and_the_rest_everywhere(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], added: list[str]
) -> None:
    monkeypatch.setattr(check.shutil, "which", lambda name: name if name in there else None)
    assert check._environments() == ["linters", "unit", "docs", *added, "functional"]


def test_functional_tests_run_beside_the_others_and_nothing_is_printed_mixed(begin: Begin) -> None:
    meet = {"unit": ["functional.begins"], "functional": ["unit.begins"]}
    said, _ = begin(meet, {}).communicate(timeout=120)
    assert said.splitlines()[: 2 * len(NAMES)] == [
        f"{name} {what}" for name in NAMES for what in ("begins", "ends")
    ]
    assert said.splitlines()[-1] == "4 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize(("names", "made"), [(["functional"], True), (["unit", "docs"], False)])
def test_the_venvs_of_the_sandbox_are_made_beside_the_environments_that_need_it(
    check: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    names: list[str],
    made: bool,
) -> None:
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "__main__.py").write_text(
        "import pathlib, sys\npathlib.Path('asked').write_text(' '.join(sys.argv[1:]))"
    )
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "WORK", tmp_path / "work")
    with check._sandbox(names):
        pass
    asked = tmp_path / "asked"
    assert (asked.read_text() if asked.exists() else "") == ("install --zaqar" if made else "")


@pytest.mark.parametrize("failing", NAMES)
def test_one_that_fails_without_a_report_stops_no_other_and_is_counted(
    begin: Begin, failing: str
) -> None:
    run = begin({}, {failing: 1})
    said, _ = run.communicate(timeout=120)
    assert "functional ends" in said
    assert "unit ends" in said
    assert "docs ends" in said
    assert said.splitlines()[-1] == "3 passed, 1 failed, 0 skipped"
    assert run.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_it_ends_all_that_runs_and_nothing_more_begins(
    begin: Begin, tmp_path: Path, pipes: dict[str, int], number: int
) -> None:
    run = begin({"linters": ["never"], "functional": ["never"]}, {})
    for name in ("linters", "functional"):
        assert select.select([pipes[f"{name}.begins"]], [], [], 60)[0]
    run.send_signal(number)
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert all((tmp_path / f"{name}.ended").exists() for name in ("linters", "functional"))
    assert not (tmp_path / "unit.begun").exists()
    assert not (tmp_path / "docs.begun").exists()
