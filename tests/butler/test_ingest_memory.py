"""What Python holds while many files are ingested does not grow with their number."""

import gc
import json
import tracemalloc

import pytest

from bunter import Butler, FileDataset
from bunter.butler import FileTable, files, table_rows
from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef
from bunter.dimensions import DataCoordinate
from bunter.values import new_id
from tidy_memory import peak_of, tidy

__all__ = ["tidy"]

FEW, MANY = 1000, 4000
BYTES_EACH = 250
"""More for each file would be a list of them; before there were lots it was 2,600."""


@pytest.fixture
def template(tmp_path, monkeypatch):
    """Write files, of which some hundred make a lot."""
    monkeypatch.setattr(files, "LOT_FILES", 300)
    monkeypatch.setattr(table_rows, "_ROWS", 300)
    (tmp_path / "in").mkdir()
    for number in range(MANY):
        (tmp_path / "in" / f"f{number}.json").write_text(json.dumps({"n": number}))
    return tmp_path


def peak(template, count, ingest):
    """Ingest so many files into a new repository; return the most bytes that Python held meanwhile, beyond those before."""
    with Butler.create(template / f"repo{count}") as butler:
        fill_dimensions(butler, exposures=1, detectors=count)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        ingest(butler, 1)  # what is made once, such as compiled statements
        before = butler.query_datasets("thing").count()
        peak = peak_of(ingest, butler, count)
        assert butler.query_datasets("thing").count() == before + count - 1
        return peak


def yielded(butler, template, first, count):
    kind = butler.dataset_types.get("thing")
    for number in range(first, count):
        values = {"instrument": "Cam", "exposure": 0, "detector": number}
        data_id = DataCoordinate(kind.dimensions, tuple(values[name] for name in kind.dimensions.required))
        yield FileDataset(str(template / "in" / f"f{number}.json"), [DatasetRef(new_id(), kind, data_id, "run1")])


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["direct", "hardlink", "copy", "move"])
def test_memory_does_not_grow_with_the_number_of_files(template, transfer):
    def ingest(butler, count):
        first = 0 if count == 1 else 1
        return butler.ingest_many(yielded(butler, template, first, count), transfer=transfer).files

    many = peak(template, MANY, ingest)
    for number in range(FEW):  # some were moved
        (template / "in" / f"f{number}.json").write_text(json.dumps({"n": number}))
    few = peak(template, FEW, ingest)
    assert many - few < BYTES_EACH * (MANY - FEW)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_memory_does_not_grow_with_the_rows_of_a_table(template, ending):
    def ingest(butler, count):
        table = template / f"{count}.{ending}"
        numbers = range(0 if count == 1 else 1, count)
        if ending == "csv":
            table.write_text("file,detector\n" + "".join(f"f{number}.json,{number}\n" for number in numbers))
        else:
            table.write_text("".join(f'{{"file": "f{number}.json", "detector": {number}}}\n' for number in numbers))
        shared = {"instrument": "Cam", "exposure": "0"}
        named = FileTable(butler, str(table), "thing", "run1", shared=shared, prefix=str(template / "in"))
        gc.collect()
        tracemalloc.reset_peak()
        assert named.check() == len(numbers)
        return butler.ingest_many(named, transfer="direct").files

    assert peak(template, MANY, ingest) - peak(template, FEW, ingest) < BYTES_EACH * (MANY - FEW)
