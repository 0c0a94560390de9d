# SPDX-License-Identifier: Apache-2.0
"""The sandbox's MariaDB: private, on loopback, with all of it in one folder."""

import pymysql
import pytest
from sqlalchemy.engine import url as sa_url

from sandbox import errors
from sandbox.cluster import mariadb


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    try:
        mariadb.program()
    except errors.ProgramMissing as missing:
        pytest.skip(str(missing))
    server = mariadb.Server(tmp_path_factory.mktemp("mariadb"), {"karbor": "it's\\a-secret"})
    server.start()
    yield server
    server.stop()


def ask(url, statement):
    parts = sa_url.make_url(url)
    connection = pymysql.connect(
        host=parts.host,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        database=parts.database,
        charset=parts.query["charset"],
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()
        return cursor.fetchall()


def test_a_missing_mariadb_is_named_with_the_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setattr(mariadb, "_FOLDERS", (str(tmp_path),))
    with pytest.raises(errors.ProgramMissing) as caught:
        mariadb.prepare(tmp_path / "m", {}, "x")
    assert "apt-get install -y --no-install-recommends mariadb-server" in str(caught.value)
    assert not (tmp_path / "m").exists()


def test_what_was_written_is_there_after_a_kill_on_the_same_port(server):
    url = server.url("karbor")
    ask(url, "CREATE TABLE kept (id INT PRIMARY KEY)")
    ask(url, "INSERT INTO kept VALUES (7)")
    server.kill()
    server.start()
    assert ask(url, "SELECT id FROM kept") == ((7,),)


def test_nobody_gets_in_without_a_password(server):
    with pytest.raises(pymysql.err.OperationalError):
        pymysql.connect(host="127.0.0.1", port=server.port, user="root")
    with pytest.raises(pymysql.err.OperationalError):
        pymysql.connect(host="127.0.0.1", port=server.port, user="karbor", database="karbor")


def test_the_administrator_sets_what_the_server_does(server):
    url = server.url("karbor", admin=True)
    ask(url, "SET GLOBAL read_only=0")
    assert ask(url, "SELECT @@read_only") == ((0,),)


def test_all_of_it_is_in_its_folder(server):
    assert (server.directory / "data" / "mariadb.sock").is_socket()
