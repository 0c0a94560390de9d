# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of the tests' own on loopback, with all of it in one folder below /tmp.

Not in pytest's folders: PostgreSQL does not run as root, and pytest keeps others out of its own.
"""

import getpass
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from sandbox import errors, ports, process

INSTALL = "apt-get install -y --no-install-recommends postgresql"
USER = "karbor"
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs.

    :raises errors.ProgramMissing: with the command that installs it.
    """
    path = os.pathsep.join([*map(str, _FOLDERS), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise errors.ProgramMissing("postgresql", INSTALL)
    return found


class Server:
    """One server, whose databases everybody on this machine may open."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="karbor-manila-postgresql-"))
        self.port = ports.choose(["postgresql"])["postgresql"]
        self._process: process.Process | None = None

    def start(self) -> None:
        """Make its data and start it; returns when it takes connections."""
        data, log = self.directory / "data", self.directory / "postgresql.log"
        init = [program("initdb"), "-D", str(data), "-U", USER, "--auth=trust", "--no-sync"]
        if getpass.getuser() == "root":  # as whom it does not run
            shutil.chown(self.directory, "postgres", "postgres")
        subprocess.run(
            [*_as_user(), *init], check=True, stdout=subprocess.DEVNULL, cwd=self.directory
        )
        argv = [program("postgres"), "-D", str(data), "-p", str(self.port), "-k", ""]
        argv += ["-c", f"listen_addresses={ports.HOST}", "-c", "fsync=off"]
        env = dict(os.environ)
        self._process = process.spawn("postgresql", [*_as_user(), *argv], env, log, self.directory)
        ready = [program("pg_isready"), "-q", "-h", ports.HOST, "-p", str(self.port)]
        deadline = time.monotonic() + 120
        while subprocess.run(ready, check=False).returncode:
            if not self._process.alive() or time.monotonic() > deadline:
                raise errors.ServiceFailed("postgresql", "did not start", log)
            time.sleep(0.05)

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of one of its databases."""
        return f"postgresql+psycopg2://{USER}@{ports.HOST}:{self.port}/{database}"

    def stop(self) -> None:
        """End it and remove its folder."""
        if self._process:
            self._process.stop()
        shutil.rmtree(self.directory)


def _as_user() -> list[str]:
    if getpass.getuser() != "root":
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
