"""Tables of files in all their forms, and what `ingest-files` says of those that are none."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from astropy.nddata import CCDData
from astropy.table import Table

from bunter import Butler
from bunter.cli.program import run
from bunter.contracts.small_camera import fill_dimensions


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Butler.create("repo") as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("level", ["instrument", "detector"], "StructuredDataDict")
    for number in range(3):
        (tmp_path / f"f{number}.json").write_text(json.dumps({"n": number}))
    return tmp_path


ROWS = [{"file": f"f{number}.json", "detector": number} for number in range(3)]


def write(place, ending):
    path = place / f"table{ending}"
    if ending in {".csv", ".ecsv", ".fits"}:
        Table(ROWS).write(path)
    elif ending == ".tsv":
        Table(ROWS).write(path, format="ascii.tab")
    elif ending == ".parquet":
        pd.DataFrame(ROWS).to_parquet(path)
    elif ending == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        path.write_text(json.dumps(ROWS))  # which is YAML too
    return path


def ingest(*more):
    return run(["ingest-files", "repo", "level", "run1", *more, "--data-id", "instrument=Cam", "-t", "copy"])


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".ecsv", ".fits", ".parquet", ".json", ".jsonl", ".yaml"])
def test_a_table_of_files_may_have_any_common_form(place, ending, capfd):
    assert ingest(str(write(place, ending))) == 0
    shown = capfd.readouterr()
    assert "ingested 3 files into run1" in shown.out
    assert "WARNING" not in shown.err
    with Butler("repo", collections="run1") as butler:
        assert butler.get("level", instrument="Cam", detector=2) == {"n": 2}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", "", "cannot read the table empty.csv: it is empty"),
        ("odd.xyz", "a b", "its ending says what it is, such as .csv, .tsv"),
        ("bad.json", "{", "cannot read the table bad.json"),
        ("list.json", "[1, 2]", "is no list of objects"),
    ],
)
def test_what_is_no_table_is_one_sentence(place, name, content, words, capfd):
    (place / name).write_text(content)
    assert ingest(name) == 1
    said = capfd.readouterr().err
    assert words in said
    assert "Auto-identify" not in said


def test_the_same_table_again_completes_if_told_to(place, capfd):
    table = str(write(place, ".csv"))
    assert ingest(table) == 0
    assert ingest(table) == 1
    with Butler("repo", writeable=True) as butler:
        butler.remove_datasets(list(butler.query_datasets("level", "run1", where="detector = 1")))
    capfd.readouterr()
    assert ingest(table, "--skip-existing", "--dry-run") == 0
    assert "would ingest 1 file into run1; 2 were there already" in capfd.readouterr().out
    assert ingest(table, "--skip-existing", "--json") == 0
    assert json.loads(capfd.readouterr().out) == {"run": "run1", "files": 1, "known": 2}
    assert ingest(table, "--skip-existing") == 0
    assert "ingested 0 files into run1; 3 were there already" in capfd.readouterr().out


def test_a_dataset_in_a_zip_file_says_where_that_is(place, capfd):
    ingest(str(write(place, ".csv")))
    assert run(["retrieve-artifacts", "repo", "levels.zip", "-d", "level", "--zip"]) == 0
    with Butler.create("other") as other:
        other.ingest_zip("levels.zip", transfer="copy")
        uri = other.get_uri("level", instrument="Cam", detector=1, collections="run1")
        assert str(uri).startswith("file:///")
        assert ".zip#zip-path=" in str(uri)
        assert json.loads(uri.read()) == {"n": 1}


def test_a_folder_of_retrieved_files_is_asked_like_a_repository(place, capfd):
    ingest(str(write(place, ".csv")))
    words = ["retrieve-artifacts", "repo", "out", "-d", "level", "--template", "{detector}", "--collections", "run1"]
    assert run([*words, "--json"]) == 0
    assert run([*words, "--json"]) == 0
    files = [json.loads(line)["file"] for line in capfd.readouterr().out.splitlines()[-3:]]
    assert [os.path.basename(path) for path in files] == ["0.json", "1.json", "2.json"]  # noqa: PTH119 - texts
    assert run(["query-datasets", "out", "level", "--count"]) == 0
    assert capfd.readouterr().out.strip() == "3"
    assert run(["retrieve-artifacts", "repo", "bare", "-d", "level", "--no-manifest"]) == 0
    assert len(os.listdir("bare")) == 3  # noqa: PTH208 - names
    assert run(["query-datasets", "bare", "level"]) == 1
    assert "no repository at" in capfd.readouterr().err


def test_where_the_pieces_of_a_composite_are_is_told(tmp_path, capfd):
    with Butler.create(tmp_path / "repo", datastore={"composites": {"image": True}}) as butler:
        butler.collections.register("run")
        butler.dataset_types.register("image", [], "CCDData")
        butler.put(CCDData(np.ones((3, 3)), unit="adu", mask=np.zeros((3, 3), bool)), "image", run="run")
    assert run(["get-uri", str(tmp_path / "repo"), "image", "--collections", "run", "--json"]) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row["component"] for row in told] == ["header", "image", "mask"]
    assert all(row["uri"].startswith("file:///") for row in told)
    assert run(["get-uri", str(tmp_path / "repo"), "image.mask", "--collections", "run"]) == 0
    assert "image_mask" in capfd.readouterr().out
