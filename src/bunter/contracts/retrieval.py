"""What every repository promises about artifacts that are retrieved into folders: subclass and supply ``source`` and ``empty``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from bunter.butler import Butler
from bunter.butler.transfers.manifest import MANIFEST
from bunter.errors import ExportFileError, KeyTakenError, ReadOnlyError, TransferConflictError

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.dataset import DatasetRef

__all__ = ["RetrievalContract"]

TEMPLATE = "{dataset_type}/{exposure}/{detector}"


def content(butler: Butler, refs: list[DatasetRef]) -> list[object]:
    """Return the datasets of references, in their order."""
    return [butler.get(ref) for ref in refs]


class RetrievalContract:
    """Files get the names that were asked for, and their folder opens as a repository of just these datasets."""

    def test_artifacts_are_retrieved_flat_by_template_and_once(self, source: Butler, tmp_path: Path) -> None:
        refs = list(source.query_datasets("thing", "run1"))
        flat = source.retrieve_artifacts(refs, tmp_path / "flat")
        assert {path.parent for path in flat} == {tmp_path / "flat"}
        named = source.retrieve_artifacts(refs, tmp_path / "named", template=TEMPLATE)
        assert (tmp_path / "named/thing/3/2.json") in named
        kept = source.retrieve_artifacts(refs, tmp_path / "kept", preserve_path=True)
        assert kept[0].relative_to(tmp_path / "kept").parts[0] == "run1"
        assert source.retrieve_artifacts(refs, tmp_path / "flat") == flat
        flat[0].write_text("mine")
        with pytest.raises(KeyTakenError):
            source.retrieve_artifacts(refs, tmp_path / "flat")
        assert flat[0].read_text() == "mine"
        with pytest.raises(KeyTakenError, match="both become"):
            source.retrieve_artifacts(refs, tmp_path / "few", template="{detector}")

    @pytest.mark.parametrize(
        "names", [{}, {"template": TEMPLATE}, {"preserve_path": True}], ids=["flat", "named", "kept"]
    )
    def test_a_folder_of_retrieved_files_is_a_repository(
        self, source: Butler, empty: Butler, tmp_path: Path, names: dict[str, Any]
    ) -> None:
        refs = list(source.query_datasets("thing", "run1", where="exposure < 2"))
        files = source.retrieve_artifacts(refs, tmp_path / "out", collections="chain", **names)
        (tmp_path / "out/notes.txt").write_text("mine")
        with Butler(tmp_path / "out") as opened:
            assert content(opened, refs) == content(source, refs)
            assert opened.query_datasets("thing", "chain").count() == len(refs) == 6
            assert opened.query_datasets("thing", "tag").count() == 3
            assert {opened.get_uri(ref).path for ref in refs} == set(files)
            assert [opened.metadata(ref) for ref in refs] == [source.metadata(ref) for ref in refs]
            assert opened.check(deep=True).is_clean
            with pytest.raises(ReadOnlyError):
                opened.put({}, "thing", instrument="Cam", exposure=3, detector=0, run="run1")
        report = empty.import_(tmp_path / "out")
        assert (report.datasets, report.artifacts) == (6, 6)
        assert content(empty, refs) == content(source, refs)

    def test_what_is_retrieved_into_one_folder_adds_up(self, source: Butler, tmp_path: Path) -> None:
        things, biases = (list(source.query_datasets(name, "run1")) for name in ("thing", "bias"))
        for some in (things[:4], biases, things[2:6], []):
            source.retrieve_artifacts(some, tmp_path / "out")
        assert len(list((tmp_path / "out").glob("tables-*"))) == 1
        with Butler(tmp_path / "out") as opened:
            assert content(opened, [*things[:6], *biases]) == content(source, [*things[:6], *biases])
            assert opened.query_datasets("thing", "*").count() == 6

    def test_several_retrieve_into_one_folder_at_once(self, source: Butler, tmp_path: Path) -> None:
        refs = list(source.query_datasets("thing", "run1"))
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda n: source.retrieve_artifacts(refs[n::4], tmp_path / "out"), range(4)))
        with Butler(tmp_path / "out") as opened:
            assert content(opened, refs) == content(source, refs)

    def test_what_contradicts_an_earlier_retrieval_is_refused_whole(
        self, source: Butler, empty: Butler, tmp_path: Path
    ) -> None:
        [ref] = source.query_datasets("thing", "run1", where="exposure = 0 and detector = 0")
        source.retrieve_artifacts([ref], tmp_path / "out")
        empty.transfer_from(source, [ref])
        empty.remove_datasets([ref])
        other = empty.put({"e": "another"}, "thing", ref.data_id, run="run1")
        before = sorted((tmp_path / "out").iterdir())
        with pytest.raises(TransferConflictError, match="has a 'thing'"):
            empty.retrieve_artifacts([other], tmp_path / "out")
        assert sorted((tmp_path / "out").iterdir()) == before

    def test_a_retrieved_dataset_may_have_a_second_name(self, source: Butler, tmp_path: Path) -> None:
        refs = list(source.query_datasets("thing", "run1"))
        source.retrieve_artifacts(refs, tmp_path / "out")
        again = source.retrieve_artifacts(refs, tmp_path / "out", template=TEMPLATE)
        assert all(path.exists() for path in again)
        with Butler(tmp_path / "out") as opened:
            assert content(opened, refs) == content(source, refs)

    def test_without_a_manifest_a_folder_holds_the_files_alone(self, source: Butler, tmp_path: Path) -> None:
        files = source.retrieve_artifacts(source.query_datasets("thing"), tmp_path / "out", manifest=False)
        assert sorted((tmp_path / "out").iterdir()) == sorted(files)

    def test_a_folder_that_is_something_else_is_left_alone(self, source: Butler, tmp_path: Path) -> None:
        refs = list(source.query_datasets("thing", "run1"))
        source.export(tmp_path / "exported")
        with pytest.raises(ExportFileError, match="holds an export"):
            source.retrieve_artifacts(refs, tmp_path / "exported")
        source.retrieve_artifacts(refs, tmp_path / "files")
        with pytest.raises(ExportFileError, match="holds retrieved files"):
            source.export(tmp_path / "files")
        Butler.create(tmp_path / "repository").close()
        with pytest.raises(ExportFileError, match="is a repository"):
            source.retrieve_artifacts(refs, tmp_path / "repository")

    def test_a_file_gets_no_name_of_the_tables(self, source: Butler, tmp_path: Path) -> None:
        refs = list(source.query_datasets("thing", "run1"))[:1]
        with pytest.raises(ExportFileError, match="no name for a retrieved file"):
            source.retrieve_artifacts(refs, tmp_path / "out", template=MANIFEST.removesuffix(".json"))
