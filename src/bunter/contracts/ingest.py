"""What a repository promises of an ingest of many files: subclass `IngestContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from astropy.io import fits

from bunter import effects
from bunter.butler import file_lots, files
from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef, FileDataset
from bunter.dataset.event import Subscription
from bunter.errors import ConflictingDatasetError, IngestError
from bunter.values import Principal, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler import Butler

__all__ = ["IngestContract"]

COUNT = 7


def ref_of(butler: Butler, number: int, kind: str = "thing", run: str = "run1", **more: int) -> DatasetRef:
    """Make a new dataset."""
    of = butler.dataset_types.get(kind)
    data_id = butler.standardize({"instrument": "Cam", "exposure": number, **more}, of.dimensions.required)
    return DatasetRef(new_id(), of, data_id, run)


def thing(butler: Butler, inbox: Path, number: int, run: str = "run1") -> FileDataset:
    """Name a file with its dataset."""
    return FileDataset(str(inbox / f"f{number}.json"), [ref_of(butler, number, run=run, detector=0)])


def things(butler: Butler, inbox: Path, run: str = "run1") -> list[FileDataset]:
    """Name all files."""
    return [thing(butler, inbox, number, run) for number in range(COUNT)]


def artifacts(butler: Butler) -> list[str]:
    """List all that is in the store."""
    return [key for key, _ in butler.datastore.stores["main"].walk()]


class IngestContract:
    """Files come in some at a time, and all of them or none."""

    @pytest.fixture
    def butler(self, empty: Butler, monkeypatch: pytest.MonkeyPatch) -> Butler:
        """Make a small camera; two files make a lot, and all lots but the first are written down."""
        monkeypatch.setattr(files, "LOT_FILES", 2)
        monkeypatch.setattr(file_lots, "_IN_MEMORY", 1)
        fill_dimensions(empty, exposures=COUNT, detectors=2)
        empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        empty.dataset_types.register("note", ["instrument", "exposure"], "StructuredDataDict")
        empty.collections.register("run1")
        empty.collections.register("run2")
        return empty

    @pytest.fixture
    def inbox(self, tmp_path: Path) -> Path:
        """Write a folder of files."""
        (tmp_path / "in").mkdir()
        for number in range(COUNT):
            (tmp_path / "in" / f"f{number}.json").write_text(json.dumps({"e": number}))
        return tmp_path / "in"

    @pytest.mark.parametrize("transfer", ["copy", "move", "auto", "direct"])
    def test_all_lots_come_in_whatever_the_way(self, butler: Butler, inbox: Path, transfer: str) -> None:
        refs = butler.ingest(*things(butler, inbox), transfer=transfer)
        assert [butler.get(ref)["e"] for ref in refs] == list(range(COUNT))
        assert butler.check(deep=True).is_clean
        assert len(list(inbox.iterdir())) == (0 if transfer == "move" else COUNT)

    def test_a_generator_of_files_is_only_counted(self, butler: Butler, inbox: Path) -> None:
        report = butler.ingest_many((thing(butler, inbox, number) for number in range(COUNT)), transfer="copy")
        assert (report.files, report.datasets, report.known) == (COUNT, COUNT, 0)
        assert butler.query_datasets("thing", "run1").count() == COUNT

    def test_types_runs_and_files_of_several_datasets_may_be_mixed(self, butler: Butler, inbox: Path) -> None:
        given = []
        for number in range(COUNT):
            run = "run1" if number % 3 else "run2"
            both = [ref_of(butler, number, run=run, detector=d) for d in (0, 1)]
            note = [ref_of(butler, number, "note", run)]
            given.append(FileDataset(str(inbox / f"f{number}.json"), both if number % 2 else note))
        refs = butler.ingest(*given, transfer="copy")
        assert refs == [ref for file in given for ref in file.refs]
        assert all(butler.get(ref) == {"e": ref.data_id["exposure"]} for ref in refs)
        assert butler.query_datasets("thing", "*", find_first=False).count() == 6
        assert butler.query_datasets("note", "run2").count() == 2

    def test_a_file_that_is_missing_in_a_late_lot_changes_nothing_and_is_listed_with_all_others(
        self, butler: Butler, inbox: Path
    ) -> None:
        given = things(butler, inbox)
        (inbox / "f3.json").unlink()
        (inbox / "f6.json").unlink()
        for transfer in ("copy", "direct"):
            with pytest.raises(IngestError, match="2 of 7 files cannot be ingested") as caught:
                butler.ingest(*given, transfer=transfer)
            assert [path for path, _ in caught.value.rejected] == [str(inbox / "f3.json"), str(inbox / "f6.json")]
            with pytest.raises(IngestError, match="2 of 7 files cannot be ingested"):
                butler.ingest_many(iter(given), transfer=transfer)
        assert artifacts(butler) == []
        assert butler.query_datasets("thing", "run1").count() == 0

    def test_a_name_that_is_no_text_is_refused(self, butler: Butler, inbox: Path) -> None:
        odd = str(inbox / "odd") + b"\xff.json".decode("utf-8", "surrogateescape")
        (inbox / "f4.json").rename(odd)
        given = things(butler, inbox)
        given[4] = FileDataset(odd, given[4].refs)
        with pytest.raises(IngestError, match="1 of 7 files cannot be ingested") as caught:
            butler.ingest(*given, transfer="copy")
        assert "no text in UTF-8" in caught.value.rejected[0][1]
        assert artifacts(butler) == []

    def test_a_full_disk_changes_nothing(self, butler: Butler, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(effects, "nameless_file", lambda: Path("/dev/full").open("w+b"))  # noqa: SIM115 - closed by who asks
        with pytest.raises(OSError, match="No space left"):
            butler.ingest(*things(butler, inbox), transfer="move")
        assert artifacts(butler) == []
        assert len(list(inbox.iterdir())) == COUNT

    def test_a_conflict_in_a_late_lot_changes_nothing(self, butler: Butler, inbox: Path) -> None:
        butler.ingest(thing(butler, inbox, COUNT - 1), transfer="copy")
        for transfer in ("copy", "move"):
            with pytest.raises(ConflictingDatasetError):
                butler.ingest(*things(butler, inbox), transfer=transfer)
        assert len(artifacts(butler)) == 1
        assert len(list(inbox.iterdir())) == COUNT
        assert butler.query_datasets("thing", "run1").count() == 1

    def test_the_same_data_id_in_two_lots_is_a_conflict(self, butler: Butler, inbox: Path) -> None:
        given = [*things(butler, inbox)[:4], thing(butler, inbox, 0)]
        with pytest.raises(ConflictingDatasetError):
            butler.ingest(*given, transfer="copy")
        assert artifacts(butler) == []

    def test_an_error_of_who_yields_the_files_changes_nothing(self, butler: Butler, inbox: Path) -> None:
        def yielded() -> Iterator[FileDataset]:
            yield from things(butler, inbox)[:5]
            raise RuntimeError("no more")

        with pytest.raises(RuntimeError, match="no more"):
            butler.ingest_many(yielded(), transfer="copy")
        assert artifacts(butler) == []

    def test_files_that_are_there_are_left_out_of_each_lot(self, butler: Butler, inbox: Path) -> None:
        butler.ingest(*things(butler, inbox)[1:4], transfer="copy")
        looked = butler.ingest_many(things(butler, inbox), transfer="copy", skip_existing=True, dry_run=True)
        assert (looked.files, looked.known, looked.dry_run) == (4, 3, True)
        report = butler.ingest_many(things(butler, inbox), transfer="copy", skip_existing=True)
        assert (report.files, report.known) == (4, 3)
        assert butler.query_datasets("thing", "run1").count() == COUNT

    def test_runs_are_made_if_that_is_asked_for(self, butler: Butler, inbox: Path) -> None:
        butler.ingest_many(things(butler, inbox, "new run"), transfer="copy", make_runs=True)
        assert butler.query_datasets("thing", "new run").count() == COUNT

    def test_a_unit_of_work_publishes_lots_with_all_the_rest(self, butler: Butler, inbox: Path) -> None:
        with butler.transaction():
            butler.put({"e": 0}, ref_of(butler, 0, "note"))
            butler.ingest(*things(butler, inbox), transfer="copy")
            butler.put({"e": 1}, ref_of(butler, 1, "note"))
            assert artifacts(butler) == []
        assert butler.check(deep=True).is_clean
        assert butler.query_datasets("thing", "run1").count() == COUNT

        def half_done() -> None:
            with butler.transaction():
                butler.ingest(*things(butler, inbox, "run2"), transfer="copy")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            half_done()
        assert butler.query_datasets("thing", "run2").count() == 0
        assert len(artifacts(butler)) == COUNT + 2

    def test_headers_are_kept_for_all_lots(self, butler: Butler, inbox: Path) -> None:
        given = []
        for number in range(COUNT):
            header = fits.Header({"A": number, "B": "same", "C": number % 2})
            fits.PrimaryHDU(header=header).writeto(inbox / f"{number}.fits")
            given.append(FileDataset(str(inbox / f"{number}.fits"), [ref_of(butler, number, detector=0)]))
        refs = butler.ingest(*given, transfer="copy", header=True)
        assert list(butler.headers(refs, ["A"])["A"]) == list(range(COUNT))

    def test_where_files_came_from_is_known_for_all_lots(self, butler: Butler, inbox: Path) -> None:
        refs = butler.ingest(*things(butler, inbox), transfer="copy")
        assert [origin.path for origin in butler.origins(refs)] == [str(inbox / f"f{n}.json") for n in range(COUNT)]

    def test_one_event_tells_of_all_lots(self, butler: Butler, inbox: Path) -> None:
        repository: Any = butler.repository
        repository.outbox.add(Principal.current(), Subscription("all", "file", str(inbox / "events")))
        before = repository.outbox.last_change
        butler.ingest(*things(butler, inbox), transfer="copy")
        [told] = [each for each in repository.outbox.read(before, 100) if each.event.kind == "datasets.added"]
        assert told.event.document["count"] == len(told.event.document["ids"]) == COUNT
        assert len(repository.outbox.datasets(told)) == COUNT
