"""Moving datasets takes no more memory for many than for some, but for a few bytes of each."""

import pytest

from bunter import Butler, DatasetRef, FileDataset
from bunter.butler.transfers import (
    gathering,
    imports,
    outgoing,
    packed_datasets,
    receiving,
    recorded_artifacts,
    table_files,
)
from bunter.butler.transfers.syncing import synchronise
from bunter.contracts.small_camera import fill_dimensions
from bunter.database import cloning, many_rows
from bunter.datastore import carriage, checking, outward
from bunter.dimensions import DataCoordinate
from bunter.registry import blocks, stream
from bunter.values import new_id
from tidy_memory import peak_of, tidy

__all__ = ["tidy"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DETECTORS = 50
FEW, SOME, MANY = 50, 500, 2_000
BYTES = 300
"""For each dataset: two ids in Python are 100, and whoever keeps what it has looked at takes a thousand and more."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Repositories of few, some and many files, half of them tagged, with what others are made from."""
    place = tmp_path_factory.mktemp("memory")
    for count in (FEW, SOME, MANY):
        root = place / str(count)
        with Butler.create(root / "source") as butler:
            fill(butler, root / "in", count)
            butler.export(root / "exported")
            butler.dump(root / "dumped")
            butler.bundle(root / "all.zip")
    return place


def fill(butler, folder, count):
    fill_dimensions(butler, exposures=count // DETECTORS, detectors=DETECTORS)
    kind = butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
    butler.collections.register("run")
    butler.collections.register("tag", "TAGGED")
    folder.mkdir()
    files = []
    for number in range(count):
        (path := folder / f"{number}.json").write_text(f'{{"number": {number}}}')
        values = {"instrument": "Cam", "exposure": number // DETECTORS, "detector": number % DETECTORS}
        ordered = tuple(values[name] for name in kind.dimensions.required)
        ref = DatasetRef(new_id(), kind, DataCoordinate(kind.dimensions, ordered), "run")
        files.append(FileDataset(str(path), [ref]))
    refs = butler.ingest(*files, transfer="move")
    butler.collections.associate("tag", list(refs)[::2])


@pytest.fixture
def _small_parts(monkeypatch):
    """Let what is done in parts of some thousand datasets be done in parts of a hundred, so that a thousand are many."""
    for module in (gathering, imports, outgoing):
        monkeypatch.setattr(module, "BATCH_ROWS", 100)
    for module, name in [
        (receiving, "_KEPT_ROWS"),
        (imports, "_KEPT_ROWS"),
        (outgoing, "_MEMBERS"),
        (packed_datasets, "_ROWS"),
        (table_files, "_ROWS"),
        (table_files, "_TOGETHER"),
        (stream, "_BATCH_ROWS"),
        (blocks, "_BATCH_ROWS"),
        (cloning, "_BATCH"),
        (many_rows, "_PART"),
        (carriage, "_TOGETHER"),
        (outward, "_TOGETHER"),
        (checking, "_PAGE"),
    ]:
        monkeypatch.setattr(module, name, 100)
    monkeypatch.setattr(
        recorded_artifacts, "_TOGETHER", 250
    )  # enough to be put on stable storage at once, without threads


def taken(root, out, **selection):
    with Butler(root / "source", writeable=False) as source, Butler.create(out) as target:
        target.transfers.take(source.transfers.parcel(**selection), transfer="copy")


def synchronised(root, out):
    with Butler(root / "source") as source, Butler.create(out) as target:
        synchronise(source, target)


def imported(root, out):
    with Butler.create(out) as target:
        target.import_(root / "exported", transfer="copy")


def unzipped(root, out):
    with Butler.create(out) as target:
        target.ingest_zip(root / "all.zip", transfer="direct")  # a small archive that is copied is read at once


def retrieved(root, out, **names):
    with Butler(root / "source", writeable=False) as source:
        files = source.retrieve_artifacts(source.query_datasets("thing", "run"), out, **names)
        assert len(files) == int(root.name)


def written(name):
    def write(root, out):
        with Butler(root / "source", writeable=False) as source:
            getattr(source, name)(out.with_suffix(".zip") if name == "bundle" else out)

    return write


ACTS = {
    "transfer": taken,
    "transfer of a tag": lambda root, out: taken(root, out, collections=["tag"]),
    "sync": synchronised,
    "export": written("export"),
    "import": imported,
    "bundle": written("bundle"),
    "ingest-zip": unzipped,
    "dump": written("dump"),
    "load": lambda root, out: Butler.load(root / "dumped", out, transfer="copy").close(),
    "retrieve": retrieved,
    "retrieve by a template": lambda root, out: retrieved(root, out, template="{exposure.obs_id}_{detector}"),
    "retrieve without tables": lambda root, out: retrieved(root, out, manifest=False),
    "check": lambda root, out: Butler(root / "source", writeable=False).check(),
}


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.usefixtures("_small_parts")
def test_memory_hardly_grows_with_the_number_of_datasets(place, tmp_path, name):
    peak_of(ACTS[name], place / str(FEW), tmp_path / "first")  # modules, and what is made once
    some, many = (peak_of(ACTS[name], place / str(count), tmp_path / str(count)) for count in (SOME, MANY))
    assert (many - some) / (MANY - SOME) < BYTES
