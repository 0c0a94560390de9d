# SPDX-License-Identifier: Apache-2.0
"""alembic's scripts for our tables in Karbor's database; :mod:`karbor_manila.database.schema` runs
them.

A revision is a file in ``versions``, named in ``schema.REVISIONS``. It finds its work done, in
whole or in part, as well as not begun: MySQL cannot roll it back. And it leaves the release before
working: a new column is nullable or has a default in the database, nothing is renamed.
"""
