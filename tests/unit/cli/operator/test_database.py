# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila db``: which version our tables have, and their upgrade by hand."""

from typing import Any

import pytest
import sqlalchemy as sa
from karbor.db.sqlalchemy import api as karbor_db

from karbor_manila.database import schema
from tests.unit.recovery.audit.stage import protected


def the_row(ran: Any) -> dict[str, Any]:
    (row,) = ran.rows
    return dict(row)


def forget_version(service: Any, version: str | None = None) -> None:
    engine = karbor_db.get_engine()
    if version:
        engine.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{version}'")
    else:
        engine.execute(f"DROP TABLE {schema.VERSION_TABLE}")


def test_tables_that_are_as_needed_are_said_to_be_and_answer_0(service: Any, run: Any) -> None:
    protected(service)
    ran = run("db", "version", "-f", "json")
    assert ran.code == 0
    assert the_row(ran) == {"Version": schema.HEAD, "Needed": schema.HEAD, "State": "as needed"}


def test_to_show_the_version_makes_nothing(service: Any, run: Any) -> None:
    for name in (*schema.NEEDED, schema.VERSION_TABLE):
        karbor_db.get_engine().execute(f"DROP TABLE {name}")
    ran = run("db", "version", "-f", "json")
    assert (ran.code, the_row(ran)["State"]) == (3, "never upgraded")
    there = sa.inspect(karbor_db.get_engine()).get_table_names()
    assert not {*schema.NEEDED, schema.VERSION_TABLE} & set(there)


def test_tables_of_the_release_before_are_upgraded(service: Any, run: Any) -> None:
    protected(service)
    forget_version(service)
    ran = run("db", "upgrade", "-f", "json")
    assert (ran.code, the_row(ran)) == (0, {"Before": None, "Now": schema.HEAD})
    again = run("db", "upgrade", "-f", "json")
    assert (again.code, the_row(again)) == (0, {"Before": schema.HEAD, "Now": schema.HEAD})


def test_tables_of_a_later_release_are_left_alone(service: Any, run: Any) -> None:
    protected(service)
    forget_version(service, "0815")
    ran = run("db", "version", "-f", "json")
    assert (ran.code, the_row(ran)["State"]) == (3, "of a later release")
    ran = run("db", "upgrade")
    assert ran.code == 1
    assert "install that one here, too" in ran.err


def test_no_provider_is_needed(service: Any, run: Any, tmp_path: Any) -> None:
    conf = tmp_path / "database.conf"
    conf.write_text(f"[database]\nconnection = sqlite:///{service.folder / 'karbor.sqlite'}\n")
    assert run("db", "upgrade", config=conf).code == 0


@pytest.mark.parametrize("version", ["0815", None])
def test_the_service_starts_only_on_tables_that_it_knows(service: Any, version: Any) -> None:
    protected(service)
    forget_version(service, version)
    runtime = service.manager.runtime
    if version:
        with pytest.raises(schema.SchemaNewer, match="0815"):
            runtime.start()
        assert not runtime._is_started
    else:
        runtime.start()
        runtime.stop()
        assert schema.version(karbor_db.get_engine()) == schema.HEAD
