"""`bunter get` and `bunter formats`: pieces into files, formats listed and compared."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table

from bunter import Butler
from bunter.cli.program import run


@pytest.fixture
def repo(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        butler.collections.register("run")
        butler.dataset_types.register("image", [], "CCDData")
        butler.dataset_types.register("sources", [], "AstropyTable")
        butler.put(CCDData(np.arange(600.0).reshape(20, 30), unit="adu"), "image", run="run")
        butler.put(Table({"x": [1, 2, 3], "y": [4.0, 5.0, 6.0]}), "sources", run="run")
    return str(tmp_path / "repo")


def test_a_box_is_written_to_a_file(repo, tmp_path, capfd):
    target = tmp_path / "cut.fits"
    line = ["get", repo, "image", "--collections", "run", "--bbox", "10,5,15,9", "-o", str(target)]
    assert run([*line, "--dry-run"]) == 0
    assert not target.exists()
    assert run(line) == 0
    assert np.array_equal(fits.getdata(target), np.arange(600.0).reshape(20, 30)[5:9, 10:15])
    assert run(line) != 0
    assert "is there already" in capfd.readouterr().err


def test_columns_and_rows_go_into_a_table_of_another_format(repo, tmp_path):
    target = tmp_path / "some.ecsv"
    assert (
        run(["get", repo, "sources", "--collections", "run", "--columns", "y", "--rows", "1,3", "-o", str(target)]) == 0
    )
    assert list(Table.read(target)["y"]) == [5.0, 6.0]


def test_what_was_read_for_a_piece_is_told(repo, tmp_path, capfd):
    line = ["get", repo, "image", "--collections", "run", "--bbox", "10,5,15,9", "-o"]
    assert run([*line, str(tmp_path / "one.fits")]) == 0
    assert "; read " in capfd.readouterr().out
    assert run([*line, str(tmp_path / "two.fits"), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert 0 < told["read"] <= told["of"]
    assert told["ranges"] >= 1
    assert run(["get", repo, "image", "--collections", "run", "-o", str(tmp_path / "whole.fits"), "--json"]) == 0
    assert "read" not in json.loads(capfd.readouterr().out)


@pytest.mark.parametrize(
    ("conditions", "values"), [(["y > 4.5"], [5.0, 6.0]), (["y>4.5", "x != 3"], [5.0]), (["x = 1"], [4.0])]
)
def test_rows_are_chosen_by_conditions(repo, tmp_path, conditions, values):
    target = tmp_path / "some.ecsv"
    wanted = [word for text in conditions for word in ("--filter", text)]
    assert run(["get", repo, "sources", "--collections", "run", *wanted, "-o", str(target)]) == 0
    assert list(Table.read(target)["y"]) == values


def test_a_table_is_shown_with_its_rows(repo, capfd):
    assert run(["get", repo, "sources", "--collections", "run", "--filter", "x = 2"]) == 0
    assert capfd.readouterr().out.split()[-2:] == ["2", "5.0"]
    assert run(["get", repo, "sources", "--collections", "run", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"type": "Table", "rows": 3, "columns": ["x", "y"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--filter", "y like 3"], "is not a condition such as 'flux > 99'"),
        (["-o", "no/dir/x.ecsv"], "there is no folder"),
    ],
)
def test_what_cannot_be_chosen_or_written_is_one_sentence(repo, capfd, arguments, message):
    assert run(["get", repo, "sources", "--collections", "run", *arguments]) != 0
    assert message in capfd.readouterr().err


def test_a_component_is_shown(repo, capfd):
    assert run(["get", repo, "image.shape", "--collections", "run", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"value": [20, 30]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bbox", "1,2"], "four whole numbers"),
        (["--bbox", "1,2,300,4"], "does not lie in the image"),
        (["--circle", "10,10,1"], "has no WCS"),
        (["-o", "cut.xyz"], "no format is known"),
    ],
)
def test_what_cannot_be_cut_out_is_one_sentence(repo, capfd, arguments, message):
    assert run(["get", repo, "image", "--collections", "run", *arguments]) != 0
    err = capfd.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_formats_are_listed_with_recipes_and_what_to_install(capfd):
    assert run(["formats", "--json"]) == 0
    rows = {row["format"]: row for row in map(json.loads, capfd.readouterr().out.splitlines())}
    assert "lossless" in rows["fits"]["recipes"]
    assert rows["hdf5"]["status"] in {"ready", "pip install 'bunter[hdf5]'"}


def test_formats_are_compared_on_a_file(tmp_path, capfd):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.random.default_rng(1).normal(size=(300, 300)).astype("f4")).writeto(path)
    assert run(["formats", "--bench", str(path), "--rounds", "1", "--json"]) == 0
    rows = {row["format"]: row for row in map(json.loads, capfd.readouterr().out.splitlines())}
    assert rows["fits"]["part_bytes"] < rows["fits"]["size"] / 5
    assert rows["fits:lossy"]["remark"] == "not exact"
    assert rows["fits:lossless"]["remark"] == ""
    assert rows["parquet"]["size"] is None


def test_a_mask_is_written_as_zeros_and_ones(tmp_path, capfd):
    with Butler.create(tmp_path / "masked") as butler:
        butler.dataset_types.register("image", [], "CCDData")
        butler.collections.register("run")
        pixels = np.arange(12.0).reshape(3, 4)
        butler.put(CCDData(pixels, unit="adu", mask=pixels > 8), "image", run="run")
    target = tmp_path / "mask.fits"
    assert run(["get", str(tmp_path / "masked"), "image.mask", "-o", str(target)]) == 0
    assert np.array_equal(fits.getdata(target), pixels > 8)


def test_a_name_that_is_taken_is_told_before_anything_is_read(repo, tmp_path, capfd):
    target = tmp_path / "taken.fits"
    target.touch()
    for path in (tmp_path / "repo/data").rglob("*.fits"):
        path.unlink()
    assert run(["get", repo, "image", "--collections", "run", "-o", str(target)]) == 1
    assert "is there already" in capfd.readouterr().err
