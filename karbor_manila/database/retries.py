# SPDX-License-Identifier: Apache-2.0
"""What a database raises that is away or in the way, and how a transaction is repeated then.

oslo.db's wrap_db_retry repeats a transaction after a deadlock, a lost connection or a lock.
"""

import sqlalchemy as sa
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exception

# oslo.db translates most errors of SQLAlchemy and leaves OperationalError as it is: a table that is
# there already (MySQL, SQLite), a database that is locked or read-only.
ERRORS = (db_exception.DBError, sa.exc.SQLAlchemyError)

#: Repeats a transaction five times, 0.2 to 2 seconds apart.
repeated = oslo_db_api.wrap_db_retry(
    max_retries=5,
    retry_interval=0.2,
    inc_retry_interval=True,
    max_retry_interval=2,
    retry_on_deadlock=True,
    retry_on_disconnect=True,
    exception_checker=lambda error: isinstance(error, sa.exc.OperationalError),
)
