"""Retrievals of more datasets than are looked at together."""

from pathlib import Path

import pytest

from bunter import Butler, FileDataset
from bunter.butler.transfers import outgoing, packed_datasets
from bunter.butler.transfers.packed_datasets import PackedDatasets
from bunter.butler.transfers.retrieved_files import RetrievedFiles
from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef
from bunter.dimensions import DataCoordinate
from bunter.errors import DatasetNotFoundError, KeyTakenError
from bunter.values import new_id

EXPOSURES, DETECTORS = 3, 4


@pytest.fixture
def butler(tmp_path, monkeypatch):
    """Files that hold an exposure each, and are met detector by detector."""
    monkeypatch.setattr(outgoing, "BATCH_ROWS", 3)
    monkeypatch.setattr(packed_datasets, "_ROWS", 3)
    with Butler.create(tmp_path / "repo") as butler:
        fill_dimensions(butler, exposures=EXPOSURES, detectors=DETECTORS)
        kind = butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run")
        for exposure in range(EXPOSURES):
            (path := tmp_path / f"all-{exposure}.json").write_text(f'{{"exposure": {exposure}}}')
            refs = [DatasetRef(new_id(), kind, coordinate(kind, exposure, d), "run") for d in range(DETECTORS)]
            butler.ingest(FileDataset(str(path), refs, selectors=[str(d) for d in range(DETECTORS)]), transfer="copy")
        yield butler


def coordinate(kind, exposure, detector):
    values = {"instrument": "Cam", "exposure": exposure, "detector": detector}
    return DataCoordinate(kind.dimensions, tuple(values[name] for name in kind.dimensions.required))


def across(butler):
    return sorted(
        butler.query_datasets("thing", "run"), key=lambda ref: (ref.data_id["detector"], ref.data_id["exposure"])
    )


def test_a_file_of_several_datasets_is_retrieved_once_and_named_by_the_first_of_them(butler, tmp_path):
    files = butler.retrieve_artifacts(across(butler), tmp_path / "out", template="{exposure}/{detector}")
    assert sorted(files) == [tmp_path / f"out/{exposure}/0.json" for exposure in range(EXPOSURES)]
    with Butler(tmp_path / "out") as opened:
        assert {opened.get_uri(ref).path for ref in across(opened)} == set(files)
        assert opened.query_datasets("thing", "run").count() == EXPOSURES * DETECTORS


def test_names_that_would_be_one_are_told_wherever_they_come(butler, tmp_path):
    with pytest.raises(KeyTakenError, match="both become"):
        butler.retrieve_artifacts(across(butler), tmp_path / "out", template="{detector}")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_if_one_of_many_has_no_artifact(butler, tmp_path):
    refs = across(butler)
    butler.remove_datasets([refs[-1]], unstore=True)
    with pytest.raises(DatasetNotFoundError, match="1 of 12"):
        butler.retrieve_artifacts(refs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dry_look_counts_each_file_once(butler, tmp_path):
    plan = butler.transfers.retrieval(butler.query_datasets("thing", "run"), tmp_path / "out").plan
    assert (plan.files, plan.size) == (EXPOSURES, EXPOSURES * len('{"exposure": 0}'))


@pytest.mark.parametrize("given", [list, lambda results: results, iter], ids=["list", "question", "iterator"])
def test_datasets_are_packed_once_each_and_come_out_as_they_went_in(butler, given):
    results = butler.query_datasets("thing", "run")
    refs = list(results)
    packed = PackedDatasets.of(given(results))
    assert list(packed) == refs
    assert len(packed.first(5)) == 5
    assert list(packed.first(5)) == refs[:5]
    assert list(PackedDatasets.of([*refs, *refs[:7]])) == refs


def test_files_are_a_sequence_of_paths():
    files = RetrievedFiles(Path("out"), [["a", "b/c"], ["d"]])
    paths = [Path("out/a"), Path("out/b/c"), Path("out/d")]
    assert list(files) == paths
    assert files == paths
    assert (files[0], files[2], files[-1], files[1:]) == (paths[0], paths[2], paths[2], paths[1:])
    assert len(files) == 3
    assert Path("out/d") in files
    assert "3 files: 'out/a'" in repr(files)
    with pytest.raises(IndexError, match="no file 3"):
        files[3]
