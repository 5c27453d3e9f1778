"""Large objects take little memory beside themselves, and are the same files as small steps would make."""

import subprocess
import sys

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions
from bunter.datastore.format import format_of
from bunter.datastore.object_size import nbytes
from bunter.errors import FileIntegrityError

_ALONE = """
import sys
from pathlib import Path
import numpy as np
from astropy.nddata import CCDData
from astropy.table import Table
from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions

def peak(act):
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten
    before = of("VmRSS")
    act()
    return of("VmHWM") - before

def of(name):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)) / 1000

kind, _, form = sys.argv[2].partition(":")
rows = 160_000
make = {
    "CCDData": lambda n: CCDData(np.ones((n, 100)), unit="adu"),
    "NumpyArray": lambda n: np.ones((n, 100)),
    "AstropyTable": lambda n: Table({f"c{i}": np.arange(4.0 * n) for i in range(25)}, copy=False),
    "ArrayTree": lambda n: {"a": np.ones((n, 100))},
}[kind]
with Butler.create(sys.argv[1], datastore={"formats": {"thing": form}} if form else None) as butler:
    fill_dimensions(butler)
    butler.dataset_types.register("thing", ["instrument", "detector"], kind)
    butler.collections.register("run1")
    butler.get(butler.put(make(100), "thing", instrument="Cam", detector=1, run="run1"))
    obj, refs, got = make(rows), [], []
    put = peak(lambda: refs.append(butler.put(obj, "thing", instrument="Cam", detector=0, run="run1")))
    del obj
    get = peak(lambda: got.append(butler.get(refs[0])))
print(put, get - rows * 0.0008)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["CCDData", "NumpyArray", "AstropyTable", "ArrayTree", "ArrayTree:asdf"])
def test_put_and_get_take_little_memory_beside_the_object(tmp_path, kind):
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(tmp_path / "repo"), kind],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    put, get = map(float, done.stdout.split())  # MB; the object has 128
    assert put < 50
    assert get < 110  # a second one would be 128


def tables():
    numbers = np.arange(300_000)
    text = np.char.add("x", (numbers % 100).astype("U3"))
    yield Table(
        {"a": numbers, "b": numbers * 0.5, "c": text, "d": numbers % 2 == 0, "e": numbers.reshape(-1, 1) * np.ones(3)}
    )
    masked = MaskedColumn(numbers * 0.5, mask=numbers % 200_001 == 5, unit="Jy", description="flux")
    yield Table({"f": masked, "g": MaskedColumn(text, mask=numbers == 299_999)})


@pytest.mark.parametrize("table", list(tables()), ids=["plain", "masked"])
def test_a_table_of_many_groups_of_rows_comes_back_as_it_was(table):
    from bunter.datastore.format import ReadRequest
    from bunter.datastore.formats.tables import same_tables

    form = format_of("parquet")
    found = form.from_bytes(bytes(form.to_pieces(table)), ReadRequest("astropy.table:Table"))
    assert same_tables(table, found)
    arrow = form.from_bytes(form.to_bytes(table), ReadRequest("pyarrow:Table"))
    assert arrow.num_rows == len(table)


@pytest.mark.parametrize("name", ["parquet", "hdf5", "zarr"])
def test_pieces_are_the_bytes_and_come_again(name):
    form, obj = format_of(name), Table({"a": np.arange(100_000)})
    pieces = form.to_pieces(obj)
    assert [bytes(pieces), bytes(pieces)] == 2 * [form.to_bytes(obj)]


def test_an_archive_of_a_large_array_is_that_of_a_small_one(monkeypatch):
    form, obj = format_of("zarr"), {"a": np.arange(600_000.0).reshape(600, 1000), "b": np.arange(5)}
    before = form.to_bytes(obj)
    monkeypatch.setattr("bunter.datastore.formats.zarr_zip.LARGE", 1000)
    assert form.to_bytes(obj) == before


def test_a_large_tree_is_read_into_the_memory_of_its_arrays(tmp_path):
    pytest.importorskip("asdf")
    with Butler.create(tmp_path / "repo", datastore={"formats": {"thing": "asdf"}}) as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("thing", ["instrument", "detector"], "ArrayTree")
        butler.collections.register("run1")
        tree = {"a": np.random.default_rng(1).random((2_200, 2_000)), "b": {"c": np.arange(7), "d": 5}}
        ref = butler.put(tree, "thing", instrument="Cam", detector=0, run="run1")
        found = butler.get(ref)
        np.testing.assert_array_equal(found["a"], tree["a"])
        assert found["b"]["c"].tolist() == list(range(7))
        found["a"][0, 0] = 1  # what comes is one's own
        assert np.isfinite(butler.get(ref)["a"]).all()
        path = butler.get_uri(ref).path
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.truncate(20_000_000)
        with pytest.raises(FileIntegrityError):
            butler.get(ref)


def test_the_size_of_objects_of_all_kinds_is_known():
    import pyarrow as pa

    column = np.arange(1000.0)
    assert nbytes(column) == nbytes({"x": {"y": column}}) == nbytes(Table({"a": column})) == 8000
    assert nbytes(pa.table({"a": column})) == 8000
    assert nbytes(pytest.importorskip("pandas").DataFrame({"a": column})) >= 8000
    assert nbytes(pytest.importorskip("polars").DataFrame({"a": column})) >= 8000
    assert nbytes("text") == nbytes([1]) == nbytes(None) == 0


@pytest.fixture
def far(s3_place, tmp_path):
    with Butler.create(s3_place, database=str(tmp_path / "registry.sqlite3")) as made:
        fill_dimensions(made)
        made.dataset_types.register("table", ["instrument", "detector"], "AstropyTable")
        made.collections.register("run1")
        yield made


def test_a_large_table_far_away_is_fetched_once_and_compared(far, s3_server):
    table = Table({"a": np.random.default_rng(1).random(5_000_000)})
    ref = far.put(table, "table", instrument="Cam", detector=0, run="run1")
    assert far.get_uri(ref).size > 32 << 20
    np.testing.assert_array_equal(far.get(ref)["a"], table["a"])
    path = s3_server.folder / "data" / str(far.get_uri(ref)).removeprefix("s3://")
    content = bytearray(path.read_bytes())
    content[20_000_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileIntegrityError):
        far.get(ref)
