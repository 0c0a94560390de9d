# SPDX-License-Identifier: Apache-2.0
"""A driver of another package is installed and used without a change here."""

from pathlib import Path

import pytest

from tests.unit.drivers.outside import install, run
from tests.unit.tree.documents import ROOT, page

OUTSIDE = ROOT / "tests" / "outside_driver"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed, without a network."""
    return install(OUTSIDE, tmp_path_factory)


def test_the_page_for_writers_of_drivers_shows_the_same_text() -> None:
    blocks = page("doc/developing/drivers.md").blocks
    driver, check = ("\n".join(b.lines) + "\n" for b in blocks if b.language == "python")
    assert driver == (OUTSIDE / "src" / "outside_mirror" / "__init__.py").read_text()
    checks = (OUTSIDE / "checks" / "test_mirror_contract.py").read_text()
    assert all(line in checks.splitlines() for line in check.splitlines())
    (named,) = ("\n".join(b.lines) for b in blocks if b.language == "toml")
    assert named in (OUTSIDE / "pyproject.toml").read_text()


def test_it_keeps_the_contract_and_the_table_says_so(site: Path) -> None:
    checks = str(OUTSIDE / "checks" / "test_mirror_contract.py")
    done = run(site, "-m", "karbor_manila.drivers.testing.table", checks, "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    rows = dict(
        line.strip("| ").split("|", 1) for line in done.stdout.splitlines() if line[:2] == "| "
    )
    told = {promise.strip(): outcome.strip() for promise, outcome in rows.items()}
    assert told.pop("promise") == "TestMirrorDriver"
    assert told.pop("Reverting") == told.pop("Browsing") == told.pop("Together") == "cannot"
    assert told
    assert all(outcome.split(" of ")[0] == outcome.split(" of ")[1] for outcome in told.values())


def test_a_share_of_its_type_is_protected_restored_and_deleted(site: Path) -> None:
    checks = str(OUTSIDE / "checks" / "test_mirror_used.py")
    done = run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", checks)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
