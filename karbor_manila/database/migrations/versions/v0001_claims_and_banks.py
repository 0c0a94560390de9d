# SPDX-License-Identifier: Apache-2.0
"""The two tables that releases before the first revision made at their first use.

As those made them: what is there is adopted as it is, row for row.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# As Karbor's own tables (karbor/db/sqlalchemy/migrate_repo/versions/001_karbor_init.py): a claim
# needs transactions, and nothing of ours needs more letters than theirs.
_IN_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8"}

_METADATA = sa.MetaData()
_CLAIMS = sa.Table(
    "karbor_manila_claims",
    _METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("operation", sa.String(32), nullable=False),
    sa.Column("provider_id", sa.String(36), nullable=False),
    sa.Column("checkpoint_id", sa.String(36), nullable=False),
    sa.Column("owner", sa.String(36), nullable=False),
    sa.Column("token", sa.String(36), nullable=False),
    sa.Column("since", sa.DateTime, nullable=False),
    **_IN_MYSQL,
)
_BANKS = sa.Table(
    "karbor_manila_banks",
    _METADATA,
    sa.Column("provider_id", sa.String(36), primary_key=True),
    sa.Column("bank_id", sa.String(255), nullable=False),
    sa.Column("since", sa.DateTime, nullable=False),
    **_IN_MYSQL,
)


def upgrade() -> None:
    """Make what is not there."""
    for table in (_CLAIMS, _BANKS):
        table.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Releases before this revision use the same tables."""
