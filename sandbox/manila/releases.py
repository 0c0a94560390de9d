# SPDX-License-Identifier: Apache-2.0
"""The releases of Manila that the sandbox can run. Standard library only.

An older one lives in a venv of its own, and on MariaDB: on SQLite it waits for itself, because
its green threads all stand still while one of them waits for the database.
"""

import os

NEWEST = ""
"""The one that is run unless another one is asked for."""
VARIABLE = "KARBOR_MANILA_MANILA"
"""Of the environment: the release of a sandbox that is begun without another choice."""
REQUIREMENTS = {"2023.1": ["manila", "cheroot", "PyMySQL"]}
"""Of the older ones, by the name of OpenStack's release."""
OLDER = tuple(REQUIREMENTS)
MICROVERSIONS = {NEWEST: "2.98", "2023.1": "2.78"}
"""What tests and people speak to each, at most."""


def chosen() -> str:
    """The release that the environment asks for."""
    return os.environ.get(VARIABLE, NEWEST)


def venv(release: str) -> str:
    """The name of the venv of a release, and of its set of versions in ``constraints/``."""
    return f"manila-{release}" if release else "manila"
