"""Statements of a snapshot are given up after a time, on both databases."""

import time

import pytest

from bunter.database import Database
from bunter.database.time_limit import limited
from bunter.errors import DatabaseBusyError

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT count(*) FROM n"


def interrupted(database):
    begun = time.monotonic()
    with (
        pytest.raises(DatabaseBusyError),
        database.read(snapshot=True) as connection,
        limited(connection, 0.2),
    ):
        connection.fetchone(ENDLESS)
    assert time.monotonic() - begun < 5
    with database.read(snapshot=True) as connection, limited(connection, None):
        assert connection.fetchone("SELECT 1")[0] == 1


def test_a_statement_on_sqlite_is_interrupted():
    interrupted(Database.memory())


def test_a_statement_on_a_server_is_interrupted(postgres_url):
    with Database.create(postgres_url) as database:
        interrupted(database)
