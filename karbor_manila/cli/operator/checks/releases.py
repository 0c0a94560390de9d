# SPDX-License-Identifier: Apache-2.0
"""Checks of versions: what is installed against what this release needs, newer releases, and our
tables in Karbor's database."""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator

from karbor.db.sqlalchemy import api as karbor_db
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.operator.checks.facts import HostFacts
from karbor_manila.database import schema

#: With which Karbor 1.6.0 runs (doc/operating/install.md), besides what we require ourselves.
PINS = {
    "karbor": "==1.6.0",
    "SQLAlchemy": "<1.4",
    "oslo.context": "<4",
    "oslo.db": "<11",
    "oslo.messaging": "<14.7",
    "setuptools": "<82",
}
#: Of which newer releases are looked for.
WATCHED = ("karbor-manila", "python-manilaclient", "keystoneauth1", "openstacksdk", *PINS)

_PYTHON = SpecifierSet(">=3.11,<3.14")
_PIP_SECONDS = 60.0
_NO_SUCH = "No matching distribution found"
_NEWEST = re.compile(r"^\S+ \(([^)]+)\)", re.MULTILINE)


def versions(_facts: HostFacts) -> Iterator[Finding]:
    """What is installed, against what this release needs."""
    todo = "pip install -c constraints/karbor-py3.NN.txt . from a checkout of karbor-manila."
    needed = {name: SpecifierSet(pin) for name, pin in PINS.items()}
    for line in importlib.metadata.requires("karbor-manila") or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            known = needed.get(requirement.name, SpecifierSet())
            needed[requirement.name] = known & requirement.specifier
    fine = 0
    for name, wanted in sorted(needed.items()):
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield bad(name, "It is not installed", todo)
            continue
        if wanted.contains(found, prereleases=True):
            fine += 1
        else:
            yield bad(name, f"{found} is installed, and {wanted} is needed", todo)
    python = ".".join(map(str, sys.version_info[:3]))
    if python not in _PYTHON:
        yield doubtful("Python", f"{python}: this release was not run with it", f"Use {_PYTHON}.")
    ours = importlib.metadata.version("karbor-manila")
    karbor = PINS["karbor"].removeprefix("==")
    yield good("", f"karbor-manila {ours} on Python {python}: {fine} packages are as needed")
    if importlib.metadata.version("karbor") == karbor:
        yield good("karbor", f"{karbor} is its last release")


def releases(facts: HostFacts) -> Iterator[Finding]:
    """Whether there is something newer than what is installed, by pip's index."""
    if not facts.look_for_releases:
        yield good("", "The package index was not asked: --releases does")
        return
    for name in WATCHED:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        newest = newest_of(name)
        if newest == "":
            yield good(name, f"{found}; the package index has none")
        elif newest is None:
            yield doubtful(name, "The package index does not say what is newest", "Ask it later.")
        elif newest == found:
            yield good(name, f"{found} is the newest release")
        elif name in PINS and not SpecifierSet(PINS[name]).contains(newest):
            yield good(name, f"{found}; {newest} is newest, but {PINS[name]} is what Karbor needs")
        else:
            todo = "Read its release notes; constraints/ has what this release was run with."
            yield doubtful(name, f"{found} is installed, and {newest} is the newest release", todo)


def newest_of(name: str) -> str | None:
    """The newest release of a package by the index that pip is configured for; empty when it has
    none, None when pip does not say. pip knows mirrors, proxies and logins, which we would have to
    learn."""
    command = [sys.executable, "-m", "pip", "index", "versions", name]
    command.append("--disable-pip-version-check")
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PIP_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ended.returncode:
        return "" if _NO_SUCH in ended.stderr else None
    found = _NEWEST.search(ended.stdout)
    return found[1] if found else None


def database(facts: HostFacts) -> Iterator[Finding]:
    """Whether our tables in Karbor's database are as this release needs them."""
    facts.settings()
    found = schema.version(karbor_db.get_engine())
    if found == schema.HEAD:
        yield good("", f"Our tables have version {found}, as needed")
    elif found is None or found in schema.REVISIONS:
        yield doubtful(
            "",
            f"Our tables have version {found or 'none yet'}, and {schema.HEAD} is needed",
            "karbor-protection upgrades them at its start, or karbor-manila db upgrade.",
        )
    else:
        said = f"Our tables have version {found}, of a later release: this one does not start"
        yield bad("", said, "Install the later release on this host, too.")


CHECKS = (
    Check(
        "versions",
        "What is installed in this Python environment, against what this release needs.",
        "Bad: a package in a version with which Karbor or karbor-manila does not work. Doubtful: a "
        "Python that was not tried.",
        "Look at the environment with pip check.",
        versions,
    ),
    Check(
        "releases",
        "Whether there are newer releases, by the index that pip is configured for. Only with "
        "`--releases`; give it a larger `--timeout`.",
        "Doubtful: a newer release that could be used, or an index that does not answer.",
        "Look whether pip index versions karbor-manila works on this host.",
        releases,
    ),
    Check(
        "database",
        "Whether Karbor's database answers, and the version of our tables there.",
        "Bad: it does not answer; a later release has upgraded them. Doubtful: not upgraded yet.",
        "Look at [database] connection in karbor.conf.",
        database,
    ),
)
