# SPDX-License-Identifier: Apache-2.0
"""A MariaDB of our own on loopback: its program, data, accounts and life. Standard library only."""

import getpass
import os
import secrets
import shutil
import signal
import subprocess
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import errors, files, ports, process

PROGRAM = "mariadbd"
INSTALLER = "mariadb-install-db"
INSTALL = "apt-get install -y --no-install-recommends mariadb-server"
#: Who may do everything: tests that set global variables or end connections.
ADMIN = "sandbox"
#: Where the programs are that no user has on the path, as Debian installs them.
_FOLDERS = (os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")
# Installations ask for this set (devstack/plugin.sh of Karbor and Manila): three bytes a letter.
CHARACTER_SET = "utf8mb3"
_READY_SECONDS = 120


def program(name: str = PROGRAM) -> str:
    """The path of one of MariaDB's programs.

    :raises errors.ProgramMissing: with the command that installs it.
    """
    found = shutil.which(name, path=os.pathsep.join(_FOLDERS))
    if found is None:
        raise errors.ProgramMissing(name, INSTALL)
    return found


def prepare(directory: Path, passwords: Mapping[str, str], admin_password: str) -> None:
    """Make the data folder, unless it is there, and the accounts that the next start has.

    :param passwords: for each database the password of its user, who has the same name; a database
        that is new since the last start is made then.
    :param admin_password: of ``ADMIN``.
    :raises errors.ProgramMissing: MariaDB is not installed.
    :raises errors.InstallFailed: the data folder could not be made.
    """
    _make_data(directory)
    lines = []
    for name, password in passwords.items():
        lines.append(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET {CHARACTER_SET};")
        lines += _account(name, password, f"`{name}`.*")
    lines += _account(ADMIN, admin_password, "*.*")
    lines.append(f"GRANT GRANT OPTION ON *.* TO '{ADMIN}'@'{ports.HOST}';")
    # One statement a line, as --init-file reads them; before the first connection is served.
    files.write(directory / "init.sql", "\n".join(lines) + "\n")


def command(directory: Path, *, port: int, ready: Path) -> list[str]:
    """The command line of the server, for the data of ``prepare``.

    :param port: TCP port on 127.0.0.1.
    :param ready: the file that says that the server listens. It is its pid file: MariaDB writes it
        after it has bound its port (mysqld.cc, mysqld_main) and removes it at a clean end.
    """
    return [
        *(program(), "--no-defaults", f"--user={getpass.getuser()}"),
        f"--datadir={directory / 'data'}",
        # Relative to the data: the path of a socket has room for 107 bytes only.
        "--socket=mariadb.sock",
        *(f"--bind-address={ports.HOST}", f"--port={port}"),
        *(f"--pid-file={ready}", f"--init-file={directory / 'init.sql'}"),
        "--skip-name-resolve",
        "--innodb-buffer-pool-size=32M",
        "--innodb-log-file-size=16M",
        "--max-connections=500",
    ]


def url(database: str, password: str, port: int, *, user: str | None = None) -> str:
    """SQLAlchemy's URL of a database, in the character set that Karbor's installations use.

    :param user: by default the one who has the name of the database.
    """
    account = f"{user or database}:{urllib.parse.quote(password, safe='')}"
    return f"mysql+pymysql://{account}@{ports.HOST}:{port}/{database}?charset=utf8"


@dataclass
class Server:
    """A server for those who need no sandbox: started, paused, killed and started again.

    :ivar directory: has all of it: data, log, pid.
    :ivar passwords: as for :func:`prepare`.
    """

    directory: Path
    passwords: Mapping[str, str]
    admin_password: str = field(default_factory=secrets.token_urlsafe)
    port: int = 0
    process: "process.Process | None" = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """The server's log, of all its starts."""
        return self.directory / "mariadb.log"

    def start(self, *more: str) -> None:
        """Start it on the port of the last start; returns when it takes connections.

        :param more: options of the server, such as ``--read-only``.
        :raises errors.ProgramMissing: MariaDB is not installed.
        :raises errors.ServiceFailed: it does not start.
        """
        prepare(self.directory, self.passwords, self.admin_password)
        self.port = self.port or ports.choose(["mariadb"])["mariadb"]
        ready = self.directory / "mariadb.pid"
        ready.unlink(missing_ok=True)
        offset = self.log.stat().st_size if self.log.exists() else 0
        argv = [*command(self.directory, port=self.port, ready=ready), *more]
        self.process = process.spawn("mariadb", argv, dict(os.environ), self.log, self.directory)
        process.wait_ready(self.process, ready, self.log, offset, _READY_SECONDS)

    def url(self, database: str, *, admin: bool = False) -> str:
        """SQLAlchemy's URL of one of its databases."""
        if admin:
            return url(database, self.admin_password, self.port, user=ADMIN)
        return url(database, self.passwords[database], self.port)

    def stop(self) -> None:
        """End it; returns when it has ended."""
        if self.process:
            self.process.stop()

    def kill(self) -> None:
        """End it as a power cut does."""
        self._send(signal.SIGKILL)
        if self.process:
            self.process.wait(_READY_SECONDS)

    def pause(self) -> None:
        """It answers nothing until ``resume``; its connections stay open."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on after ``pause``."""
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        if self.process:
            self.process.send(number)


def _make_data(directory: Path) -> None:
    data, part, log = directory / "data", directory / "data.part", directory / "install-db.log"
    if data.exists():
        return
    argv = [
        *(program(INSTALLER), "--no-defaults", f"--datadir={part}", f"--user={getpass.getuser()}"),
        # The server's own administrator comes by the socket alone, as the user who runs it.
        "--auth-root-authentication-method=socket",
        *(f"--auth-root-socket-user={getpass.getuser()}", "--skip-test-db"),
        "--innodb-log-file-size=16M",
    ]
    program()  # what is missing is said before anything is made
    directory.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: killed half-way, the next start begins anew.
    shutil.rmtree(part, ignore_errors=True)
    with log.open("wb") as stream:
        done = subprocess.run(argv, stdout=stream, stderr=stream, check=False)  # noqa: S603
    if done.returncode:
        raise errors.InstallFailed(INSTALLER, log)
    part.rename(data)


def _account(name: str, password: str, what: str) -> list[str]:
    quoted = password.replace("\\", "\\\\").replace("'", "''")
    return [
        f"CREATE USER IF NOT EXISTS '{name}'@'{ports.HOST}';",
        f"ALTER USER '{name}'@'{ports.HOST}' IDENTIFIED BY '{quoted}';",
        f"GRANT ALL ON {what} TO '{name}'@'{ports.HOST}';",
    ]
