"""What is PostgreSQL's own: text rewritten, values there and back, a server that is slow, full, gone or someone else's."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.database import SQLITE, Database, IntegrityError, ServerAddress, ServerOptions
from bunter.database.connection import UndoneError
from bunter.database.postgres.dialect import POSTGRESQL
from bunter.database.postgres.rewriting import rewritten
from bunter.database.postgres.writing import insertion
from bunter.errors import (
    ConfigurationError,
    DatabaseBusyError,
    DatabaseUnavailableError,
    InvalidQueryError,
    ReadOnlyError,
    RepositoryExistsError,
    RepositoryNotFoundError,
)
from bunter.query.bound import Constant, Like
from bunter.query.patterns import matcher
from postgres_server import Server


@pytest.fixture
def database(postgres_url):
    with Database.create(postgres_url) as database:
        with database.write() as tx:
            tx.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, s TEXT, f REAL, b BLOB, o BOOLEAN)")
        yield database


@pytest.fixture(scope="module")
def both(postgres_server):
    """The same, empty, on both databases."""
    with Database.memory() as here, Database.create(postgres_server.url()) as there:
        yield here, there


# Text


@pytest.mark.parametrize(
    ("shared", "ours"),
    [
        ("SELECT ?, ?", "SELECT $1, $2"),
        ("SELECT ?2, ?1, ?", "SELECT $2, $1, $3"),
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1"),
        ("SELECT '?', \":a\", '''?', x::text -- ?", "SELECT '?', \":a\", '''?', x::text -- ?"),
        ("SELECT '%' LIKE ?", "SELECT '%' LIKE $1"),
        ("SELECT CAST(x AS REAL), CAST(y AS INTEGER)", "SELECT CAST(x AS DOUBLE PRECISION), CAST(y AS BIGINT)"),
        ("SELECT -9223372036854775808", "SELECT CAST('-9223372036854775808' AS BIGINT)"),
        ("CREATE TABLE a (b BLOB, c TEXT) WITHOUT ROWID", 'CREATE TABLE a (b BYTEA, c TEXT COLLATE "C")'),
        ("DELETE FROM temp.mine", "DELETE FROM pg_temp.mine"),
    ],
)
def test_text_is_rewritten(shared, ours):
    assert rewritten(shared).text == ours


@pytest.mark.parametrize(
    ("sql", "columns", "constants"),
    [
        ("INSERT INTO t VALUES (?, ?)", (), ()),
        ('INSERT INTO "t" (a, "b", c) VALUES (?, 5, ?)', ("a", "c", "b"), (5,)),
        ("INSERT INTO t (a) VALUES (?) ON CONFLICT DO NOTHING", ("a",), ()),
    ],
)
def test_insertions_of_many_rows_are_told_apart(sql, columns, constants):
    found = insertion(sql)
    assert (found.table, found.columns, found.constants) == ("t", columns, constants)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET b = 1",
        "INSERT INTO t (a) VALUES (? + 1)",
        "INSERT INTO t (a) SELECT ?",
        "UPDATE t SET a = ?",
    ],
)
def test_other_statements_are_carried_out_row_by_row(sql):
    assert insertion(sql) is None


# Values

numbers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
rows = st.lists(
    st.tuples(
        st.none() | numbers,
        st.none() | texts,
        st.none() | st.floats(),
        st.none() | st.binary(max_size=20),
        st.none() | st.booleans(),
    ),
    max_size=8,
)


def plain(row):
    return tuple(None if isinstance(value, float) and math.isnan(value) else value for value in row)


@settings(max_examples=60)
@given(rows)
def test_uploaded_rows_come_back_as_from_sqlite(both, rows):
    found = []
    for database in both:
        with database.read() as connection:
            table = connection.upload("rows", 5, rows)
            found.append(sorted(map(repr, connection.fetchall(f"SELECT c0, c1, c2, c3, c4 FROM {table}"))))
    assert found[1] == sorted(repr(plain(row)) for row in rows)
    assert found[0] == sorted(repr(tuple(int(v) if isinstance(v, bool) else v for v in plain(row))) for row in rows)


@settings(max_examples=40)
@given(rows)
def test_inserted_rows_come_back_in_the_order_of_bytes(both, rows):
    rows = [(place, *row[1:]) for place, row in enumerate(rows)]
    answers = []
    for database in both:
        with database.write() as tx:
            tx.execute("DROP TABLE IF EXISTS kept")
            tx.execute("CREATE TABLE kept (n INTEGER NOT NULL, s TEXT, f REAL, b BLOB, o BOOLEAN)")
            assert tx.bulk_insert("kept", ["n", "s", "f", "b", "o"], rows) == len(rows)
        with database.read() as connection:
            sql = "SELECT n, s, f, b, o FROM kept ORDER BY s NULLS LAST, n"
            answers.append([(*row[:4], None if row[4] is None else bool(row[4])) for row in connection.fetchall(sql)])
    assert answers[0] == answers[1]
    assert sorted(answers[1], key=lambda row: row[0]) == [plain(row) for row in rows]


def test_columns_without_a_value_can_be_compared_with_any_type(database):
    with database.write() as tx:
        tx.bulk_insert("t", ["n", "s", "f", "b", "o"], [(1, "a", 1.5, b"x", True), (2, None, None, None, None)])
        for given_rows in ([], [(None,) * 5] * 2):
            table = tx.upload("any", 5, given_rows)
            equal = " AND ".join(f"t.{name} = q.c{place}" for place, name in enumerate(["n", "s", "f", "b", "o"]))
            assert tx.fetchall(f"SELECT t.n FROM {table} q JOIN t ON {equal}") == []
            assert tx.fetchall(f"SELECT n FROM t WHERE s IN (SELECT c1 FROM {table})") == []
            assert len(tx.fetchall(f"SELECT t.n FROM t, {table} q WHERE t.f IS NOT DISTINCT FROM q.c2")) == len(
                given_rows
            )


def test_numbers_of_numpy_are_numbers(database):
    with database.write() as tx:
        tx.bulk_insert(
            "t", ["n", "f", "o"], [(np.int64(1), np.float64(2.5), np.bool_(True)), (np.int32(2), None, None)]
        )
        table = tx.upload("odd", 3, [(np.int64(1), np.float32(2.5), np.bool_(True)), (np.int64(2), 1, None)])
        sql = f"SELECT t.n, t.f, q.c1, q.c2 FROM {table} q JOIN t ON t.n = q.c0 ORDER BY t.n"
        assert tx.fetchall(sql) == [(1, 2.5, 2.5, True), (2, None, 1.0, None)]
        assert tx.fetchone("SELECT count(*) FROM t WHERE n = ?", (np.int64(2),)) == (1,)


def test_sums_of_whole_numbers_are_whole(database):
    with database.write() as tx:
        tx.bulk_insert("t", ["n"], [(2**62,), (2**62 + 1,)])
        (total,) = tx.fetchone("SELECT sum(n) FROM t")
    assert total == 2**63 + 1
    assert type(total) is int


def test_text_with_nul_is_refused_in_a_sentence(database):
    with database.read() as connection:
        with pytest.raises(InvalidQueryError, match=r"NUL|0x00"):
            connection.fetchall("SELECT n FROM t WHERE s = ?", ("a\0",))
        with pytest.raises(InvalidQueryError, match=r"NUL|0x00"):
            connection.upload("x", 1, [("a\0",)])


def test_a_table_is_read_by_an_upload_and_its_own_with(database):
    with database.read() as connection:
        table = connection.upload("given", 1, [(1,), (2,)])
        sql = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :most) SELECT i FROM n JOIN {table} q ON c0 = i"
        assert sorted(connection.fetchall(sql, {"most": 5})) == [(1,), (2,)]


# Where databases differ

patterns = st.text("ab*?[]!^-%_\\.|(", max_size=8)


@settings(max_examples=150)
@given(patterns, st.text("ab-]^%_\\.|(AB", max_size=5), st.sampled_from(["glob", "like"]))
def test_patterns_fit_the_same_texts_on_both(both, pattern, text, style):
    expected = matcher(Like(Constant("", "str"), pattern, style))(text)
    for database, dialect in zip(both, (SQLITE, POSTGRESQL), strict=True):
        with database.read() as connection:
            sql = f"SELECT {dialect.matched('?1', '?2', pattern, style)}"
            (found,) = connection.fetchone(sql, (text, dialect.pattern(pattern, style)))
        assert bool(found) == expected, dialect.name


@settings(max_examples=80)
@given(
    st.sampled_from("+-*/%"),
    st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6).map(lambda x: round(x, 3))),
    st.one_of(st.integers(-20, 20), st.floats(-20, 20).map(lambda x: round(x, 3))),
)
def test_arithmetic_gives_the_same_on_both(both, sign, left, right):
    kind = "float" if float in {type(left), type(right)} else "int"
    left, right = (float(value) if kind == "float" else value for value in (left, right))
    answers = []
    for database, dialect in zip(both, (SQLITE, POSTGRESQL), strict=True):
        with database.read() as connection:
            text = dialect.arithmetic(sign, "?1", "?2", kind)
            answers.append(connection.fetchone(f"SELECT {text}", (left, right))[0])
    if sign in "/%" and right == 0:
        assert answers == [None, None]
    else:
        assert answers[0] == pytest.approx(answers[1], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("values", [[1, 5, 2**60], ["a", "é", "%"], [b"\0", b"x" * 16], [1.5, -2.0]])
def test_lists_are_unfolded_on_both(both, values):
    for database, dialect in zip(both, (SQLITE, POSTGRESQL), strict=True):
        with database.read() as connection:
            sql = f"SELECT {dialect.unfolded('?1', '?2', type(values[0]))}"
            assert connection.fetchone(sql, (values[-1], dialect.listed(values)))[0]
            assert not connection.fetchone(sql, (type(values[0])(values[0] * 3), dialect.listed(values)))[0]


# Addresses


def test_an_address_names_the_schema():
    assert ServerAddress.of("postgresql://u@h:1/d?schema=dr1&sslmode=require").schema == "dr1"
    assert ServerAddress.of("postgres://h/d", "dr2").schema == "dr2"
    assert str(ServerAddress.of("postgresql://h/d")) == "postgresql://h/d?schema=bunter"
    assert "schema" not in ServerAddress.of("postgresql://h/d?schema=x").url


@pytest.mark.parametrize("url", ["postgresql://u:tiger@h/d", "postgresql://h/d?password=tiger", "postgres://u:tiger@/"])
def test_a_password_in_an_address_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigurationError, match="PGPASSFILE") as caught:
        ServerAddress.of(url)
    assert "tiger" not in str(caught.value)


@pytest.mark.parametrize("name", ["pg_mine", "x" * 70])
def test_impossible_names_of_schemas_are_refused(name):
    with pytest.raises(ConfigurationError, match="schema"):
        ServerAddress.of(f"postgresql://h/d?schema={name}")


def test_odd_names_of_schemas_are_quoted(postgres_server):
    url = postgres_server.dsn() + "&schema=My%20%22odd%22%20%25%20one"
    with Database.create(url) as database, database.write() as tx:
        assert tx.fetchone("SELECT current_schema()") == ('My "odd" % one',)
    postgres_server.execute('DROP SCHEMA "My ""odd"" % one" CASCADE')


# Making and opening


def test_several_repositories_live_in_one_database(postgres_server):
    first, second = postgres_server.url(), postgres_server.url()
    with Database.create(first) as one, Database.create(second) as two:
        with one.write() as tx:
            assert tx.next_change() == 1
        with two.read() as connection:
            assert connection.fetchone("SELECT count(*) FROM change") == (0,)
        with one.write(), two.write(lock_timeout_s=30):  # each has its own lock
            pass


def test_creating_over_a_schema_with_tables_leaves_it_as_it_was(database):
    with pytest.raises(RepositoryExistsError, match="DROP SCHEMA"):
        Database.create(database.location)
    with pytest.raises(RepositoryExistsError):
        Database.check_absent(database.location)
    with database.read() as connection:
        assert connection.fetchone("SELECT count(*) FROM t") == (0,)


def test_an_empty_schema_is_used(postgres_server):
    url = postgres_server.url()
    postgres_server.execute(f"CREATE SCHEMA {url.rpartition('=')[2]}")
    Database.check_absent(url)
    Database.create(url).close()
    Database.open(url).close()


def test_opening_makes_nothing(postgres_server):
    url = postgres_server.url()
    with pytest.raises(RepositoryNotFoundError, match="no schema"):
        Database.open(url)
    name = url.rpartition("=")[2]
    postgres_server.execute(f"CREATE SCHEMA {name}; CREATE TABLE {name}.generation (n BIGINT)")
    with pytest.raises(RepositoryNotFoundError, match="no Bunter registry"):
        Database.open(url)
    postgres_server.execute(f"DROP SCHEMA {name} CASCADE")


def test_a_later_format_is_refused(database, postgres_server):
    name = database.location.rpartition("=")[2]
    postgres_server.execute(f"COMMENT ON TABLE {name}.generation IS 'Bunter, database format 99'")
    with pytest.raises(ConfigurationError, match="upgrade"):
        Database.open(database.location)


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("postgresql://localhost:1/d", DatabaseUnavailableError, "refused"),
        ("postgresql://test@/none?host={}", RepositoryNotFoundError, "createdb"),
        ("postgresql://stranger@/postgres?host={}", ConfigurationError, "PGPASSFILE"),
        ("postgresql://test@/postgres?host={}&colour=blue", ConfigurationError, "colour"),
        ("postgresql://nowhere.invalid/d", DatabaseUnavailableError, "does not answer"),
    ],
)
def test_a_server_that_lets_us_not_in_is_told_in_a_sentence(postgres_server, url, error, words):
    with pytest.raises(error, match=words) as caught:
        Database.open(url.format(postgres_server.folder))
    assert "\n" not in str(caught.value)


def lets_in(url):
    """Whether a server asks for no password."""
    try:
        psycopg.connect(url.partition("&schema=")[0]).close()
    except psycopg.OperationalError:
        return False
    return True


def test_passwords_come_from_the_places_of_libpq_and_are_never_told(tmp_path, monkeypatch):
    server = Server()
    try:
        server.execute("CREATE ROLE secretive LOGIN SUPERUSER PASSWORD 'tiger'")
        rules = server.folder / "d" / "pg_hba.conf"
        rules.write_text("local all secretive scram-sha-256\n" + rules.read_text())
        server.execute("SELECT pg_reload_conf()")
        url = f"postgresql://secretive@/postgres?host={server.folder}&schema=s"
        end = time.monotonic() + 60
        while lets_in(url):  # the server reads its rules anew when it comes to it
            assert time.monotonic() < end
            time.sleep(0.05)
        with pytest.raises(ConfigurationError, match="PGPASSFILE"):
            Database.create(url)
        monkeypatch.setenv("PGPASSWORD", "wolf")
        with pytest.raises(ConfigurationError) as caught:
            Database.create(url)
        assert "wolf" not in str(caught.value)
        monkeypatch.delenv("PGPASSWORD")
        passwords = tmp_path / "passwords"
        passwords.write_text("*:*:*:secretive:tiger\n")
        passwords.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(passwords))
        with Database.create(url) as database:
            assert "tiger" not in database.location
    finally:
        server.remove()


# Limits


def test_a_statement_that_takes_too_long_is_given_up(database):
    with Database.open(database.location, options=ServerOptions(statement_timeout_s=0.5)) as limited:
        with limited.read() as connection, pytest.raises(DatabaseBusyError, match="statement_timeout_s"):
            connection.execute("SELECT pg_sleep(5)")
        with limited.read() as connection:
            assert connection.fetchone("SELECT count(*) FROM t") == (0,)


def test_no_more_connections_are_opened_than_allowed(database):
    options = ServerOptions(pool_size=2, connect_timeout_s=2.0)
    with Database.open(database.location, options=options) as limited:  # noqa: SIM117 - three acts
        with limited.read(), limited.read(), pytest.raises(DatabaseBusyError, match="pool_size"), limited.read():
            pass


def test_idle_connections_are_given_back(postgres_server, database):
    with Database.open(database.location, options=ServerOptions(idle_timeout_s=0.2)) as idle:
        with idle.read() as connection:
            (backend,) = connection.fetchone("SELECT pg_backend_pid()")
        end = time.monotonic() + 60
        while postgres_server.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {backend}"):
            assert time.monotonic() < end
            time.sleep(0.05)
        with idle.write() as tx:
            tx.bulk_insert("t", ["n"], [(1,)])


def test_a_writer_waits_no_longer_than_told_and_the_connection_is_good_afterwards(database):
    with Database.open(database.location) as other, other.write():
        begin = time.monotonic()
        with pytest.raises(DatabaseBusyError, match="other writers"), database.write(lock_timeout_s=0.2):
            pass
        assert 0.1 < time.monotonic() - begin < 5
    with database.write() as tx:
        tx.bulk_insert("t", ["n"], [(1,)])


@pytest.mark.parametrize(("durability", "setting"), [("full", "on"), ("batch", "off"), ("none", "off")])
def test_durability_is_that_of_commits(database, durability, setting):
    from bunter.values import Durability

    with database.write(durability=Durability(durability)) as tx:
        assert tx.fetchone("SELECT current_setting('synchronous_commit')") == (setting,)


# Conflicts


def test_a_violated_constraint_names_the_table_and_leaves_the_rest(database):
    with database.write() as tx:
        tx.bulk_insert("t", ["n"], [(1,)])
        with pytest.raises(IntegrityError, match="t_pkey"), tx.savepoint():
            tx.bulk_insert("t", ["n"], [(2,), (1,)])
        assert tx.fetchall("SELECT n FROM t") == [(1,)]


def test_what_the_server_undid_is_done_again(database):
    with database.write() as tx:
        tx.bulk_insert("t", ["n", "s"], [(1, ""), (2, "")])
    barrier = threading.Barrier(2, timeout=60)

    def work(first, second):
        attempts = []

        def deed(tx):
            attempts.append(first)
            tx.execute("UPDATE t SET s = s || 'x' WHERE n = ?", (first,))
            if len(attempts) == 1:
                barrier.wait()
            tx.execute("UPDATE t SET s = s || 'x' WHERE n = ?", (second,))

        return deed

    url, schema = database.location.partition("&schema=")[::2]
    failures = []

    def outsider():
        """Write the same rows in the other order, knowing nothing of our lock."""
        with psycopg.connect(url, autocommit=False) as raw:
            raw.execute(f"SET search_path TO {schema}")
            raw.execute("SET deadlock_timeout = '10s'")  # so that we, not this one, are undone
            raw.execute("UPDATE t SET s = s || 'y' WHERE n = 2")
            barrier.wait()
            try:
                raw.execute("UPDATE t SET s = s || 'y' WHERE n = 1")
            except psycopg.Error as exc:
                failures.append(exc)

    thread = threading.Thread(target=outsider)
    thread.start()
    database.carry_out(work(1, 2))
    thread.join()
    assert failures == []
    with database.read() as connection:
        assert sorted(connection.fetchall("SELECT n, s FROM t")) == [(1, "yx"), (2, "yx")]


def test_a_deed_that_is_undone_again_and_again_is_told(database):
    attempts = []

    def deed(tx):
        attempts.append(tx)
        raise UndoneError("met another one")

    with pytest.raises(UndoneError):
        database.carry_out(deed)
    assert len(attempts) > 2


# Servers that stop


@pytest.fixture
def own():
    server = Server(safe=True)
    yield server
    server.remove()


def test_a_restarted_server_is_found_again(own):
    with Database.create(own.url()) as database:
        with database.write() as tx:
            tx.execute("CREATE TABLE t (n INTEGER)")
        own.stop()
        own.start()
        with database.read() as connection:
            assert connection.fetchall("SELECT n FROM t") == []
        own.stop()
        own.start()
        with database.write() as tx:
            tx.bulk_insert("t", ["n"], [(1,)])
        assert database.transaction is None


def test_a_server_that_stops_in_the_middle_undoes_the_change_and_says_so(own):
    with Database.create(own.url()) as database:
        with database.write() as tx:
            tx.execute("CREATE TABLE t (n INTEGER)")
        with pytest.raises(DatabaseUnavailableError, match="does not answer"), database.write() as tx:
            tx.bulk_insert("t", ["n"], [(1,)])
            own.stop()
            tx.bulk_insert("t", ["n"], [(2,)])
        with pytest.raises(DatabaseUnavailableError), database.read() as connection:
            connection.fetchall("SELECT n FROM t")
        own.start()
        with database.write() as tx:
            assert tx.fetchall("SELECT n FROM t") == []
            tx.bulk_insert("t", ["n"], [(3,)])


def test_a_connection_that_dies_in_the_hands_of_its_user_is_replaced_before_the_first_statement(
    database, postgres_server
):
    with database.read() as connection:
        (backend,) = connection.fetchone("SELECT pg_backend_pid()")
    with database.read() as connection:
        postgres_server.execute(f"SELECT pg_terminate_backend({backend})")
        assert connection.fetchone("SELECT count(*) FROM t") == (0,)


def test_what_was_committed_survives_a_killed_server(own):
    with Database.create(own.url()) as database:
        with database.write() as tx:
            tx.execute("CREATE TABLE t (n INTEGER)")
        for n in range(20):
            with database.write() as tx:
                tx.bulk_insert("t", ["n"], [(n,)])
        own.stop()
        own.start()
        with database.read() as connection:
            assert connection.fetchone("SELECT count(*) FROM t") == (20,)


def test_a_standby_server_answers_and_refuses_to_write(own):
    own.execute("ALTER SYSTEM SET wal_level = replica")
    with Database.create(own.url()) as database:
        with database.write() as tx:
            tx.execute("CREATE TABLE t (n INTEGER)")
            tx.bulk_insert("t", ["n"], [(1,), (2,)])
        standby = Server(copy_of=own)
        try:
            there = database.location.replace(str(own.folder), str(standby.folder))
            with Database.open(there) as copy:
                with copy.read(snapshot=True) as connection:
                    table = connection.upload("x", 1, [(2,), (3,)])
                    assert connection.fetchall(f"SELECT n FROM t JOIN {table} q ON c0 = n") == [(2,)]
                    assert list(connection.stream("SELECT n FROM t ORDER BY n")) == [[(1,), (2,)]]
                with pytest.raises(ReadOnlyError, match="standby"), copy.write():
                    pass
        finally:
            standby.remove()


def test_without_the_driver_one_sentence_says_what_to_install():
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from bunter.database import Database\n"
        "try: Database.open('postgresql://h/d')\n"
        "except Exception as exc: print(type(exc).__name__, exc)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingExtraError")
    assert "pip install 'bunter[postgres]'" in done.stdout


def test_sqlite_repositories_do_not_load_the_driver():
    code = (
        "import sys; import bunter.butler; from bunter.database import Database; Database.memory()\n"
        "assert not any(name.startswith('psycopg') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})


def test_the_planner_knows_of_many_new_rows_at_once(postgres_url):
    with Database.create(postgres_url) as database:
        with database.write() as tx:
            tx.bulk_insert("attribute", ["name", "value"], [(f"a{n}", "") for n in range(2000)])
        with database.read() as connection:
            (size,) = connection.fetchone("SELECT reltuples FROM pg_class WHERE oid = to_regclass('attribute')")
    assert size >= 2000


def test_blocks_that_fail_between_others_are_taken_back_alone(postgres_url):
    with Database.create(postgres_url) as database:
        with database.write() as tx:
            for name, fails in (("a", False), ("b", True), ("c", False)):
                with contextlib.suppress(KeyError), tx.savepoint():
                    with tx.savepoint():
                        tx.bulk_insert("attribute", ["name", "value"], [(name, "1")])
                    with contextlib.suppress(ValueError), tx.savepoint():
                        tx.bulk_insert("attribute", ["name", "value"], [(name * 2, "1")])
                        raise ValueError
                    if fails:
                        raise KeyError
        with database.read() as connection:
            names = connection.fetchall("SELECT name FROM attribute WHERE value = '1' ORDER BY name")
    assert names == [("a",), ("c",)]


# Statements that come again and again


def ask_often(connection, sql, parameters=()):
    """Ask until the server has the statement prepared, and once more."""
    return [connection.fetchall(sql, parameters) for _ in range(5)]


def test_a_statement_that_is_prepared_gives_what_it_gave_before(database):
    with database.write() as tx:
        for n in range(3):
            tx.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", (n, f"ä{n}", n / 3, bytes([n]), n == 1))
    sql = "SELECT n, s, f, b, o, NULL FROM t WHERE n >= ? AND s <> ? AND b <> ? AND f < ? AND s IS DISTINCT FROM ? ORDER BY n"
    with database.read() as connection:
        answers = ask_often(connection, sql, (1, "x", b"", 2.0, None))
        assert answers == [[(1, "ä1", 1 / 3, b"\1", True, None), (2, "ä2", 2 / 3, b"\2", False, None)]] * 5
        sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%IS DISTINCT FROM%'"
        assert connection.raw.run(sql).fetchall() == [(1,)]


def test_prepared_statements_survive_what_is_taken_back(database):
    for _ in range(6):
        with contextlib.suppress(KeyError), database.write() as tx:
            tx.execute("INSERT INTO t (n) VALUES (?)", (7,))
            assert tx.fetchall("SELECT n FROM t") == [(7,)]
            raise KeyError
        with database.read(snapshot=True) as connection:
            assert connection.fetchall("SELECT n FROM t") == []


def test_a_table_that_gets_a_column_meanwhile_is_read_with_it(database):
    with database.read() as connection:
        ask_often(connection, "SELECT * FROM t")
        with psycopg.connect(connection.raw.driver.info.dsn, autocommit=True) as other:
            schema = connection.fetchone("SELECT current_schema()")[0]
            other.execute(f'ALTER TABLE "{schema}".t ADD COLUMN late INTEGER')
        cursor = connection.execute("SELECT * FROM t")
        assert [column[0] for column in cursor.description][-1] == "late"
        assert cursor.fetchall() == []


def test_more_statements_than_are_kept_prepared_are_answered(database):
    with database.read() as connection:
        for n in range(600):
            for _ in range(3):
                assert connection.fetchone(f"SELECT {n} + ?", (1,)) == (n + 1,)
        (held,) = connection.fetchone("SELECT count(*) FROM pg_prepared_statements")
    assert held <= 500
