from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bunter import effects
from bunter.database import Database, IntegrityError
from bunter.errors import (
    ConfigurationError,
    DatabaseBusyError,
    DatabaseDamagedError,
    ReadOnlyError,
    RepositoryExistsError,
    RepositoryNotFoundError,
)
from bunter.values import Durability, Principal


@pytest.fixture(params=["file", "memory", "server"])
def database(request, tmp_path):
    if request.param == "memory":
        made = Database.memory()
    else:
        server = request.param == "server"
        made = Database.create(request.getfixturevalue("postgres_url") if server else tmp_path / "r.sqlite3")
    with made as database:
        with database.write() as tx:
            tx.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, who TEXT)")
        yield database


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "r.sqlite3"
    with Database.create(path) as database, database.write() as tx:
        tx.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, who TEXT)")
    return path


@pytest.fixture(params=["file", "server"])
def place(request):
    """Address of a database that several processes can open."""
    if request.param == "file":
        return request.getfixturevalue("path")
    url = request.getfixturevalue("postgres_url")
    with Database.create(url) as database, database.write() as tx:
        tx.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, who TEXT)")
    return url


def count(database):
    with database.read() as connection:
        return connection.fetchone("SELECT count(*) FROM t")[0]


def test_rows_written_in_a_block_are_there_afterwards(database):
    with database.write() as tx:
        tx.bulk_insert("t", ["n", "who"], [(1, "a"), (2, "b")])
    assert count(database) == 2


def test_an_exception_takes_everything_back(database):
    with pytest.raises(KeyError), database.write() as tx:
        tx.bulk_insert("t", ["n"], [(1,)])
        raise KeyError
    assert count(database) == 0


def test_reading_inside_a_transaction_sees_what_it_wrote(database):
    with database.write() as tx:
        tx.bulk_insert("t", ["n"], [(1,)])
        assert count(database) == 1


def test_an_inner_block_that_fails_is_taken_back_alone(database):
    with database.write() as outer:
        outer.bulk_insert("t", ["n"], [(1,)])
        before = outer.next_change(Principal("peter", "piccadilly"), "test")
        with pytest.raises(KeyError), database.write() as inner:
            assert inner is outer
            inner.touch()
            inner.bulk_insert("t", ["n"], [(2,)])
            raise KeyError
        assert not outer.touched
        assert outer.next_change() == before
    assert count(database) == 1


def test_changes_are_numbered_and_say_who_made_them(database):
    numbers = []
    for _ in range(3):
        with database.write() as tx:
            numbers.append(tx.next_change(Principal("peter", "piccadilly"), "put"))
            assert tx.next_change() == numbers[-1]
    assert numbers == [1, 2, 3]
    with database.read() as connection:
        assert connection.fetchall('SELECT DISTINCT "user", host, command FROM change') == [
            ("peter", "piccadilly", "put")
        ]


def test_the_generation_grows_with_committed_touches_only(database):
    def generation():
        with database.read() as connection:
            return connection.generation()

    first = generation()
    with pytest.raises(KeyError), database.write() as tx:
        tx.touch()
        raise KeyError
    assert generation() == first
    with database.write() as tx:
        tx.touch()
        tx.touch()
    assert generation() == first + 1


def test_executemany_counts_as_one_statement(database):
    counts = []
    for begin, end in [(0, 10), (10, 3000)]:
        with database.write() as tx:
            before = database.statements
            tx.bulk_insert("t", ["n"], [(n,) for n in range(begin, end)])
            counts.append(database.statements - before)
    assert counts == [1, 1]


@pytest.mark.parametrize("count", [99, 100, 10_250])
def test_any_number_of_rows_goes_in_once(database, count):
    rows = [(f"a{n}", str(n)) for n in range(count)]
    sql = "INSERT INTO attribute (name, value) VALUES (?, ?)"
    with database.write() as tx:
        assert tx.executemany(sql, iter(rows)) == count
        assert tx.executemany(f"{sql} ON CONFLICT (name) DO NOTHING", [*rows, ("one more", "?")]) == 1
        assert tx.fetchone("SELECT value FROM attribute WHERE name = ?", (rows[-1][0],)) == (rows[-1][1],)
        with pytest.raises(IntegrityError), tx.savepoint():
            tx.executemany(sql, [("b", "1")] * count)
        assert tx.fetchall("SELECT value FROM attribute WHERE name = 'b'") == []


def test_a_row_too_short_does_not_shift_those_after_it(path):
    with Database.open(path) as database, pytest.raises(sqlite3.ProgrammingError), database.write() as tx:
        tx.executemany("INSERT INTO attribute (name, value) VALUES (?, ?)", [("a",), *(("b", "c"),) * 300, ("d",) * 3])


def test_streams_come_in_batches(database):
    with database.write() as tx:
        tx.bulk_insert("t", ["n"], [(n,) for n in range(10)])
    with database.read() as connection:
        assert [len(rows) for rows in connection.stream("SELECT n FROM t", batch_size=4)] == [4, 4, 2]


def test_a_commit_is_two_steps_that_crash_tests_can_hit(database):
    seen = []
    effects.set_hook(lambda operation, path: seen.append(path) if operation == "checkpoint" else None)
    try:
        with database.write():
            pass
    finally:
        effects.set_hook(None)
    assert seen == ["commit", "committed"]


def test_a_failure_before_the_commit_takes_everything_back(database):
    def fail(operation, path):
        if (operation, path) == ("checkpoint", "commit"):
            raise OSError

    effects.set_hook(fail)
    try:
        with pytest.raises(OSError), database.write() as tx:  # noqa: PT011 - raised by the hook
            tx.bulk_insert("t", ["n"], [(1,)])
    finally:
        effects.set_hook(None)
    assert count(database) == 0


def test_creating_over_a_file_leaves_it_as_it_was(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"something else")
    with pytest.raises(RepositoryExistsError):
        Database.create(path)
    assert path.read_bytes() == b"something else"


def test_opening_never_makes_a_file(tmp_path):
    with pytest.raises(RepositoryNotFoundError, match="no database"):
        Database.open(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_program_is_refused(tmp_path):
    other = sqlite3.connect(tmp_path / "x")
    other.execute("CREATE TABLE t (n)")
    other.commit()
    other.close()
    with pytest.raises(RepositoryNotFoundError, match="another program"):
        Database.open(tmp_path / "x")


@pytest.mark.parametrize("content", [b"", b"GIF89a" * 40, b"SQLite format 3\x00"])
def test_a_file_that_is_no_database_any_more_is_called_damaged(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DatabaseDamagedError):
        Database.open(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == content


def test_a_cut_file_is_called_damaged(path):
    with Database.open(path) as database:
        with database.write() as tx:
            tx.bulk_insert("t", ["n", "who"], [(n, "x" * 500) for n in range(1000)])
        with database.read() as connection:
            connection.fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    path.write_bytes(whole[:8192])
    with pytest.raises(DatabaseDamagedError), Database.open(path) as database:
        database.verify()


def test_garbled_pages_are_found_by_verify(path):
    with Database.open(path) as database:
        with database.write() as tx:
            tx.bulk_insert("t", ["n", "who"], [(n, "x" * 500) for n in range(1000)])
        with database.read() as connection:
            connection.fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[40960:45056] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(DatabaseDamagedError), Database.open(path) as database:
        database.verify()


def test_a_database_of_a_later_version_is_refused(path):
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(ConfigurationError, match="upgrade"):
        Database.open(path)


def test_opened_for_reading_it_refuses_to_write(place):
    with Database.open(place, read_only=True) as database:
        with pytest.raises(ReadOnlyError), database.write():
            pass
        with database.read() as connection, pytest.raises(ReadOnlyError):
            connection.execute("INSERT INTO t (n) VALUES (1)")


def test_a_backup_is_a_database_of_its_own(path, tmp_path):
    with Database.open(path) as database:
        with database.write() as tx:
            tx.bulk_insert("t", ["n"], [(1,)])
        database.backup(tmp_path / "copy")
    with Database.open(tmp_path / "copy") as copy:
        assert count(copy) == 1


def test_a_reader_keeps_its_snapshot_while_another_writes(place):
    with Database.open(place) as database, Database.open(place) as other, database.read(snapshot=True) as reader:
        assert reader.fetchone("SELECT count(*) FROM t") == (0,)
        with other.write() as tx:
            tx.bulk_insert("t", ["n"], [(1,)])
        assert reader.fetchone("SELECT count(*) FROM t") == (0,)


def test_a_writer_that_waits_too_long_says_so(place):
    with Database.open(place) as database, Database.open(place) as other, database.write():  # noqa: SIM117 - two acts
        with pytest.raises(DatabaseBusyError, match="other writers"), other.write(lock_timeout_s=0.05):
            pass


def test_a_writer_of_another_program_is_waited_for_and_named(path):
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with Database.open(path, lock_timeout_s=0.05) as database:
        with pytest.raises(DatabaseBusyError, match="another program"), database.write():
            pass
        raw.execute("ROLLBACK")
        with database.write():
            pass
    raw.close()


@pytest.mark.parametrize("durability", list(Durability))
def test_every_durability_commits(database, durability):
    with database.write(durability=durability) as tx:
        tx.bulk_insert("t", ["n"], [(1,)])
    assert count(database) == 1


def test_threads_write_one_after_the_other(database):
    def work(me):
        for n in range(50):
            with database.write(durability=Durability.none) as tx:
                before = tx.fetchone("SELECT count(*) FROM t")[0]
                tx.bulk_insert("t", ["n", "who"], [(me * 1000 + n, str(me))])
                assert tx.fetchone("SELECT count(*) FROM t")[0] == before + 1

    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 200


def _writer(path, me, rounds, results):
    slowest = 0.0
    with Database.open(path) as database:
        for n in range(rounds):
            begin = time.monotonic()
            with database.write(durability=Durability.none) as tx:
                tx.bulk_insert("t", ["n", "who"], [(me * 100000 + n, str(me))])
            slowest = max(slowest, time.monotonic() - begin)
    results.put((me, slowest))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_write_without_errors_and_none_starves(place, method):
    context = multiprocessing.get_context(method)
    results = context.Queue()
    workers = [context.Process(target=_writer, args=(str(place), me, 100, results)) for me in range(4)]
    for worker in workers:
        worker.start()
    times = dict(results.get(timeout=300) for _ in workers)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with Database.open(place) as database:
        assert count(database) == 400
    assert max(times.values()) < 2


def test_a_writer_that_is_killed_lets_the_next_one_in(place):
    code = (
        "import sys, time\nfrom bunter.database import Database\n"
        "with Database.open(sys.argv[1]).write() as tx:\n"
        "    tx.execute('INSERT INTO t (n) VALUES (1)'); print('in', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"in\n"
    with Database.open(place) as database:
        with pytest.raises(DatabaseBusyError), database.write(lock_timeout_s=0.05):
            pass
        holder.kill()
        holder.communicate()
        with database.write(lock_timeout_s=10) as tx:
            assert tx.fetchone("SELECT count(*) FROM t") == (0,)


def test_a_forked_child_opens_its_own_connections(place):
    with Database.open(place) as database, database.read(snapshot=True) as held:
        held.fetchone("SELECT count(*) FROM t")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with database.write() as tx:
                    tx.bulk_insert("t", ["n"], [(7,)])
                status = 0 if count(database) == 1 else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert held.fetchone("SELECT count(*) FROM t") == (0,)
    with Database.open(place) as again:
        assert count(again) == 1


def test_a_child_forked_inside_a_transaction_cannot_commit_it(place):
    with Database.open(place) as database:
        with database.write() as tx:
            tx.bulk_insert("t", ["n"], [(1,)])
            child = os.fork()
            if child == 0:
                os._exit(0 if database.transaction is None else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with database.write() as tx:
            tx.bulk_insert("t", ["n"], [(2,)])
        assert count(database) == 2


def test_memory_is_not_on_disk():
    with Database.memory() as database:
        assert database.location == ":memory:"
        assert not Path(":memory:").exists()


def test_opening_it_again_keeps_the_locks_of_the_first(tmp_path):
    path = tmp_path / "r.sqlite3"
    with Database.create(path) as first:
        with first.write() as tx:
            tx.execute("CREATE TABLE t (n INTEGER)")
        Database.open(path).close()
        other = "import sys; from bunter.database import Database; Database.open(sys.argv[1]).close()"
        subprocess.run([sys.executable, "-c", other, str(path)], check=True)
        with first.write() as tx:
            tx.execute("INSERT INTO t VALUES (1)")
        with Database.open(path) as again, again.read() as connection:
            assert connection.fetchall("SELECT n FROM t") == [(1,)]
