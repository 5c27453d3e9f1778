"""Exports for the Rubin Butler; that it takes them in is tried in tests/oracle, where it is installed."""

import json

import pytest
from click.testing import CliRunner

from bunter.butler import Butler
from bunter.cli.program import cli
from bunter.contracts.transfers import fill_source
from bunter.errors import ExportFileError
from bunter.interop import export_rubin, import_rubin, read_export


@pytest.fixture
def source(tmp_path):
    with Butler.create(tmp_path / "source") as butler:
        fill_source(butler)
        yield butler


def bunter(*words):
    return CliRunner().invoke(cli, list(map(str, words)))


def test_what_is_exported_comes_in_again_with_its_ids(source, tmp_path):
    report = export_rubin(source.transfers.parcel(), tmp_path / "out")
    assert (report.datasets, report.files, report.memberships) == (14, 14, 5)
    with Butler.create(tmp_path / "again") as again:
        import_rubin(again, tmp_path / "out/export.yaml", directory=tmp_path / "out")
        taken = again.transfers.take(source.transfers.parcel(), dry_run=True)
        assert (taken.datasets, taken.records, taken.memberships, taken.conflicts) == (0, 0, 0, ())
        assert [again.get(ref) for ref in source.query_datasets("thing", "tag")] == [
            source.get(ref) for ref in source.query_datasets("thing", "tag")
        ]


def test_what_nothing_reads_there_is_left_out_and_counted(source, tmp_path):
    source.dataset_types.register("array", ["instrument"], "NumpyArray")
    source.put(__import__("numpy").zeros(3), "array", instrument="Cam", run="run1")
    report = export_rubin(source.transfers.parcel(), tmp_path / "out")
    assert (report.datasets, sum(report.left_out.values())) == (14, 1)
    assert "array" not in {file.dataset_type for file in read_export(tmp_path / "out/export.yaml").files}
    form = next(why for why in report.left_out).split()[3].rstrip(";")
    more = export_rubin(source.transfers.parcel(), tmp_path / "more", formatters={form: "my.formatters.Arrays"})
    assert (more.datasets, more.left_out) == (15, {})


def test_an_export_that_is_there_stays(source, tmp_path):
    export_rubin(source.transfers.parcel("bias"), tmp_path / "out")
    before = (tmp_path / "out/export.yaml").read_bytes()
    with pytest.raises(ExportFileError, match="is there already"):
        export_rubin(source.transfers.parcel(), tmp_path / "out")
    assert (tmp_path / "out/export.yaml").read_bytes() == before


def test_the_command_writes_nothing_when_it_is_tried(source, tmp_path):
    tried = bunter("export-rubin", tmp_path / "source", tmp_path / "out", "-d", "thing", "--dry-run", "--json")
    assert tried.exit_code == 0, tried.output
    row = json.loads(tried.stdout)
    assert (row["datasets"], row["files"], row["dry_run"]) == (12, 12, True)
    assert not (tmp_path / "out").exists()
    done = bunter("export-rubin", tmp_path / "source", tmp_path / "out", "-d", "thing", "-t", "none")
    assert "exported 12 datasets (0 files" in done.stdout, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["export.yaml"]
    wrong = bunter("export-rubin", tmp_path / "source", tmp_path / "more", "--formatter", "npy")
    assert wrong.exit_code == 2
