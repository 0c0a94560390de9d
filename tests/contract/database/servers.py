# SPDX-License-Identifier: Apache-2.0
"""Fresh databases of each kind, on servers that are started once for all tests of a process."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from oslo_db.sqlalchemy import engines

from sandbox.cluster import mariadb
from tests.contract.database import postgresql

SQLITE, MARIADB, POSTGRESQL = "sqlite", "mariadb", "postgresql"


class Database:
    """One database, and as many engines of it as there are processes in a test.

    :ivar url: SQLAlchemy's.
    :ivar server: what it is on; None for SQLite.
    """

    def __init__(self, kind: str, url: str, server: Any = None) -> None:
        self.kind = kind
        self.url = url
        self.server = server
        self._engines: list[Any] = []

    def engine(self, url: str | None = None) -> Any:
        """Another process's engine, as Karbor makes its own."""
        # As Karbor does with its options' defaults (oslo_db/options.py).
        engine = engines.create_engine(url or self.url, max_retries=0, mysql_sql_mode="TRADITIONAL")
        self._engines.append(engine)
        return engine

    @property
    def name(self) -> str:
        return str(sa.engine.url.make_url(self.url).database)

    def run(self, statement: str) -> Any:
        """As its administrator; the rows, if there are any."""
        admin = self.url
        if self.kind == MARIADB:
            admin = mariadb.url(
                self.name, self.server.admin_password, self.server.port, user=mariadb.ADMIN
            )
        engine = sa.create_engine(admin, isolation_level=self._autocommit())
        try:
            with engine.connect() as connection:
                ran = connection.execute(sa.text(statement))
                return ran.fetchall() if ran.returns_rows else None
        finally:
            engine.dispose()

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()

    def _autocommit(self) -> str:
        return "SERIALIZABLE" if self.kind == SQLITE else "AUTOCOMMIT"


class Servers:
    """What has been started so far, and the number of the next database."""

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self._folder = folder
        self._mariadb: mariadb.Server | None = None
        self._postgresql: postgresql.Server | None = None
        self._numbers = itertools.count()

    def fresh(self, kind: str, tmp_path: Path) -> Database:
        """A database without tables.

        :raises sandbox.errors.ProgramMissing: its server is not installed
        """
        name = f"karbor{next(self._numbers)}"
        if kind == SQLITE:
            return Database(kind, f"sqlite:///{tmp_path / 'karbor.sqlite'}")
        if kind == MARIADB:
            return self._in_mariadb(name)
        return self._in_postgresql(name)

    def stop(self) -> None:
        for server in (self._mariadb, self._postgresql):
            if server:
                server.stop()

    def _in_mariadb(self, name: str) -> Database:
        if self._mariadb is None:
            mariadb.program()
            server = mariadb.Server(self._folder(MARIADB), {"karbor": "karbor"})
            # It outlives no power cut.
            server.start("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync")
            self._mariadb = server
        server = self._mariadb
        url = mariadb.url(name, "karbor", server.port, user="karbor")
        made = Database(MARIADB, url, server)
        root = Database(MARIADB, server.url("karbor"), server)
        root.run(f"CREATE DATABASE {name} CHARACTER SET {mariadb.CHARACTER_SET}")
        root.run(f"GRANT ALL ON {name}.* TO 'karbor'@'127.0.0.1'")
        return made

    def _in_postgresql(self, name: str) -> Database:
        if self._postgresql is None:
            postgresql.program("postgres")
            self._postgresql = postgresql.Server()
            self._postgresql.start()
        server = self._postgresql
        Database(POSTGRESQL, server.url("postgres"), server).run(f"CREATE DATABASE {name}")
        return Database(POSTGRESQL, server.url(name), server)
