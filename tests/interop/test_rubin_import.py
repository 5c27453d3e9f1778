"""Export files of Rubin repositories go in, with all that they say; bad ones are refused in a sentence."""

import json
from uuid import UUID

import pytest
from click.testing import CliRunner

from bunter.butler import Butler
from bunter.cli.program import cli
from bunter.dataset import CollectionType
from bunter.errors import ExportFileError, MissingDatasetTypeError, StorageClassError
from bunter.geometry import Region
from bunter.interop import import_rubin, read_export
from bunter.values import Timespan, parse_instant

SQUARE = Region.polygon([(10, 0), (11, 0), (11, 1), (10, 1)])
BIAS = "01a1fb36-9966-7fa7-be4f-1697d94a7ff7"
RAW = "01a1fb36-97f3-7cbc-afac-9c94ad7472c0"

EXPORT = f"""
description: Butler Data Repository Export
version: 1.0.2
universe_version: 8
universe_namespace: daf_butler
data:
- type: dimension
  element: visit
  records:
  - {{instrument: Cam, id: 7, name: v7, physical_filter: Cam-r, day_obs: 20240501,
     region: !<lsst.sphgeom.ConvexPolygon> {{encoded: {SQUARE.encode().hex()}}},
     datetime_begin: !butler_time/tai/iso '2024-05-01 20:00:00.000000001',
     datetime_end: !butler_time/tai/iso '2024-05-01 20:01:00.000000000'}}
- type: dimension
  element: instrument
  records:
  - {{name: Cam, visit_max: 1000, visit_system: 0, exposure_max: 1000, detector_max: 10, class_name: x.Y}}
- type: dimension
  element: physical_filter
  records: [{{instrument: Cam, name: Cam-r, band: r}}]
- type: dimension
  element: detector
  records: [{{instrument: Cam, id: 0, full_name: D0, raft: null, name_in_raft: null, purpose: SCIENCE}}]
- type: dimension
  element: day_obs
  records: [{{instrument: Cam, id: 20240501}}]
- {{type: collection, collection_type: RUN, name: Cam/calib/r1, host: null, timespan_begin: null, timespan_end: null}}
- {{type: collection, collection_type: CALIBRATION, name: Cam/calib, doc: master calibrations}}
- {{type: collection, collection_type: TAGGED, name: u/me/tag}}
- {{type: collection, collection_type: CHAINED, name: Cam/defaults, children: [u/me/tag, Cam/calib]}}
- {{type: dataset_type, name: bias, dimensions: [instrument, detector], storage_class: StructuredDataDict, is_calibration: true}}
- {{type: dataset_type, name: note, dimensions: [instrument], storage_class: StructuredDataDict, is_calibration: false}}
- type: dataset
  dataset_type: bias
  run: Cam/calib/r1
  records:
  - dataset_id: [!uuid '{BIAS}']
    data_id: [{{instrument: Cam, detector: 0}}]
    path: bias.yaml
    formatter: lsst.obs.base.formatters.fitsExposure.FitsImageFormatter
- type: dataset
  dataset_type: note
  run: Cam/calib/r1
  records:
  - dataset_id: [!uuid '{RAW}']
    data_id: [{{instrument: Cam}}]
    path: note.yaml
    formatter: lsst.daf.butler.formatters.yaml.YamlFormatter
- type: associations
  collection: Cam/calib
  collection_type: CALIBRATION
  validity_ranges:
  - timespan: !lsst.daf.butler.Timespan
      begin: null
      end: !butler_time/tai/iso '2024-06-01 00:00:00.000000000'
    dataset_ids: [!uuid '{BIAS}']
- {{type: associations, collection: u/me/tag, collection_type: TAGGED, dataset_ids: [!uuid '{RAW}']}}
"""


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export.yaml"
    path.write_text(EXPORT)
    return path


@pytest.fixture
def butler(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        yield butler


def test_all_that_an_export_says_is_there(butler, export):
    report = import_rubin(butler, export)
    assert (report.records, report.datasets, report.files, report.memberships) == (5, 2, 0, 2)
    visit = butler.query_dimension_records("visit", instrument="Cam").one()
    assert visit.region == SQUARE
    assert visit.timespan.begin == parse_instant("2024-05-01T20:00:00.000000001/tai")
    assert butler.query_dimension_records("day_obs", instrument="Cam").one().timespan is None
    assert butler.collections.info("Cam/calib").doc == "master calibrations"
    assert butler.collections.info("Cam/defaults").children == ("u/me/tag", "Cam/calib")
    assert butler.collections.info("u/me/tag").type is CollectionType.TAGGED
    assert butler.find_dataset("note", instrument="Cam", collections="u/me/tag").id == UUID(RAW)
    (row,) = butler.calibrations("bias", "Cam/calib").to_pylist()
    assert Timespan.from_bounds(row["timespan_begin"], row["timespan_end"]) == Timespan.from_times(
        None, "2024-06-01/tai"
    )


def test_importing_again_changes_nothing(butler, export):
    import_rubin(butler, export)
    before = [butler.query_datasets(name, "*").to_arrow() for name in ("bias", "note")]
    import_rubin(butler, export)
    assert [butler.query_datasets(name, "*").to_arrow() for name in ("bias", "note")] == before
    assert len(butler.calibrations("bias", "Cam/calib")) == 1


def test_files_come_in_from_their_folder(butler, export, tmp_path):
    folder = tmp_path / "exported"
    folder.mkdir()
    (folder / "note.yaml").write_text("a: 1\n")
    (folder / "bias.yaml").write_text("b: 2\n")
    for _ in range(2):
        assert import_rubin(butler, export, directory=folder, transfer="copy").files == 2
    assert butler.get("note", instrument="Cam", collections="Cam/calib/r1") == {"a": 1}
    assert butler.find_dataset("note", instrument="Cam", collections="u/me/tag").id == UUID(RAW)


def test_files_that_nothing_can_read_are_refused_before_anything_changes(butler, tmp_path, export):
    export.write_text(EXPORT.replace("StructuredDataDict", "SkyMap"))
    with pytest.raises(StorageClassError, match="SkyMap"):
        import_rubin(butler, export, directory=tmp_path)
    assert len(butler.dataset_types) == 0
    import_rubin(butler, export)
    assert butler.dataset_types["note"].storage_class == "SkyMap"


def test_a_rehearsal_changes_nothing(export, tmp_path):
    Butler.create(tmp_path / "repo").close()
    arguments = ["import-rubin", str(tmp_path / "repo"), str(export), "--json"]
    rehearsed = CliRunner().invoke(cli, [*arguments, "--dry-run"])
    assert rehearsed.exit_code == 0, rehearsed.output
    assert json.loads(rehearsed.stdout)["datasets"] == 2
    with Butler(tmp_path / "repo") as butler:
        assert butler.collections.query() == []
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    with Butler(tmp_path / "repo") as butler:
        assert len(butler.collections.query()) == 4


OLD = """
description: Butler Data Repository Export
version: 0
data:
- type: dimension
  element: instrument
  records: [{name: HSC, visit_max: 9, exposure_max: 9, detector_max: 9, class_name: x.Y}]
- type: dimension
  element: physical_filter
  records: [{instrument: HSC, name: HSC-R, band: r}]
- type: dimension
  element: visit_system
  records: [{instrument: HSC, id: 0, name: one-to-one}]
- type: dimension
  element: exposure
  records:
  - {instrument: HSC, id: 5, physical_filter: HSC-R, obs_id: o5, day_obs: 20130617, group_name: g5, group_id: 5,
     datetime_begin: !butler_time/tai/iso '2013-06-17 13:34:45.775000000',
     datetime_end: !butler_time/tai/iso '2013-06-17 13:35:17.947000000'}
- type: dimension
  element: visit
  records:
  - {instrument: HSC, id: 5, physical_filter: HSC-R, visit_system: 0, name: v5, seeing: null,
     datetime_begin: 2014-11-18 23:59:47.112000, datetime_end: 2014-11-19 00:01:49.092000}
- {type: run, name: r}
- {type: dataset_type, name: src, dimensions: [instrument, visit, visit_system], storage_class: DataFrame}
- type: dataset
  dataset_type: src
  run: r
  records:
  - dataset_id: 17
    data_id: {instrument: HSC, visit: 5}
    path: placeholder
"""


def test_the_oldest_files_are_brought_up_to_date(butler, tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text(OLD)
    import_rubin(butler, path)
    ids = butler.query_data_ids(["visit", "visit_system"], instrument="HSC")
    assert [(row["visit"], row["visit_system"]) for row in ids] == [(5, 0)]
    visit = butler.query_dimension_records("visit", instrument="HSC").one()
    # The file's dates without a zone are UTC; a visit without a day has that of its begin, TAI.
    assert visit.day_obs == 20141119
    assert visit.timespan.begin == parse_instant("2014-11-18T23:59:47.112")
    assert [row.group for row in butler.query_dimension_records("group", instrument="HSC")] == ["g5"]
    assert {row.day_obs for row in butler.query_dimension_records("day_obs", instrument="HSC")} == {20130617, 20141119}
    # uuid3 of the number in the reference system's namespace.
    assert butler.query_datasets("src", "r", instrument="HSC").one().id == UUID("d51523bc-12bb-3e6c-b3e2-f786c61b1fbc")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1", "not YAML"),
        ("a: 1", "no butler export"),
        ("version: 2.0.0\ndata: []", "format 2.0.0"),
        ("version: 1.0.2\ndata: [{type: nonsense}]", "nonsense"),
        ("version: 1.0.2\ndata: [{type: dataset_type}]", "cannot be read"),
        ("version: 1.0.2\ndata: [!!python/object/apply:os.getcwd []]", "not YAML that we know"),
        ("version: 1.0.2\ndata: [{type: dimension, element: x, records: [{a: !uuid 'zz'}]}]", "!uuid"),
        ("version: 1.0.2\nuniverse_namespace: mine\ndata: []", "'mine'"),
    ],
)
def test_a_file_that_is_no_export_is_refused(butler, tmp_path, text, said):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ExportFileError, match=said):
        import_rubin(butler, path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ExportFileError, match=r"nowhere\.yaml"):
        read_export(tmp_path / "nowhere.yaml")


def test_datasets_of_a_type_that_nobody_defines_are_refused(butler, tmp_path):
    path = tmp_path / "export.yaml"
    path.write_text(
        "version: 1.0.2\ndata: [{type: dataset, dataset_type: x, run: r, records: [{dataset_id: 1, data_id: {}}]}]"
    )
    with pytest.raises(MissingDatasetTypeError, match="'x'"):
        import_rubin(butler, path)
