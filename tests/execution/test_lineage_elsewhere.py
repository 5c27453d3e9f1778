"""Lineage at the place that datasets were brought to: the folders of their runs go along."""

from __future__ import annotations

import pytest
from small_survey import CAM, make_repository, pipeline

from bunter import Butler
from bunter.butler.transfers.run_folders import RunPiece, write_runs
from bunter.butler.transfers.syncing import synchronise
from bunter.errors import ExportFileError, RunError
from bunter.execution import RunOptions, Wish, find_lineage, run_pipeline, why_made


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    with make_repository(tmp_path_factory.mktemp("lineage") / "repo") as butler:
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        wish = Wish(inputs=("raw",), output_run="u/me/first", where="exposure < 2")
        run_pipeline(butler, pipeline().resolve(butler.universe, known), wish, options=RunOptions())
        yield butler


def told(butler):
    night = butler.find_dataset("night", CAM, collections="u/me/first")
    found = find_lineage(butler, night).to_dict()
    return {name: sorted(map(str, rows)) if isinstance(rows, list) else rows for name, rows in found.items()}


@pytest.mark.parametrize("way", ["transfer", "refs", "sync", "export", "zip", "ingest-zip", "dump"])
def test_a_dataset_tells_what_it_was_made_of_wherever_it_is_brought(butler, tmp_path, way):
    if way == "dump":
        butler.dump(tmp_path / "dump")
        other = Butler.load(tmp_path / "dump", tmp_path / "other")
    else:
        other = Butler.create(tmp_path / "other")
    if way == "transfer":
        other.transfers.take(butler.transfers.parcel())
    elif way == "sync":
        synchronise(butler, other)
    elif way == "refs":
        other.transfer_from(butler, [ref for kind in butler.dataset_types for ref in butler.query_datasets(kind, "*")])
    elif way == "export":
        butler.export(tmp_path / "out")
        other.import_(tmp_path / "out")
    elif way in {"zip", "ingest-zip"}:
        butler.bundle(tmp_path / "out.zip")
        (other.import_ if way == "zip" else other.ingest_zip)(tmp_path / "out.zip")
    with other:
        assert told(other) == told(butler)
        assert len(told(other)["quanta"]) > 3
        night = other.find_dataset("night", CAM, collections="u/me/first")
        assert str(why_made(other, night)) == str(why_made(butler, night))
        maker = butler.origin(night)
        there = other.origin(night)
        assert (there.task, there.quantum) == (maker.task, maker.quantum)
        assert (there.made_by or there.activity).label == maker.activity.label


def test_a_run_that_came_from_elsewhere_is_not_gone_on_with_but_spares_work(butler, tmp_path):
    with Butler.create(tmp_path / "other") as other:
        other.transfers.take(butler.transfers.parcel())
        plan = pipeline().resolve(other.universe, {kind.name: kind for kind in other.dataset_types.query()})
        with pytest.raises(RunError, match=r"another repository .*--skip-existing-in u/me/first"):
            run_pipeline(other, plan, Wish(inputs=("raw",), output_run="u/me/first", where="exposure < 2"))
        wish = Wish(inputs=("raw",), output_run="u/me/mine", skip_existing_in=("u/me/first",))
        summary = run_pipeline(other, plan, wish, options=RunOptions())
        assert {label: one.succeeded for label, one in summary.tasks.items()} == {"reduce": 4, "gather": 2, "night": 1}


def test_a_journal_that_has_grown_is_brought_again_and_no_other_file_is_touched(tmp_path):
    folder = tmp_path / ".runs" / "r"
    for journal, summary, there in (("a", "1", "a"), ("ab", "2", "ab"), ("x", "3", "ab"), ("xyz", "4", "ab")):
        write_runs(
            tmp_path,
            [
                RunPiece("r", "journal-local-0000.jsonl", len(journal), journal.encode()),
                RunPiece("r", "summary.json", 1, summary.encode()),
            ],
        )
        assert (folder / "journal-local-0000.jsonl").read_text() == there
        assert (folder / "summary.json").read_text() == "1"
    assert sorted(path.name for path in folder.iterdir()) == [
        "foreign", "journal-local-0000.jsonl", "logs", "summary.json",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["../x", "/etc/x", "logs/../../x.log", "task.py", "logs/.x.log"])
def test_a_stranger_writes_nothing_beside_the_files_of_runs(tmp_path, name):
    with pytest.raises(ExportFileError, match="no file of a run"):
        write_runs(tmp_path, [RunPiece("r", name, 1, b"x")])
