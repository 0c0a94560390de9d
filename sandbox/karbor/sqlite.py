# SPDX-License-Identifier: Apache-2.0
"""Lets two Karbor processes write into one SQLite file. Sandbox only.

Karbor is written for MariaDB and PostgreSQL, which need none of this. Two things ail it here, and
Manila in the same way (``sandbox.manila.sqlite`` says more): a reader that keeps a writer out,
which a write-ahead log cures; and a transaction that begins by reading and fails at once, without
waiting, when another process wrote before its own first write. So every transaction says BEGIN
IMMEDIATE and waits where waiting helps, which is at its beginning. Karbor's are short, and yield to
no other green thread in between.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

BUSY_SECONDS = 20
"""How long one process waits for the other."""


def install() -> None:
    """Set up every engine that Karbor makes from now on. Call once, before the first use."""

    @event.listens_for(sa.engine.Engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")
        # Enough against a killed process; a power cut may cost the last transactions.
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(sa.engine.Engine, "before_cursor_execute", retval=True)
    def executing(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: Any
    ) -> tuple[str, Any]:
        # oslo.db opens every transaction with a plain BEGIN (oslo_db/sqlalchemy/engines.py).
        return ("BEGIN IMMEDIATE" if statement == "BEGIN" else statement), parameters
