"""Tables are read in lots, and mean the same whatever the lots are."""

import json

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.butler import table_rows
from bunter.butler.table_rows import row_lots
from bunter.errors import IngestError

ROWS = [{"file": f"f{n}.json", "exposure": n, "name": ["a", "b 1", "c,d", 'e"f', "7"][n]} for n in range(5)]


@pytest.fixture(autouse=True)
def small_lots(monkeypatch):
    monkeypatch.setattr(table_rows, "_ROWS", 2)


def read(path):
    return [row for lot in row_lots(path) for row in lot]


def write(path):
    if path.suffix == ".tsv":
        Table(ROWS).write(path, format="ascii.tab")
    elif path.suffix == ".jsonl":
        path.write_text("\n\n".join(map(json.dumps, ROWS)))
    elif path.suffix in {".json", ".yaml"}:
        path.write_text(json.dumps(ROWS, indent=1))
    else:
        Table(ROWS).write(path)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".ecsv", ".fits", ".parquet", ".json", ".jsonl", ".yaml"])
def test_every_form_gives_the_same_rows(tmp_path, ending):
    write(tmp_path / f"table{ending}")
    assert read(tmp_path / f"table{ending}") == ROWS
    assert [len(lot) for lot in row_lots(tmp_path / f"table{ending}")] == [2, 2, 1]


def test_a_column_is_of_numbers_only_if_all_of_its_values_are(tmp_path):
    (tmp_path / "t.csv").write_text("file,n,x,s,m\na,1,1,1,1\nb,-2,2.5e3,2,\nc,+3,3,x3,3\n")
    rows = read(tmp_path / "t.csv")
    assert [row["n"] for row in rows] == [1, -2, 3]
    assert [row["x"] for row in rows] == [1.0, 2500.0, 3.0]
    assert [row["s"] for row in rows] == ["1", "2", "x3"]
    assert [row["m"] for row in rows] == [1, None, 3]


def test_a_short_row_lacks_values_and_a_long_one_is_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("file,n\na\n\nb,2\n")
    assert read(tmp_path / "t.csv") == [{"file": "a", "n": None}, {"file": "b", "n": 2}]
    (tmp_path / "t.csv").write_text("file,n\na,1\nb,2,3\n")
    with pytest.raises(IngestError, match="row 2 has 3 fields, and there are 2 columns"):
        read(tmp_path / "t.csv")


def test_a_text_of_two_lines_stays_one_value_in_every_lot(tmp_path):
    names = ["one\ntwo", 'quote "', "plain", "#no comment", "x\n\ny"]
    table = Table({"file": [f"f{n}" for n in range(5)], "name": names, "n": np.arange(5)})
    table.write(tmp_path / "t.ecsv")
    assert [row["name"] for row in read(tmp_path / "t.ecsv")] == names
    table.write(tmp_path / "t.csv")
    assert [row["name"] for row in read(tmp_path / "t.csv")] == names


def test_a_table_with_a_head_alone_has_no_rows(tmp_path):
    (tmp_path / "t.csv").write_text("file,n\n")
    Table({"file": np.array([], str), "n": np.array([], int)}).write(tmp_path / "t.ecsv")
    (tmp_path / "t.json").write_text(" [ ] ")
    assert read(tmp_path / "t.csv") == read(tmp_path / "t.ecsv") == read(tmp_path / "t.json") == []


@settings(max_examples=300, deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text('a[]{},: "\n'), st.lists, max_leaves=8), st.integers(0, 30))
def test_a_list_of_objects_is_read_as_json_reads_it(tmp_path_factory, value, cut):
    path = tmp_path_factory.mktemp("json") / "t.json"
    rows = [{"file": "a", "value": value}, {"file": "b"}, {"file": "c", "value": [value]}]
    for indent in (None, 1):
        text = json.dumps(rows, indent=indent)
        path.write_text(text)
        assert read(path) == rows
        path.write_text(text[: len(text) - 1 - cut] + text[len(text) - cut :] if cut else text + ",")
        try:
            expected = json.loads(path.read_text())
        except ValueError:
            with pytest.raises(IngestError):
                read(path)
        else:
            if isinstance(expected, list) and all(isinstance(row, dict) and row for row in expected):
                assert read(path) == expected
