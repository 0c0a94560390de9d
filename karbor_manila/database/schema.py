# SPDX-License-Identifier: Apache-2.0
"""The version of our tables in Karbor's database, and their upgrade by alembic.

Karbor's own migrations do not know our tables, and are another tool's (sqlalchemy-migrate): ours
have a version table of their own. Whoever needs the tables brings them up to date first, so that
nothing has to be configured: karbor-protection at its start, a command at its first look. Several
processes may do so at once, and one of the release before may go on working beside them, so that
each revision leaves what that release knows as it is.
"""

import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from oslo_db import exception as db_exception
from oslo_log import log as logging

from karbor_manila.database import lock
from karbor_manila.database.errors import DatabaseUnreadable, SchemaNewer, UpgradeFailed
from karbor_manila.database.retries import ERRORS, repeated

LOG = logging.getLogger(__name__)

VERSION_TABLE = "karbor_manila_version"

#: The revisions in ``migrations/versions``, the oldest first.
REVISIONS = ("0001",)
HEAD = REVISIONS[-1]

#: What this release reads and writes: with these columns it can work, whatever the version says.
NEEDED = {
    "karbor_manila_banks": {"provider_id", "bank_id", "since"},
    "karbor_manila_claims": {
        *("id", "operation", "provider_id", "checkpoint_id", "owner", "token", "since")
    },
}

_SCRIPTS = Path(__file__).parent / "migrations"
_VERSION = sa.Table(VERSION_TABLE, sa.MetaData(), sa.Column("version_num", sa.String(32)))

# alembic's environment is one for the process (alembic/context.py), and two green threads of it
# would wait for each other in SQLite's locks.
_upgrading = threading.Lock()


def version(engine: Any) -> str | None:
    """The revision of the tables; None before the first upgrade, whether or not there are tables.

    :raises DatabaseUnreadable: the database does not answer
    """
    try:
        found: str | None = _read(engine)
    except ERRORS as error:
        raise DatabaseUnreadable("the version of our tables", type(error).__name__) from error
    return found


def ensure(engine: Any) -> None:
    """Have the tables as this release needs them.

    A user of the database who may not change tables can work, if all is there.

    :raises DatabaseUnreadable: the database does not answer
    :raises SchemaNewer: a later release has upgraded them
    :raises UpgradeFailed: they are older, and cannot be upgraded
    """
    try:
        upgrade(engine)
    except UpgradeFailed as error:
        if not _serves(engine):
            raise
        LOG.warning("%s Until then they are used as they are.", error)


def upgrade(engine: Any) -> tuple[str | None, str]:
    """Bring the tables to the revision of this release, from whichever they have.

    Tables of a release before the first revision are adopted as they are. Who dies in between
    leaves what the next one goes on with.

    :returns: the revision before, and the one now
    :raises DatabaseUnreadable, SchemaNewer, UpgradeFailed: as :func:`ensure`
    """
    before = version(engine)
    _refuse_newer(before)
    if before != HEAD:
        LOG.info("Upgrading our tables in Karbor's database from %s to %s", before, HEAD)
        try:
            _run(engine)
        except (*ERRORS, CommandError) as error:
            # Whatever it is, what counts is whether the tables are right: another process may have
            # made them at the same moment.
            found = version(engine)
            _refuse_newer(found)
            if found != HEAD:
                LOG.warning("The upgrade of our tables failed: %s", error)
                raise UpgradeFailed(before, HEAD, type(error).__name__) from error
    return before, HEAD


@repeated
def _read(engine: Any) -> str | None:
    if not engine.has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        found: str | None = connection.execute(sa.select([_VERSION.c.version_num])).scalar()
    return found


@repeated
def _run(engine: Any) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with _upgrading, engine.connect() as connection, lock.held(connection):
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in REVISIONS:
        raise SchemaNewer(found, HEAD)


def _serves(engine: Any) -> bool:
    """Whether all columns are there that this release needs."""
    try:
        there = sa.inspect(engine)
        return all(
            columns <= {column["name"] for column in there.get_columns(table)}
            for table, columns in NEEDED.items()
        )
    except (sa.exc.NoSuchTableError, db_exception.DBNonExistentTable):
        return False
    except ERRORS as error:
        raise DatabaseUnreadable("our tables", type(error).__name__) from error
