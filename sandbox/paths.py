# SPDX-License-Identifier: Apache-2.0
"""Where things are: the repository, the venvs, the state."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
CONSTRAINTS = REPO / "constraints"
HOME_VARIABLE = "KARBOR_MANILA_SANDBOX"


@dataclass(frozen=True)
class Home:
    """The folder that holds the venvs (one set per Python) and, by default, the state."""

    root: Path

    @classmethod
    def find(cls, override: str | Path | None = None) -> "Home":
        """Return the home that was asked for, else the environment's, else ``<repo>/.sandbox``."""
        chosen = override or os.environ.get(HOME_VARIABLE) or REPO / ".sandbox"
        return cls(Path(chosen).expanduser().absolute())

    @property
    def venvs(self) -> Path:
        """Venvs of the Python that runs us; another Python gets a set of its own."""
        return self.root / "venvs" / f"py{python_version()}"

    @property
    def state(self) -> Path:
        """The default state folder."""
        return self.root / "state"

    def venv(self, service: str) -> Path:
        """Return the venv folder of one service."""
        return self.venvs / service

    def python(self, service: str) -> Path:
        """Return the interpreter of one service's venv."""
        return self.venv(service) / "bin" / "python"

    def ensure(self) -> None:
        """Create the folder; it hides itself from git, wherever it is put."""
        self.root.mkdir(parents=True, exist_ok=True)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")


def python_version() -> str:
    """Return ``3.11`` and the like for the interpreter that runs us."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def base_python() -> str:
    """Return the real interpreter, also when we run inside a venv ourselves."""
    return getattr(sys, "_base_executable", None) or sys.executable
