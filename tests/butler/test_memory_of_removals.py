"""Removing datasets, and changing what they are members of, takes no more memory for many than for some."""

import shutil
import subprocess

import pytest

from bunter import Butler
from bunter.butler import trash
from bunter.contracts.small_camera import fill_dimensions
from bunter.database import many_rows
from bunter.datastore import kept_records
from bunter.registry import blocks, datasets, stream
from bunter.values import packed_ids
from tidy_memory import peak_of, tidy

__all__ = ["tidy"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DETECTORS = 50
SOME, MANY = 500, 2_000
BYTES = 200
"""For each dataset: its id takes 16, the same as an object 49, and a reference or the name of a file several hundred."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Repositories of some and many files, half of them tagged."""
    place = tmp_path_factory.mktemp("memory")
    for count in (SOME, MANY):
        with Butler.create(place / str(count)) as butler:
            fill_dimensions(butler, exposures=count // DETECTORS, detectors=DETECTORS)
            butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
            butler.collections.register("run")
            butler.collections.register("tag", "TAGGED")
            places = [
                {"instrument": "Cam", "exposure": number // DETECTORS, "detector": number % DETECTORS}
                for number in range(count)
            ]
            refs = butler.put_many([{"number": number} for number in range(count)], "thing", places, run="run")
            butler.collections.associate("tag", refs[::2])
    return place


@pytest.fixture
def _small_parts(monkeypatch):
    """Let what is done in parts of ten thousand be done in parts of a hundred, so that a thousand are many."""
    for module, name in [
        (packed_ids, "LOT_IDS"),
        (trash, "LOT_IDS"),
        (kept_records, "LOT_IDS"),
        (datasets, "LOT_IDS"),
        (stream, "_BATCH_ROWS"),
        (blocks, "_BATCH_ROWS"),
        (many_rows, "_PART"),
    ]:
        monkeypatch.setattr(module, name, 100)


def copied(source, out):
    """Copy a repository; files are further links, the database is a copy."""
    subprocess.run(["cp", "-al", source, out], check=True)
    for path in out.rglob("*.sqlite*"):
        path.unlink()
        shutil.copy2(source / path.relative_to(out), path)
    return out


def things(butler):
    return butler.query_datasets("thing", "run")


def removed(**how):
    return lambda butler: butler.remove_datasets(things(butler), **how)


def associated(butler):
    butler.collections.register("all", "TAGGED")
    butler.collections.associate("all", things(butler))


ACTS = {
    "removal": removed(),
    "removal that is kept": removed(keep_days=1.0),
    "unstoring": removed(purge=False),
    "preview": lambda butler: butler.removal.preview(things(butler)),
    "removal of a run": lambda butler: butler.remove_runs("run"),
    "removal of a run that is kept": lambda butler: butler.remove_runs("run", keep_days=1.0),
    "association": associated,
    "disassociation": lambda butler: butler.collections.disassociate("tag", butler.query_datasets("thing", "tag")),
}


def peak(act, root):
    with Butler(root, writeable=True) as butler:
        return peak_of(act, butler)


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.usefixtures("_small_parts")
def test_memory_hardly_grows_with_the_number_of_datasets(place, tmp_path, name):
    _, some, many = (  # the first for modules, and what is made once
        peak(ACTS[name], copied(place / str(count), tmp_path / str(turn)))
        for turn, count in enumerate((MANY, SOME, MANY))
    )
    assert (many - some) / (MANY - SOME) < BYTES
