"""Zip files of Rubin repositories, with an index of version V1."""

from __future__ import annotations

import json
import zipfile

import pytest
from click.testing import CliRunner

from bunter import Butler
from bunter.cli.program import cli
from bunter.contracts.small_camera import fill_dimensions
from bunter.errors import ExportFileError, FormatError
from bunter.interop.rubin_zip import ingest_rubin_zip, is_rubin_zip
from bunter.values import new_id


def write(path, *, version="V1", namespace="daf_butler", suffix="json", named=True):
    refs, artifacts = {}, {}
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            id_, member = str(new_id()), f"0000-thing_{number}.{suffix}"
            archive.writestr(member, json.dumps({"n": number}))
            data_id = {"instrument": "Cam", "detector": 0, "exposure": number, "band": "r", "physical_filter": "Cam-r"}
            refs[id_] = {"dataset_type_name": "thing", "run": "raw/all", "data_id": data_id}
            record = {"path": "x", "formatter": "lsst.daf.butler.formatters.json.JsonFormatter", "component": None}
            artifacts[member if named else f"{member}x"] = {"info": {**record, "checksum": None}, "ids": [id_]}
        kind = {
            "name": "thing",
            "storageClass": "StructuredDataDict",
            "dimensions": ["instrument", "detector", "exposure"],
            "isCalibration": False,
        }
        container = {
            "container_version": "V1",
            "universe_version": 8,
            "universe_namespace": namespace,
            "dataset_types": {"thing": kind},
            "compact_refs": refs,
            "dimension_records": None,
        }
        index = {"index_version": version, "refs": container, "artifact_map": artifacts}
        archive.writestr("_butler_zip_index.json", json.dumps(index))
    return list(refs)


@pytest.fixture
def butler(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        fill_dimensions(butler)
        yield butler


def test_members_are_read_in_place_under_their_ids(butler, tmp_path):
    ids = write(tmp_path / "a.zip")
    assert is_rubin_zip(tmp_path / "a.zip")
    assert ingest_rubin_zip(butler, tmp_path / "a.zip", dry_run=True).datasets == 3
    assert list(butler.dataset_types) == []
    ingest_rubin_zip(butler, tmp_path / "a.zip", transfer="copy")
    refs = sorted(butler.query_datasets("thing", "raw/all"), key=lambda ref: ref.data_id["exposure"])
    assert [str(ref.id) for ref in refs] == ids
    assert [butler.get(ref) for ref in refs] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert butler.check(deep=True).is_clean
    again = ingest_rubin_zip(butler, tmp_path / "a.zip", transfer="copy")
    assert (again.datasets, again.known) == (0, 3)


def test_the_command_takes_it_in(butler, tmp_path):
    write(tmp_path / "a.zip")
    done = CliRunner().invoke(cli, ["ingest-zip", str(tmp_path / "repo"), str(tmp_path / "a.zip"), "--json"])
    assert json.loads(done.output)["datasets"] == 3


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"version": "V7"}, ExportFileError, "V7"),
        ({"namespace": "other"}, ExportFileError, "other"),
        ({"named": False}, ExportFileError, "no member"),
        ({"suffix": "fits"}, FormatError, r"bunter\.yaml"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(butler, tmp_path, change, error, said):
    write(tmp_path / "a.zip", **change)
    with pytest.raises(error, match=said):
        ingest_rubin_zip(butler, tmp_path / "a.zip")
    assert list(butler.dataset_types) == []
