"""FITS files that quanta write say where they come from, and `bunter lineage` believes them."""

from __future__ import annotations

import json
import shutil

import pytest
from astropy.io import fits
from click.testing import CliRunner
from small_survey import make_repository

from bunter.cli.program import cli
from bunter.datastore.formats.fits_stamp import read_stamp
from bunter.execution import RunOptions, Wish, compare_runs, run_pipeline
from bunter.pipeline import Pipeline

KEY = {"instrument": "Cam", "exposure": 2}


def run(butler, jobs=1, name="out"):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    tasks = {"flatten": ("stamp_tasks.flatten", {}), "stack": ("stamp_tasks.stack_up", {})}
    graph = Pipeline.from_tasks(tasks).resolve(butler.universe, known)
    summary = run_pipeline(butler, graph, Wish(inputs=("raw",), output=name), options=RunOptions(jobs=jobs))
    assert summary.status == "succeeded", summary
    return summary


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    with make_repository(tmp_path_factory.mktemp("stamps") / "repo") as butler:
        run(butler)
        yield butler


def file_of(butler, collections="out"):
    return butler.get_uri("stack", KEY, collections=collections).path


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_quantum_writes_says_what_it_was_made_of(butler, jobs):
    summary = run(butler, jobs, f"by{jobs}")
    stamp = read_stamp(file_of(butler, f"by{jobs}"))
    ref = butler.find_dataset("stack", KEY, collections=f"by{jobs}")
    flats = list(butler.query_datasets("flat", summary.run, where="exposure = 2"))
    assert (stamp.id, stamp.dataset_type, stamp.run) == (ref.id, "stack", summary.run)
    assert {name: stamp.data_id[name] for name in KEY} == KEY
    assert (stamp.task, stamp.task_class) == ("stack", "stamp_tasks.stack_up")
    assert {id_ for id_, _ in stamp.inputs} == {flat.id for flat in flats}
    assert stamp.code["bunter"]


def test_tasks_do_not_see_stamps_and_readers_get_what_was_put(butler):
    assert dict(butler.get("stack", KEY, collections="out").meta)["OBJECT"] == "dome"
    assert not [name for name in butler.get("stack", KEY, collections="out").meta if name.startswith("BNT")]
    assert fits.getheader(file_of(butler))["BNTNIN"] == 2


def test_lineage_of_a_file_is_that_of_its_dataset_wherever_the_file_lies(butler, tmp_path):
    inside, outside = file_of(butler), tmp_path / "elsewhere.fits"
    shutil.copy(inside, outside)
    by_name = ask("lineage", butler.root, "stack", "instrument=Cam", "exposure=2", "--collections", "out", "--json")
    for words in ((inside,), (butler.root, inside), (butler.root, outside)):
        assert ask("lineage", *words, "--json") == by_name
    told = json.loads(ask("lineage", outside, "--json"))
    assert told["id"] == str(butler.find_dataset("stack", KEY, collections="out").id)
    assert told["inputs"]


def ask(*words):
    done = CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_configuration_turns_stamps_off(tmp_path):
    with make_repository(tmp_path / "repo", datastore={"stamps": False}) as butler:
        run(butler)
        assert "BNTID" not in fits.getheader(file_of(butler))
        assert butler.check(deep=True).is_clean


def test_runs_are_the_same_but_for_their_stamps(butler):
    from bunter.datastore.format import format_of

    run(butler, name="again")
    one, two = (file_of(butler, name).read_bytes() for name in ("out", "again"))
    assert one != two
    assert format_of("fits").same(one, two)


def test_stamps_are_no_difference_between_runs(butler):
    run(butler, name="third")
    found = compare_runs(butler, "out", "third")
    images = {one.dataset_type: one for one in found.outputs if one.dataset_type in ("flat", "stack")}
    assert images["flat"].same == 8
    assert images["stack"].same == 4
    assert not [one for one in found.outputs if one.different]
    assert found.is_same
