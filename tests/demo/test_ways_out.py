"""Datasets of a whole night travel by each way with all that they need, whatever their data IDs are made of."""

import pytest

from bunter.butler import Butler
from bunter.demo.simulation import Plan
from bunter.demo.tour import Tour
from bunter.demo.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SMALL = Plan(biases=2, flats=2, dithers=1, fields=1)
FEW = 3


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A small night with its coadds, open for reading."""
    workspace = Workspace(tmp_path_factory.mktemp("night") / "demo", 5, SMALL)
    assert Tour(workspace, until="science").go() == 0
    with Butler(workspace.root, writeable=False) as butler:
        yield butler


def transferred(night, refs, target, _):
    target.transfer_from(night, refs)


def chosen_by_type(night, refs, target, _):
    target.transfers.take(night.transfers.parcel(dataset_types=[refs[0].dataset_type.name], collections=[refs[0].run]))


def exported(night, refs, target, folder):
    night.export(folder, refs=refs)
    target.import_(folder, transfer="copy")


def retrieved(night, refs, target, folder):
    list(night.retrieve_artifacts(refs, folder))
    target.import_(folder, transfer="copy")


def bundled(night, refs, target, folder):
    night.bundle(folder.with_suffix(".zip"), refs=refs)
    target.ingest_zip(folder.with_suffix(".zip"), transfer="copy")


@pytest.mark.parametrize("way", [transferred, chosen_by_type, exported, retrieved, bundled])
def test_datasets_of_each_kind_of_data_id_travel_alone(night, tmp_path, way):
    kinds = {kind.dimensions: kind for kind in night.dataset_types}
    travelled = set()
    for group, kind in kinds.items():
        if refs := list(night.query_datasets(kind, "*", find_first=False, limit=FEW)):
            with Butler.create(tmp_path / kind.name) as target:
                way(night, refs, target, tmp_path / f"{kind.name}-out")
                assert {ref.id for ref in target.query_datasets(kind, "*", find_first=False)} >= {
                    ref.id for ref in refs
                }
                assert target.check(deep=True).is_clean
                target.get(refs[0])
            travelled.add(frozenset(group.names))
    assert {"visit", "detector"} in [names & {"visit", "detector"} for names in travelled]
    assert len(travelled) > 8
