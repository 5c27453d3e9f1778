"""What every repository promises of files that their owner moves: subclass `RelocatingContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef, FileDataset
from bunter.errors import IngestError, KeyMissingError, KeyTakenError
from bunter.values import new_id

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler

__all__ = ["RelocatingContract"]


class RelocatingContract:
    """Files that were ingested where they are may be moved, if the repository is told.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def disk(self, tmp_path: Path) -> Path:
        for number in range(4):
            folder = tmp_path / "disk1/raw" / f"night{number // 2}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"f{number}.json").write_text(f'{{"e": {number}}}')
        return tmp_path

    @pytest.fixture
    def refs(self, empty: Butler, disk: Path) -> list[DatasetRef]:
        fill_dimensions(empty)
        kind = empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        assert kind is not None
        return [self.ingest(empty, disk / f"disk1/raw/night{n // 2}/f{n}.json", n) for n in range(4)]

    @staticmethod
    def ingest(butler: Butler, path: Path, number: int, run: str = "run1") -> DatasetRef:
        if run not in butler.collections.query():
            butler.collections.register(run)
        kind = butler.dataset_types["thing"]
        data_id = butler.standardize({"instrument": "Cam", "exposure": number, "detector": 0}, kind.dimensions.required)
        ref = DatasetRef(new_id(), kind, data_id, run)
        butler.ingest(FileDataset(str(path), [ref]), transfer="direct")
        return ref

    def test_files_are_read_where_they_were_moved_to(self, empty: Butler, refs: list[DatasetRef], disk: Path) -> None:
        (disk / "disk1").rename(disk / "disk2")
        with pytest.raises(KeyMissingError, match="bunter relocate"):
            empty.get(refs[0])
        assert empty.relocate(disk / "disk1", disk / "disk2", dry_run=True).files == 4
        assert not empty.check().is_clean
        assert empty.relocate(disk / "disk1", f"{disk}/disk2/").files == 4
        assert [empty.get(ref) for ref in refs] == [{"e": n} for n in range(4)]
        assert empty.get_uri(refs[3]).path == disk / "disk2/raw/night1/f3.json"
        assert empty.check(deep=True).is_clean
        again = empty.relocate(disk / "disk1", disk / "disk2")
        assert (again.files, again.known) == (0, 4)

    def test_one_folder_of_several_to_where_others_are(self, empty: Butler, refs: list[DatasetRef], disk: Path) -> None:
        raw = disk / "disk1/raw"
        for path in (raw / "night1").iterdir():
            path.rename(raw / "night0" / path.name)
        assert empty.relocate(raw / "night1", raw / "night0").files == 2
        assert [empty.get(ref) for ref in refs] == [{"e": n} for n in range(4)]

    def test_nothing_changes_where_a_file_is_not_as_it_was(
        self, empty: Butler, refs: list[DatasetRef], disk: Path
    ) -> None:
        shutil.copytree(disk / "disk1", disk / "disk2")
        (disk / "disk2/raw/night0/f1.json").write_text("{}")
        (disk / "disk2/raw/night1/f2.json").unlink()
        with pytest.raises(IngestError, match="2 files of 4") as told:
            empty.relocate(disk / "disk1", disk / "disk2")
        assert [reason.partition(str(disk))[0] for _, reason in told.value.rejected] == ["", "there is no "]
        assert empty.get_uri(refs[0]).path == disk / "disk1/raw/night0/f0.json"

    def test_folders_are_told_from_those_whose_names_begin_alike(
        self, empty: Butler, refs: list[DatasetRef], disk: Path
    ) -> None:
        del refs
        with pytest.raises(IngestError, match=r"below .*disk1/ra; such files are in .*disk1/raw/night0"):
            empty.relocate(disk / "disk1/ra", disk / "disk2")

    def test_a_file_that_was_ingested_from_both_is_told(
        self, empty: Butler, refs: list[DatasetRef], disk: Path
    ) -> None:
        shutil.copytree(disk / "disk1", disk / "disk2")
        self.ingest(empty, disk / "disk2/raw/night0/f0.json", 0, "run2")
        with pytest.raises(KeyTakenError, match="recorded already"):
            empty.relocate(disk / "disk1", disk / "disk2")
        assert empty.get_uri(refs[1]).path == disk / "disk1/raw/night0/f1.json"

    def test_what_was_removed_comes_back_from_the_new_place(
        self, empty: Butler, refs: list[DatasetRef], disk: Path
    ) -> None:
        empty.remove_datasets(refs[:1], keep_days=1)
        (disk / "disk1").rename(disk / "disk2")
        assert empty.relocate(disk / "disk1", disk / "disk2").files == 3
        removal = next(each for each in empty.undoable() if each.kept is not None)
        empty.undo(removal.change)
        assert empty.get(refs[0]) == {"e": 0}
