"""A registry copied to another database and back is the same, to the last row, and goes on working."""

from __future__ import annotations

import tracemalloc

import pytest

from bunter import Butler
from bunter.butler.cloning import clone_registry
from bunter.contracts.small_camera import DAY_NS, T0_NS, fill_dimensions, put_thing
from bunter.database import Database, cloning
from bunter.errors import (
    DatabaseDamagedError,
    ReadOnlyError,
    RepositoryExistsError,
    RepositoryNotFoundError,
)
from bunter.values import Timespan


def fill(root):
    """A repository with something in most tables, and a table that nobody knows of."""
    with Butler.create(root) as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.dataset_types.register("bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True)
        for name in ("run1", "run2", "ünïcode/run"):
            butler.collections.register(name)
        butler.collections.register("tag", "TAGGED")
        butler.collections.register("calib", "CALIBRATION")
        butler.collections.redefine_chain("chain", ["run2", "run1"])
        refs = [put_thing(butler, e, d, run=f"run{1 + e % 2}") for e in range(4) for d in range(3)]
        butler.collections.associate("tag", refs[:3])
        biases = [butler.put({"d": d}, "bias", instrument="Cam", detector=d, run="run1") for d in range(2)]
        butler.collections.certify("calib", biases, Timespan(T0_NS, T0_NS + DAY_NS))
        butler.remove_datasets(refs[-2:])
        butler.collections.redefine_chain("chain", ["run1"])
    with Database.open(root / "registry.sqlite3") as database, database.write() as tx:
        tx.execute(
            "CREATE TABLE someone (n INTEGER PRIMARY KEY, t TEXT NOT NULL DEFAULT 'x', f REAL, b BLOB, o BOOLEAN, "
            "m INTEGER NOT NULL DEFAULT 7, UNIQUE (t, f))"
        )
        tx.execute("CREATE INDEX someone_b ON someone (b, t)")
        rows = [
            (5, "a", 1.5, b"\0\xff", True, 2**63 - 1),
            (9, "", -1e300, b"", False, -(2**63)),
            (7, "é'\\", None, None, None, 0),
        ]
        tx.bulk_insert("someone", ["n", "t", "f", "b", "o", "m"], rows)


def dump(place):
    """Everything in a database that is not a view."""
    with Database.open(place, read_only=True) as database, database.read(snapshot=True) as connection:
        shapes = connection.tables()
        rows = {}
        for shape in shapes:
            truths = {n for n, column in enumerate(shape.columns) if column.type == "BOOLEAN"}
            names = ", ".join(f'"{name}"' for name in shape.names)
            found = connection.fetchall(f'SELECT {names} FROM "{shape.name}"')
            rows[shape.name] = sorted(
                (tuple(int(v) if n in truths and v is not None else v for n, v in enumerate(row)) for row in found),
                key=repr,
            )
        return [shape.comparable() for shape in shapes], rows


def without_mark(dumped):
    """What the old database had before the copy took its place."""
    shapes, rows = dumped
    attributes = [row for row in rows["attribute"] if row[0] != "registry.moved_to"]
    return shapes, {**rows, "attribute": attributes, "generation": []}


@pytest.fixture
def root(tmp_path):
    fill(tmp_path / "repo")
    return tmp_path / "repo"


def test_there_and_back_is_the_same(root, postgres_url):
    before = dump(root / "registry.sqlite3")
    report = clone_registry(root, postgres_url)
    assert dump(postgres_url) == before
    assert dict(report.tables)["someone"] == 3
    assert report.rows == sum(map(len, before[1].values()))
    clone_registry(root, "same.sqlite3")
    assert dump(root / "same.sqlite3") == before
    (root / "bunter.yaml").write_text(f"registry:\n  database: {postgres_url}\n")
    clone_registry(root, "back.sqlite3")
    assert dump(root / "back.sqlite3") == before
    with Database.open(root / "back.sqlite3") as back, Database.open(root / "registry.sqlite3") as first:
        for database in (back, first):
            with database.read() as connection:
                shapes = {shape.name: shape for shape in connection.tables()}
            assert shapes["dataset"].by_key
            assert not shapes["collection"].by_key
            assert shapes["someone"].numbered


def test_the_copy_answers_the_same_and_goes_on_counting(root, postgres_url):
    def answers(butler):
        return (
            {(ref.id, ref.run) for ref in butler.query_datasets("thing", collections="chain")},
            {ref.id for ref in butler.query_datasets("thing", collections="tag")},
            butler.get("bias", detector=1, exposure=1, collections="calib"),
            sorted(butler.collections.query("*")),
            butler.query_datasets("thing", collections="*").count(),
        )

    with Butler(root) as butler:
        before = answers(butler)
    clone_registry(root, postgres_url, switch=True)
    with Butler(root, writeable=True) as butler:
        assert answers(butler) == before
        butler.collections.register("later")
        butler.dataset_types.register("other", ["instrument"], "StructuredDataDict")
        ref = butler.put({"new": 1}, "other", instrument="Cam", run="later")
        assert butler.get(ref) == {"new": 1}
        assert butler.check(deep=True).is_clean
        assert butler.sql("SELECT count(*) FROM v1_artifact").rows == [(13,)]
        assert butler.sql("SELECT count(*) FROM v1_datasets_other").rows == [(1,)]
    with Database.open(postgres_url) as database, database.read() as connection:
        numbers = [n for (n,) in connection.fetchall("SELECT n FROM change ORDER BY n")]
        assert numbers == list(range(1, len(numbers) + 1))


def test_after_a_switch_the_old_database_refuses_everybody(root, postgres_url):
    old = root / "registry.sqlite3"
    before = without_mark(dump(old))
    with Butler(root, writeable=True) as early:
        assert early.query_datasets("thing", collections="run1").count() > 0
        clone_registry(root, postgres_url, switch=True)
        with pytest.raises(RepositoryNotFoundError, match="has moved"):
            early.collections.register("lost")
        with pytest.raises(RepositoryNotFoundError, match="has moved"):
            early.query_datasets("thing", collections="run1").count()
    assert without_mark(dump(postgres_url)) == before == without_mark(dump(old))
    assert postgres_url in (root / "bunter.yaml").read_text()
    with Butler(root, writeable=True) as butler:
        butler.collections.register("kept")
    clone_registry(root, "back.sqlite3", switch=True)
    assert "back.sqlite3" in (root / "bunter.yaml").read_text()
    with Butler(root) as butler:
        assert "kept" in butler.collections.query("*")


def test_a_switch_waits_for_writers_and_keeps_them_out(root, postgres_url):
    with Database.open(root / "registry.sqlite3") as other, other.write():  # noqa: SIM117 - two acts
        with pytest.raises(TimeoutError, match="other writers"):
            (root / "bunter.yaml").write_text("registry: {lock_timeout_s: 0.2}\n")
            clone_registry(root, postgres_url, switch=True)
    (root / "bunter.yaml").write_text("format: 1\n")
    clone_registry(root, postgres_url, switch=True)


def test_a_rehearsal_changes_nothing(root, postgres_url):
    report = clone_registry(root, postgres_url, switch=True, dry_run=True)
    assert report.dry_run
    assert not report.switched
    assert dict(report.tables)["someone"] == 3
    Database.check_absent(postgres_url)
    assert "postgres" not in (root / "bunter.yaml").read_text()


def test_a_target_with_something_in_it_is_refused_and_stays(root, postgres_url):
    Database.create(postgres_url).close()
    with pytest.raises(RepositoryExistsError):
        clone_registry(root, postgres_url)
    Database.open(postgres_url).close()
    for switch in (False, True):
        with pytest.raises(RepositoryExistsError, match=r"remove it if a command that was cut short left it"):
            clone_registry(root, "registry.sqlite3", switch=switch)
    (root / "link.sqlite3").symlink_to("registry.sqlite3")
    with pytest.raises(RepositoryExistsError):
        clone_registry(root, "link.sqlite3", switch=True)


def test_a_copy_with_the_same_content_is_taken_for_done_and_another_is_not(root):
    first = clone_registry(root, "copy.sqlite3")
    assert clone_registry(root, "copy.sqlite3").tables == first.tables
    with Butler(root, writeable=True) as butler:
        butler.collections.register("later")
    with pytest.raises(RepositoryExistsError):
        clone_registry(root, "copy.sqlite3", switch=True)
    clone_registry(root, "whole.sqlite3")
    clone_registry(root, "whole.sqlite3", switch=True)
    assert "whole.sqlite3" in (root / "bunter.yaml").read_text()
    with Butler(root) as butler:
        assert "later" in butler.collections.query()


@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_copy_that_differs_is_not_kept(root, postgres_url, monkeypatch, kind):
    target = postgres_url if kind == "server" else "copy.sqlite3"
    real = cloning.fingerprint

    def other(connection, shape):
        if shape.name == "someone":
            connection.execute("UPDATE someone SET m = 1 WHERE n = 5")
        return real(connection, shape)

    monkeypatch.setattr(cloning, "fingerprint", other)
    with pytest.raises(DatabaseDamagedError, match="someone"):
        clone_registry(root, target, switch=True)
    monkeypatch.undo()
    clone_registry(root, target)
    with Butler(root, writeable=True) as butler:  # the original is not marked as moved
        butler.collections.register("still")


def test_a_value_of_another_type_is_told(root, postgres_url):
    with Database.open(root / "registry.sqlite3") as database, database.write() as tx:
        tx.execute("UPDATE someone SET m = 'many' WHERE n = 5")
    with pytest.raises(DatabaseDamagedError, match="someone"):
        clone_registry(root, postgres_url)
    Database.check_absent(postgres_url)


def test_a_sealed_repository_is_copied_but_not_switched(root, postgres_url):
    from bunter.butler.sealing import seal

    seal(root)
    with pytest.raises(ReadOnlyError, match="sealed"):
        clone_registry(root, postgres_url, switch=True)
    clone_registry(root, postgres_url)


@pytest.mark.parametrize("there", [True, False])
def test_memory_does_not_grow_with_the_tables(root, postgres_url, monkeypatch, there):
    monkeypatch.setattr(cloning, "_BATCH", 1000)
    with Database.open(root / "registry.sqlite3") as database, database.write() as tx:
        tx.bulk_insert("someone", ["n", "t", "b"], ((n, f"text {n}", b"x" * 100) for n in range(100, 60_100)))
    if not there:
        clone_registry(root, postgres_url, switch=True)
    tracemalloc.start()
    clone_registry(root, postgres_url if there else "back.sqlite3")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6  # the rows are 20 MB as Python has them
