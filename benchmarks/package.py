# SPDX-License-Identifier: Apache-2.0
"""The karbor_manila of another commit, for a measurement of before.

It is built from ``git archive`` and installed into a folder that Karbor searches first, with its
own entry points and schemas; nothing else of that commit is used. So the sandbox and the benchmark
are the same before and after.
"""

import io
import subprocess
import tarfile
from pathlib import Path

from sandbox import paths
from sandbox.install import Say

_NEEDED = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "karbor_manila", "schemas")


def install(ref: str, folder: Path, python: Path, say: Say) -> Path:
    """Install the package of a commit and return the folder for ``PYTHONPATH``.

    :param ref: a commit, a branch or a tag of this repository.
    :param python: of the sandbox's Karbor, whose venv has pip and setuptools.
    :raises subprocess.CalledProcessError: git or pip failed; they have said why.
    """
    say(f"karbor-manila: installing that of {commit(ref)}")
    source = folder / "source"
    archive = _git("archive", ref, "--", *_NEEDED)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(source, filter="data")
    target = folder / "installed"
    options = ["-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    pip = [str(python), "-m", "pip", "install", *options, "--target", str(target), str(source)]
    subprocess.run(pip, check=True)  # noqa: S603
    return target


def commit(ref: str | None = None) -> str:
    """Return ``git describe``'s name for a commit, or for the working tree when none is given."""
    what = [ref] if ref else ["--dirty"]
    return _git("describe", "--always", "--abbrev=10", *what).decode().strip()


def _git(*words: str) -> bytes:
    return subprocess.run(  # noqa: S603
        ["git", "-C", str(paths.REPO), *words],  # noqa: S607
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
