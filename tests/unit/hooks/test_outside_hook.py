# SPDX-License-Identifier: Apache-2.0
"""A hook of another package is installed and used without a change here."""

from pathlib import Path

import pytest

from tests.unit.drivers.outside import install, run
from tests.unit.tree.documents import ROOT, page

OUTSIDE = ROOT / "tests" / "outside_hook"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed, without a network."""
    return install(OUTSIDE, tmp_path_factory)


def test_the_page_for_writers_of_hooks_shows_the_same_text() -> None:
    blocks = page("doc/developing/hooks.md").blocks
    hook, check = ("\n".join(b.lines) + "\n" for b in blocks if b.language == "python")
    assert hook == (OUTSIDE / "src" / "outside_lockfile" / "__init__.py").read_text()
    assert check in (OUTSIDE / "checks" / "test_lockfile_alone.py").read_text()
    (named,) = ("\n".join(b.lines) for b in blocks if b.language == "toml")
    assert named in (OUTSIDE / "pyproject.toml").read_text()


@pytest.mark.parametrize("check", ["test_lockfile_alone.py", "test_lockfile_used.py"])
def test_it_is_found_by_its_name_and_called(site: Path, check: str) -> None:
    path = str(OUTSIDE / "checks" / check)
    done = run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
