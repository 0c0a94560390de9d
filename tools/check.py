#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run all checks of karbor-manila: linters, unit tests, documents, functional tests on the sandbox.

    python3 tools/check.py [ENVIRONMENT...]

Needs Python 3.11 to 3.13 and a package index, nothing else: tox is installed into ``.tools``. Where
node and npm are installed, karbor-dashboard's JavaScript is run on our schemas as well.

The functional tests wait most of their time, so the others run beside them. Each environment
writes to ``.tox/NAME.log``; what it says is printed in the order of the environments, not mixed.
Ctrl-C and SIGTERM end what was started, and wait until the functional tests have ended their
services.

Prints the sum of all tests at the end; exit code 0 when everything passed, 1 otherwise.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / f"py{sys.version_info.major}.{sys.version_info.minor}"
WORK = ROOT / ".tox"
TOX = "tox==4.67.13"
#: The documents come after the unit tests: they are built with their pictures drawn anew, and a
#: unit test finds the ones that are not up to date.
ENVIRONMENTS = ("linters", "unit", "docs", "functional")
#: Run beside each other; within one, one after the other.
LANES = (("functional",), ("linters", "unit", "docs", "dashboard"))
LOOK_SECONDS = 0.2
INTERRUPTED = 130


@dataclass
class Run:
    """One environment: what it says goes to its log.

    :ivar code: the exit code; None while it has none
    """

    tox: Path
    environment: str
    code: int | None = None
    _process: Any = None
    _refused: bool = False
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        WORK.mkdir(exist_ok=True)
        self.report.unlink(missing_ok=True)
        self.log.write_bytes(b"")

    @property
    def report(self) -> Path:
        """What pytest writes of its tests."""
        return WORK / f"junit-{self.environment}.xml"

    @property
    def log(self) -> Path:
        """What is printed when it is this environment's turn."""
        return WORK / f"{self.environment}.log"

    def work(self) -> None:
        """Run it to its end."""
        try:
            self._start()
            if self._process is not None:
                self.code = self._process.wait()
        finally:
            self._ended.set()

    def _start(self) -> None:
        # What it needs is installed already: two at once would be in each other's way.
        command = [self.tox, "run", "--skip-pkg-install", "-e", self.environment]
        with self._starting, self.log.open("ab") as stream:
            if not self._refused:
                # A session of its own: a Ctrl-C reaches it once, from us, and not twice.
                self._process = subprocess.Popen(  # noqa: S603
                    command, cwd=ROOT, stdout=stream, stderr=stream, start_new_session=True
                )

    def stop(self) -> None:
        """It does not begin any more; if it runs, tox hands the signal on to what it started."""
        with self._starting:
            self._refused = True
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(signal.SIGINT)

    def show(self) -> None:
        """Print what it says, until it has ended."""
        with self.log.open("rb") as said:
            ended = False
            while not ended:
                ended = self._ended.wait(LOOK_SECONDS)
                shutil.copyfileobj(said, sys.stdout.buffer)
                sys.stdout.flush()

    def counts(self) -> tuple[int, int, int]:
        """Passed, failed and skipped; one of them at least is there, whatever has happened."""
        passed, failed, skipped = _counts(self.report)
        if not self.report.exists() or (self.code != 0 and not failed):
            # Linters and documents have no report, and tests that could not even start leave none.
            passed += self.code == 0
            failed += self.code != 0
        return passed, failed, skipped


def main(environments: list[str]) -> int:
    """Run the environments, or all of them, and print what they say and the sum."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    tox = _install_tox()
    names = environments or _environments()
    with _sandbox(names):
        _make(tox, names)
    runs = [Run(tox, name) for name in names]
    if not _work(runs):
        print("interrupted", flush=True)  # noqa: T201
        return INTERRUPTED
    passed, failed, skipped = (
        sum(each) for each in zip(*(run.counts() for run in runs), strict=True)
    )
    print(f"all environments in {time.monotonic() - began:.0f} s")  # noqa: T201
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)  # noqa: T201
    return 1 if failed else 0


@contextlib.contextmanager
def _sandbox(names: list[str]) -> Iterator[None]:
    """Meanwhile make the venvs of the sandbox, if the functional tests are to run: else its workers
    wait for the first of them, who does it. What fails here fails there again, and is told.
    """
    if "functional" not in names:
        yield
        return
    WORK.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "sandbox", "install", "--zaqar"]
    with (WORK / "sandbox.log").open("wb") as log:
        making = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)  # noqa: S603
    try:
        yield
        making.wait()
    finally:
        making.terminate()
        making.wait()


def _make(tox: Path, names: list[str]) -> None:
    """Install what they need, with one tox, so that the package is built once.

    One that cannot be made fails again, and is counted, when it is run.
    """
    command = [tox, "run-parallel", "--parallel-no-spinner", "--notest", "-e", ",".join(names)]
    # What is imported is compiled then; pip would take two fifths of its CPU to compile all.
    environment = {**os.environ, "PIP_COMPILE": "0"}
    subprocess.run(command, cwd=ROOT, env=environment, check=False)  # noqa: S603


def _work(runs: list[Run]) -> bool:
    """Run and show them; False when that was interrupted, and all of them have ended."""
    lanes = [threading.Thread(target=_one_by_one, args=(lane,)) for lane in _lanes(runs)]
    try:
        for lane in lanes:
            lane.start()
        for run in runs:
            run.show()
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # tox has a timeout for what does not end
        for run in runs:
            run.stop()
        for lane in lanes:
            if lane.ident is not None:
                lane.join()
        return False
    return True


def _one_by_one(runs: list[Run]) -> None:
    for run in runs:
        run.work()


def _lanes(runs: list[Run]) -> list[list[Run]]:
    """What runs beside what; an environment that has no place there comes after the others."""
    placed = {name: number for number, lane in enumerate(LANES) for name in lane}
    lanes: list[list[Run]] = [[] for _ in LANES]
    for run in runs:
        lanes[placed.get(run.environment, len(LANES) - 1)].append(run)
    return [lane for lane in lanes if lane]


def _environments() -> list[str]:
    """Those that this machine can run, in the order in which they are shown."""
    if shutil.which("node") and shutil.which("npm"):
        return [*ENVIRONMENTS[:-1], "dashboard", ENVIRONMENTS[-1]]
    print("without the environment dashboard: node and npm are not installed")  # noqa: T201
    return list(ENVIRONMENTS)


def _install_tox() -> Path:
    """tox of a known version in a venv of its own; installed once."""
    stamp = TOOLS / TOX
    if not stamp.exists():
        venv.create(TOOLS, with_pip=True, clear=True)
        subprocess.run(  # noqa: S603
            [TOOLS / "bin" / "python", "-m", "pip", "install", "--quiet", TOX], check=True
        )
        stamp.touch()
    return TOOLS / "bin" / "tox"


def _counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a JUnit report; nothing when there is none."""
    if not report.exists():
        return 0, 0, 0
    suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314 - pytest wrote it
    total, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
