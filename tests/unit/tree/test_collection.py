# SPDX-License-Identifier: Apache-2.0
"""The names of tests are the same in every process: pytest-xdist compares its workers' and refuses
the run when they differ, so tox has to give each worker a seed of its own for hashes."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("environment", ["unit", "functional"])
def test_the_workers_of_an_environment_share_no_seed(environment: str) -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini")
    section = config[f"testenv:{environment}"]
    assert "pytest-xdist" in section["deps"]
    assert " -n " in section["commands"]
    assert "PYTHONHASHSEED = random" in section["set_env"]


@pytest.mark.parametrize(
    "names",
    ["str(uuid.uuid4()) for _ in range(3)", "{str(number) for number in range(50)}"],
    ids=["random ids", "the order of a set"],
)
def test_a_run_with_names_that_differ_between_workers_is_refused(
    tmp_path: Path, names: str
) -> None:
    (tmp_path / "test_it.py").write_text(
        "import uuid, pytest\n"
        f"@pytest.mark.parametrize('name', [name for name in [*({names})]])\n"
        "def test_it(name): pass\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "random"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert "Different tests were collected" in run.stdout
