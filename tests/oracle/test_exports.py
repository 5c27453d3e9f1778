"""What Bunter exports for the reference system arrives there as it is here; and comes back alike."""

import logging
import warnings

import pytest

theirs = pytest.importorskip(
    "lsst.daf.butler", reason="the reference system is not installed; `make oracle` installs it"
)

from bunter.butler import Butler
from bunter.contracts.small_camera import DAY_NS, T0_NS
from bunter.contracts.transfers import fill_source
from bunter.interop import export_rubin, import_rubin
from bunter.values import Timespan

pytestmark = pytest.mark.oracle


@pytest.fixture
def ours(tmp_path):
    with Butler.create(tmp_path / "ours") as butler:
        fill_source(butler)
        table = [butler.get(ref) for ref in butler.query_datasets("thing", "run1")]
        butler.dataset_types.register("plain", ["instrument"], "StructuredDataDict")
        butler.put({"all": len(table)}, "plain", instrument="Cam", run="run1")
        later = list(butler.query_datasets("bias", "run1"))[:1]
        butler.collections.certify("calib", later, Timespan(T0_NS + DAY_NS, None))
        yield butler


def taken_in(tmp_path, **how):
    logging.getLogger("lsst").setLevel(logging.ERROR)
    root = tmp_path / "theirs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.Butler.makeRepo(str(root))
        butler = theirs.Butler.from_config(str(root), writeable=True)
        butler.import_(filename=str(tmp_path / "out/export.yaml"), **how)
    return butler


def spans(theirs_butler):
    found = set()
    for each in theirs_butler.registry.queryDatasetAssociations("bias", collections="calib"):
        bounds = [None if t is None else t.tai.isot for t in (each.timespan.begin, each.timespan.end)]
        found.add((each.ref.id, *bounds))
    return found


def test_datasets_records_and_collections_arrive_at_the_reference_system(ours, tmp_path):
    report = export_rubin(ours.transfers.parcel(), tmp_path / "out")
    assert (report.datasets, report.files, dict(report.left_out)) == (15, 15, {})
    butler = taken_in(tmp_path, directory=str(tmp_path / "out"), transfer="copy")
    for kind in ("thing", "bias", "plain"):
        here = {ref.id: ours.get(ref) for ref in ours.query_datasets(kind, "run1")}
        there = {ref.id: butler.get(ref) for ref in butler.registry.queryDatasets(kind, collections="run1")}
        assert here == there
    assert {ref.id for ref in butler.registry.queryDatasets("thing", collections="tag")} == {
        ref.id for ref in ours.query_datasets("thing", "tag")
    }
    assert tuple(butler.collections.get_info("chain").children) == ours.collections.info("chain").children
    assert butler.collections.get_info("run1").doc == "the first run"
    assert len(spans(butler)) == 3
    for element in ("instrument", "physical_filter", "exposure", "visit", "detector"):
        mine = {record.data_id.required_values: record.to_dict() for record in ours.query_dimension_records(element)}
        records = {
            each.dataId.required_values: each.toDict() for each in butler.registry.queryDimensionRecords(element)
        }
        assert mine.keys() == records.keys()
        for key, row in mine.items():
            for name in row.keys() & records[key].keys() - {"timespan", "region"}:
                assert records[key][name] == (pytest.approx(row[name]) if isinstance(row[name], float) else row[name])
            if row.get("timespan") is not None:
                begin = records[key]["timespan"].begin.unix_tai
                assert begin == pytest.approx(row["timespan"].begin / 1e9, abs=1e-6)


def test_an_export_comes_back_as_it_went(ours, tmp_path):
    export_rubin(ours.transfers.parcel(), tmp_path / "out")
    with Butler.create(tmp_path / "again") as again:
        import_rubin(again, tmp_path / "out/export.yaml", directory=tmp_path / "out")
        for kind in ("thing", "bias", "plain"):
            here = {ref.id: ours.get(ref) for ref in ours.query_datasets(kind, "run1")}
            assert here == {ref.id: again.get(ref) for ref in again.query_datasets(kind, "run1")}
        assert again.calibrations("bias", "calib").num_rows == 3


def test_the_registry_alone_arrives_without_files(ours, tmp_path):
    report = export_rubin(ours.transfers.parcel(), tmp_path / "out", transfer=None)
    assert (report.datasets, report.files) == (15, 0)
    butler = taken_in(tmp_path, without_datastore=True)
    assert len(list(butler.registry.queryDatasets("thing", collections="run1"))) == 12


def test_what_came_from_the_reference_system_goes_back_unchanged(survey, tmp_path):
    export_rubin(survey.ours.transfers.parcel(), tmp_path / "out", transfer=None)
    butler = taken_in(tmp_path, without_datastore=True)
    for element in butler.dimensions.elements:
        if element.has_own_table and not element.name.startswith(("htm", "healpix")):
            known, found = (
                {each.dataId.required_values: each for each in one.registry.queryDimensionRecords(element.name)}
                for one in (survey.theirs, butler)
            )
            assert known == found, element.name
    for name in survey.theirs.collections.query("*"):
        was, now = (one.collections.get_info(name) for one in (survey.theirs, butler))
        assert (was.type, was.children) == (now.type, now.children)
    for kind in survey.theirs.registry.queryDatasetTypes():
        known, found = (
            {(a.ref.id, a.collection, a.timespan) for a in one.registry.queryDatasetAssociations(kind)}
            for one in (survey.theirs, butler)
        )
        assert known == found, kind.name
