"""SIGKILL before each effect of commands: what is registered is whole, and the same command brings about what it would have."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import suppress
from functools import partial

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from bunter import Butler
from bunter.cli.program import EXIT_OK, run
from bunter.contracts.small_camera import fill_small_camera, put_thing, register_collections
from bunter.errors import ReadOnlyError
from bunter.values import Timespan
from killing import killed

SKYMAP = {
    "name": "small",
    "centres": [[330.0, -12.0]],
    "pixel_scale": 1.0,
    "tract_size": 0.5,
    "patches": [2, 2],
    "overlap": 9,
}
COMMANDS = {
    "create": "new",
    "seal": "repo",
    "register-instrument": "repo DemoCam",
    "register-skymap": "repo skymap.yaml",
    "ingest-refcat": "repo stars.ecsv --pixelization htm5",
    "ingest-files": "repo thing run9 files.csv --transfer move",
    "export-rubin": "repo rubin --transfer copy",
    "import-rubin": "other from-rubin/export.yaml --directory from-rubin --transfer copy",
    "transfer-datasets": "repo other -d thing --collections run1",
    "register-dataset-type": "repo remark Text instrument exposure",
    "alias": "repo thing matter",
    "insert-dimension-records": "repo detector detectors.csv",
    "remove-dimension-records": "repo detector --where detector=2 --no-confirm",
    "packer define": "repo numbers -f exposure:100 -f detector:10 instrument=Cam",
    "set-metadata": "repo thing quality.flag=bad",
    "index-metadata": "repo thing.metadata.quality.flag",
    "get": "repo thing exposure=0 detector=0 -o out.json",
    "collection-chain": "repo newest run2 run1",
    "associate": "repo good -d thing --where exposure=0",
    "disassociate": "repo tag -d thing",
    "rename-collection": "repo tag first",
    "collection-doc": "repo tag whatever",
    "snapshot create": "repo now",
    "snapshot remove": "repo then",
    "certify-calibrations": "repo run1 calib bias --begin-date 2026-01-01",
    "decertify-calibrations": "repo valid bias --begin-date 2027-01-01",
    "remove-collections": "repo tag --no-confirm",
    "remove-dataset-type": "repo unused",
    "overlay": "repo mine",
    "clone": "repo copy.sqlite3",
    "mirror": "repo books",
    "events subscribe": "repo --name me",
    "events unsubscribe": "repo them",
}
"""Commands that no other test here kills, each with what it is given; every one can be given again."""


def describe(root):
    """Return what a repository has, but for times, numbers and new ids; everything registered is read."""
    with suppress(ReadOnlyError), Butler(root, writeable=True) as butler:
        butler.repository.recover()
    tables = {
        "collection": "collection, type, doc",
        "chain": "chain, position, member",
        "tag": "collection, dataset_type, data_id, run",
        "calibration": "collection, dataset_type, data_id, begin_ns, end_ns, run",
        "metadata": "dataset_type, run, document",
        "alias": "alias, dataset_type",
        "snapshot": "snapshot, doc",
        "dataset_type": "dataset_type, dimensions, storage_class, is_calibration",
        "packer": "packer, fixed, layout",
    }
    with Butler(root, writeable=False) as butler:
        report = butler.check(deep=True)
        assert report.is_clean, report
        told = {name: sorted(map(repr, butler.sql(f"SELECT {of} FROM v1_{name}").rows)) for name, of in tables.items()}
        for kind in butler.dataset_types.query():
            refs = butler.query_datasets(kind, "*", find_first=False)
            told[f"datasets {kind.name}"] = sorted(repr((ref.run, ref.data_id, butler.get(ref))) for ref in refs)
        for element in ("instrument", "detector", "patch"):
            told[f"records {element}"] = butler.query_dimension_records(element).count()
        told["indexes"] = sorted(map(str, butler.metadata_indexes()))
        told["subscriptions"] = sorted(each.name for each in butler.events.subscriptions)
    try:
        with Butler(root, writeable=True):
            told["sealed"] = False
    except ReadOnlyError:
        told["sealed"] = True
    return told


def make_template(base):
    """A repository with all kinds of collections, one without datasets, and files that commands take in."""
    Butler.create(base / "other").close()
    with Butler.create(base / "repo") as butler:
        fill_small_camera(butler, "run0", "run1", "run2")
        register_collections(butler)
        things = [put_thing(butler, exposure, 0) for exposure in range(3)]
        biases = [butler.put({"d": d}, "bias", instrument="Cam", detector=d, run="run1") for d in range(2)]
        butler.collections.associate("tag", things[:2])
        butler.collections.register("valid", "CALIBRATION")
        butler.collections.certify("valid", biases, Timespan())
        butler.dataset_types.register("unused", ["instrument"], "Text")
        butler.events.subscribe("them")
    run(["snapshot", "create", str(base / "repo"), "then"])
    run(["export-rubin", str(base / "repo"), str(base / "from-rubin"), "--transfer", "copy"])
    (base / "skymap.yaml").write_text(json.dumps(SKYMAP))
    (base / "detectors.csv").write_text("instrument,id,full_name\nCam,8,D8\nCam,9,D9\n")
    (base / "files.csv").write_text(
        "file,instrument,exposure,detector\n" + "".join(f"in/f{n}.json,Cam,{n},1\n" for n in range(3))
    )
    (base / "in").mkdir()
    for number in range(3):
        (base / f"in/f{number}.json").write_text(f'{{"e": {number}}}')
    around = np.random.default_rng(1).uniform(-1, 1, (2, 40))
    Table({"ra": (10 + around[0]) * u.deg, "dec": around[1] * u.deg}).write(base / "stars.ecsv")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    base = tmp_path_factory.mktemp("template")
    make_template(base)
    return base


def state(place):
    """What is there after a command: repositories, and files beside them."""
    roots = [name for name in ("repo", "other", "new", "mine") if (place / name / "bunter.yaml").exists()]
    told = {name: describe(place / name) for name in roots}
    for name in ("in", "rubin"):
        told[name] = sorted(str(path.relative_to(place)) for path in (place / name).rglob("*.json"))
    told["books"] = sorted(path.parent.name for path in (place / "books").rglob("*.parquet"))
    if (place / "repo/copy.sqlite3").exists():
        with sqlite3.connect(place / "repo/copy.sqlite3") as connection:
            told["copy"] = connection.execute("SELECT count(*) FROM v1_dataset").fetchall()
        connection.close()
    told["configuration"] = (place / "repo/bunter.yaml").read_text()
    told["out"] = (place / "out.json").read_text() if (place / "out.json").exists() else ""
    return told


@pytest.fixture(params=[pytest.param("some", marks=pytest.mark.slow), pytest.param("every", marks=pytest.mark.soak)])
def steps(request):
    """At which effects a command is killed: at two that differ from command to command, or at each."""
    return (
        sorted(random.Random(request.node.name).sample(range(1, 12), 2)) if request.param == "some" else range(1, 10**6)
    )


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_was_killed_is_completed_by_giving_it_again(name, steps, template, tmp_path, monkeypatch):
    words = [*name.split(), *COMMANDS[name].split()]

    def act(place):
        monkeypatch.chdir(place)
        assert run(words) == EXIT_OK

    shutil.copytree(template, tmp_path / "whole")
    before = state(tmp_path / "whole")
    act(tmp_path / "whole")
    done = state(tmp_path / "whole")
    assert done != before, "the command does something"
    for step in steps:
        place = tmp_path / f"step{step}"
        shutil.copytree(template, place)
        died = killed(partial(act, place), step)
        if state(place) != done:
            assert died
            act(place)
        assert state(place) == done
        shutil.rmtree(place)
        if not died:
            break


@pytest.mark.slow
def test_a_repository_that_was_to_use_a_copy_is_never_lost(template, tmp_path, monkeypatch):
    words = ["clone", "repo", "copy.sqlite3", "--switch"]
    before = describe(template / "repo")
    step, died = 0, True
    while died:
        step += 1
        place = tmp_path / f"step{step}"
        shutil.copytree(template, place)
        monkeypatch.chdir(place)
        died = killed(partial(run, words), step)
        if "copy.sqlite3" not in (place / "repo/bunter.yaml").read_text():
            assert run(words) == EXIT_OK
        assert "copy.sqlite3" in (place / "repo/bunter.yaml").read_text()
        assert describe(place / "repo") == before
        shutil.rmtree(place)
    assert step > 10
