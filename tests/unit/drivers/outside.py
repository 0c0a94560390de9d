# SPDX-License-Identifier: Apache-2.0
"""Packages of somebody else, installed for a test into a folder of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.tree.documents import ROOT


def install(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed, without a network."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "package"  # setuptools writes beside its sources
    shutil.copytree(package, source, ignore=shutil.ignore_patterns("checks", "__pycache__"))
    wanted = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", *wanted, str(source)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with the package installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    return subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
