#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run all checks of karbor-manila: linters, unit tests, functional tests on the sandbox.

    python3 tools/check.py [ENVIRONMENT...]

Needs Python 3.11 to 3.13 and a package index, nothing else: tox is installed into ``.tools``. Where
node and npm are installed, karbor-dashboard's JavaScript is run on our schemas as well.
Prints the sum of all tests at the end; exit code 0 when everything passed, 1 otherwise.
"""

import shutil
import subprocess
import sys
import venv
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / f"py{sys.version_info.major}.{sys.version_info.minor}"
WORK = ROOT / ".tox"
TOX = "tox==4.67.13"
ENVIRONMENTS = ("linters", "unit", "functional")


def main(environments: list[str]) -> int:
    """Run the environments, or all of them, one after the other; a failure does not stop them."""
    tox = _install_tox()
    passed = failed = skipped = 0
    for environment in environments or _environments():
        report = WORK / f"junit-{environment}.xml"
        report.unlink(missing_ok=True)
        code = subprocess.run(  # noqa: S603
            [tox, "run", "-e", environment], cwd=ROOT, check=False
        ).returncode
        counts = _counts(report)
        passed += counts[0]
        failed += counts[1]
        skipped += counts[2]
        if report.exists() and (code == 0 or counts[1]):
            continue
        # Linters have no report, and tests that could not even start leave none.
        passed += code == 0
        failed += code != 0
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)  # noqa: T201
    return 1 if failed else 0


def _environments() -> list[str]:
    """Those that this machine can run, the shortest first."""
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
