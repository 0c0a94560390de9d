# SPDX-License-Identifier: Apache-2.0
"""The unit tests of the sandbox's Manila and of our hook in manila-share, in Manila's own venv.

The environment of the unit tests has no Manila, so those that need one are skipped there.
"""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from sandbox import paths
from sandbox.stack import Stack

BORROWED = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")
"""Pytest and what it needs; Manila's venv has what Manila needs and nothing else."""
UNITS = "tests/unit/sandbox_manila"
HOOK = ("tests/unit/common/test_spool.py", "tests/unit/hooks_manila")
"""What runs inside manila-share, which has no Karbor."""


@pytest.fixture(scope="module")
def borrowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to import pytest from, and nothing else of this environment."""
    folder = tmp_path_factory.mktemp("borrowed")
    for name in BORROWED:
        found = importlib.util.find_spec(name)
        assert found and found.origin, name
        origin = Path(found.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


def test_the_units_that_need_manila(stack: Stack, borrowed: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own tests
        [
            str(stack.home.python("manila")),
            *("-W", "ignore", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs"),
            # The conftest.py above is of all unit tests, and imports what is not borrowed.
            f"--confcutdir={UNITS}",
            UNITS,
            *HOOK,
        ],
        cwd=paths.REPO,
        env={**os.environ, "PYTHONPATH": f"{borrowed}{os.pathsep}{paths.REPO}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
