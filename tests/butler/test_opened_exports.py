"""Exports and bundles opened where they are: what they tell, and what they refuse."""

import pytest

from bunter import Butler
from bunter.butler.cloning import clone_registry
from bunter.butler.opening import configuration_of
from bunter.butler.overlaying import overlay_repository
from bunter.butler.runs_place import RUNS
from bunter.cli.program import run
from bunter.errors import ReadOnlyError


@pytest.fixture(params=["bundle", "bundle.zip"])
def bundle(tmp_path, request):
    with Butler.create(tmp_path / "repo") as butler:
        butler.dataset_types.register("note", [], "Text")
        butler.collections.register("made")
        butler.put("hello", "note", run="made")
        folder = tmp_path / "repo" / RUNS / "made"
        folder.mkdir(parents=True)
        (folder / "journal-1.jsonl").write_text("{}\n")
        (folder / "request.json").write_text('{"run": "made", "created_ns": 1}')
        butler.bundle(tmp_path / request.param)
    return tmp_path / request.param


def test_what_is_known_of_its_runs_is_read_without_an_import(bundle, tmp_path):
    with Butler(bundle) as opened:
        place = opened.repository.runs
        assert (place / RUNS / "made/journal-1.jsonl").read_text() == "{}\n"
        with Butler.create(tmp_path / "target") as target:
            target.transfer_from(opened, opened.query_datasets("note"))
    assert (tmp_path / "target" / RUNS / "made/journal-1.jsonl").is_file()
    del opened
    assert not place.exists()


def test_lineage_of_a_dataset_that_no_pipeline_made_is_the_dataset(bundle, capfd):
    assert run(["lineage", str(bundle), "note"]) == 0
    assert "note" in capfd.readouterr().out


def test_what_needs_a_repository_says_that_it_is_an_export(bundle, tmp_path):
    for act in (
        lambda: configuration_of(bundle),
        lambda: overlay_repository(bundle, tmp_path / "over"),
        lambda: clone_registry(bundle, "copy.sqlite3"),
    ):
        with pytest.raises(ReadOnlyError, match="is an export"):
            act()


def test_a_folder_of_a_run_that_came_damaged_is_told_in_a_sentence(bundle, tmp_path, capfd):
    with Butler.create(tmp_path / "target") as target:
        target.import_(bundle)
    (tmp_path / "target" / RUNS / "made/request.json").write_text('{"run": 1}')
    assert run(["lineage", str(tmp_path / "target"), "note"]) == 1
    assert "does not say which run it is of" in capfd.readouterr().err
