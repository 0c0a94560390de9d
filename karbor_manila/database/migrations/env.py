# SPDX-License-Identifier: Apache-2.0
"""alembic's environment: on the connection that it is given, whose owner ends the transaction.

alembic runs this file by its path. Imported under its own name, it does nothing.
"""

from alembic import context

from karbor_manila.database.schema import VERSION_TABLE


def run() -> None:
    """Run the revisions that alembic was asked for."""
    context.configure(
        connection=context.config.attributes["connection"], version_table=VERSION_TABLE
    )
    with context.begin_transaction():
        context.run_migrations()


if not __name__.startswith("karbor_manila."):
    run()
