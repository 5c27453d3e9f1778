"""What a repository promises of datasets that a sink alone has: subclass `AloneSinkContract` and supply a ``make`` fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from astropy.table import Table

from bunter.contracts.sinks import filled, put
from bunter.dataset import DatasetRef, FileDataset
from bunter.errors import FormatError, StorageClassError
from bunter.values import new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bunter.butler import Butler

    Make = Callable[[dict[str, Any]], Butler]

__all__ = ["AloneSinkContract"]

ALONE = {
    "sinks": {
        "metrics": {"kind": "metrics", "alone": True, "constraints": {"accept": ["seeing"]}},
        "sources": {"kind": "rows", "alone": True, "constraints": {"accept": ["src"]}},
    }
}
VALUES = "SELECT name, value, text FROM v1_metric ORDER BY name"


def artifacts(butler: Butler, name: str) -> list[str]:
    """Return the keys that a store has."""
    repository: Any = butler.repository
    return sorted(key for key, _ in repository.datastore.stores[name].walk())


class AloneSinkContract:
    """Promises about datasets that are in no store of files.

    A subclass has a fixture ``make`` that makes an empty repository with the datastore configuration that it is given.
    """

    def test_a_dataset_comes_back_as_it_was_put_and_is_no_file(self, make: Make) -> None:
        butler = filled(make(ALONE))
        content = {
            "fwhm": 0.5,
            "n": 3,
            "ok": True,
            "who": "ann",
            "fit": {"c": [[1, 2], [3, 4]]},
            "long": list(range(40)),
        }
        ref = put(butler, content)
        assert butler.get(ref) == content
        assert type(butler.get(ref)["n"]) is int
        assert artifacts(butler, "main") == []
        assert butler.sql("SELECT value FROM v1_metric WHERE name = 'fwhm'").rows == [(0.5,)]
        assert butler.stored(ref)
        assert butler.exists(ref)
        assert butler.exists_many([ref]) == [True]
        uri = butler.get_uri(ref)
        assert str(uri).startswith("database:metrics/run1/seeing/")
        assert (uri.path, uri.exists(), len(uri.read())) == (None, True, uri.size)

    def test_a_catalogue_comes_back_with_its_units(self, make: Make) -> None:
        butler = filled(make(ALONE))
        table = Table({"ra": [1.5, 2.5], "name": ["a", "b"]}, units={"ra": "deg"})
        ref = put(butler, table, "src")
        assert butler.get(ref)["ra"].unit == "deg"
        assert butler.sql("SELECT ra, name FROM v1_rows_sources ORDER BY ra").rows == [(1.5, "a"), (2.5, "b")]
        assert butler.get(ref, parameters={"columns": ["ra"]}).colnames == ["ra"]

    def test_a_transaction_has_it_at_its_end_or_never(self, make: Make) -> None:
        butler = filled(make(ALONE))
        with butler.transaction():
            ref = put(butler, {"fwhm": 1.0})
            assert butler.get(ref) == {"fwhm": 1.0}
        with pytest.raises(KeyboardInterrupt), butler.transaction():  # noqa: PT012 - the block of a transaction is what fails
            put(butler, {"fwhm": 2.0}, detector=1)
            raise KeyboardInterrupt
        assert butler.sql(VALUES).rows == [("fwhm", 1.0, None)]
        assert len(artifacts(butler, "metrics")) == 1

    @pytest.mark.parametrize(
        ("content", "kind", "sentence"),
        [
            ({"names": ["a", "b"]}, "seeing", "no number, truth or text"),
            ({"n": 10**400}, "seeing", "larger than any float64"),
            (Table({"a": [1], "A": [2]}), "src", "differ in case only"),
        ],
    )
    def test_what_does_not_fit_is_refused_with_all_that_came_along(
        self, make: Make, content: object, kind: str, sentence: str
    ) -> None:
        butler = filled(make(ALONE))
        with pytest.raises((FormatError, StorageClassError), match=sentence), butler.transaction():  # noqa: PT012 - as above
            put(butler, {"fwhm": 1.0}, "note")
            put(butler, content, kind, detector=1)
        assert butler.query_datasets(kind, "*", find_first=False).count() == 0
        assert butler.query_datasets("note", "*", find_first=False).count() == 0
        assert [artifacts(butler, name) for name in ("main", "metrics", "sources")] == [[], [], []]

    def test_equal_content_is_taken_as_done_and_other_content_is_refused(self, make: Make) -> None:
        butler = filled(make(ALONE))
        ref = put(butler, {"fwhm": 1.0})
        assert put(butler, {"fwhm": 1.0}) == ref
        with pytest.raises(ValueError, match="already there with other content"):
            put(butler, {"fwhm": 2.0})
        assert butler.sql(VALUES).rows == [("fwhm", 1.0, None)]

    def test_it_goes_with_its_artifact_its_dataset_and_its_run(self, make: Make) -> None:
        butler = filled(make(ALONE))
        refs = [put(butler, {"fwhm": float(d)}, detector=d) for d in range(3)]
        other = put(butler, {"fwhm": 9.0}, run="run2")
        butler.remove_datasets(refs[:1], purge=False)
        assert [butler.stored(ref) for ref in refs] == [False, True, True]
        assert butler.sql("SELECT value FROM v1_metric ORDER BY 1").rows == [(1.0,), (2.0,), (9.0,)]
        butler.remove_datasets(refs[1:2])
        butler.remove_runs("run1")
        assert butler.sql(VALUES).rows == [("fwhm", 9.0, None)]
        assert len(artifacts(butler, "metrics")) == 1
        assert butler.get(other) == {"fwhm": 9.0}
        assert butler.check(deep=True).is_clean

    @pytest.mark.parametrize("unstored", [True, False])
    def test_its_removal_can_be_undone(self, make: Make, unstored: bool) -> None:  # noqa: FBT001 - a parameter of the test
        butler = filled(make({**ALONE, "trash_days": 3}))
        ref = put(butler, {"fwhm": 1.0})
        butler.remove_datasets([ref], purge=not unstored)
        assert butler.sql(VALUES).rows == []
        assert len(artifacts(butler, "metrics")) == 1
        assert butler.check().is_clean
        butler.undo()
        assert butler.get(ref) == {"fwhm": 1.0}
        assert butler.sql(VALUES).rows == [("fwhm", 1.0, None)]

    def test_a_check_counts_it_and_finds_what_is_lost(self, make: Make) -> None:
        butler = filled(make(ALONE))
        put(butler, {"fwhm": 1.0})
        put(butler, {"fwhm": 2.0}, "note")
        assert butler.check(deep=True).artifacts == 2
        repository: Any = butler.repository
        repository.datastore.stores["metrics"].delete_many(artifacts(butler, "metrics"))
        [finding] = butler.check().findings
        assert (finding.problem.value, finding.datastore) == ("missing", "metrics")

    def test_files_come_into_it_whichever_way(self, make: Make, tmp_path: Path) -> None:
        butler = filled(make(ALONE))
        for detector, transfer in enumerate(("copy", "move", "link")):
            path = tmp_path / f"{transfer}.json"
            path.write_text(f'{{"fwhm": {detector}.5}}')
            data_id = butler.standardize({"instrument": "Cam", "detector": detector}, ["instrument", "detector"])
            ref = DatasetRef(new_id(), butler.dataset_types.get("seeing"), data_id, "run1")
            butler.ingest(FileDataset(str(path), [ref]), transfer=transfer)
            assert butler.get(ref) == {"fwhm": detector + 0.5}
            assert path.exists() == (transfer != "move")
        assert butler.sql("SELECT value FROM v1_metric ORDER BY 1").rows == [(0.5,), (1.5,), (2.5,)]
        assert artifacts(butler, "main") == []

    def test_it_has_no_copy_in_stores_of_copies_and_feeds_other_sinks(self, make: Make) -> None:
        stores = {"ram": {"kind": "memory", "copies": True}}
        everything = {"kind": "rows", "constraints": {"accept": ["src"]}}
        butler = filled(make({"sinks": {**ALONE["sinks"], "more": everything}, "stores": stores}))
        put(butler, {"fwhm": 1.0})
        ref = put(butler, Table({"ra": [1.5]}), "src")
        assert artifacts(butler, "ram") == artifacts(butler, "main") == []
        assert butler.sql("SELECT id, ra FROM v1_rows_more").rows == [(str(ref.id), 1.5)]
        assert butler.check().is_clean

    def test_metrics_are_a_table_with_a_column_each(self, make: Make) -> None:
        butler = filled(make(ALONE))
        refs = [put(butler, {"fwhm": 0.5 + d, "fit": {"chi2": d}, "who": "ann"}, detector=d) for d in (0, 1, 2)]
        put(butler, {"fwhm": 9.5}, run="run2")
        table = butler.metrics("seeing", collections="run1", order_by="detector").to_arrow()
        assert table.column_names[-3:] == ["fit.chi2", "fwhm", "who"]
        assert table.column("fwhm").to_pylist() == [0.5, 1.5, 2.5]
        assert table.column("who").to_pylist() == ["ann"] * 3
        butler.collections.register("tag", "TAGGED")
        butler.collections.associate("tag", refs[1:])
        butler.collections.redefine_chain("both", ["run2", "tag"])

        def fwhm(collections: str, **more: Any) -> list[float]:
            found = butler.metrics("seeing", "fwhm", collections=collections, order_by="detector", **more).to_arrow()
            return list(found.column("fwhm").to_pylist())

        assert fwhm("tag") == [1.5, 2.5]
        assert fwhm("both") == [9.5, 1.5, 2.5]
        assert fwhm("both", where="detector > 1") == [2.5]
        assert sorted(fwhm("run*", find_first=False)) == [0.5, 1.5, 2.5, 9.5]
        assert (
            butler.metrics("seeing", "fwhm", collections="run1", with_dimension_records=True).to_pandas().shape[1] > 6
        )

    def test_many_come_in_as_many_statements_as_few(self, make: Make) -> None:
        butler = filled(make(ALONE))
        repository: Any = butler.repository

        rows = [{"instrument": "Cam", "id": d, "full_name": f"d{d}"} for d in range(10, 200)]
        butler.dimension_records.insert("detector", rows)

        def statements(detectors: range) -> int:
            before = repository.statements
            data_ids = [{"instrument": "Cam", "detector": d} for d in detectors]
            butler.put_many([{"fwhm": 1.0, "n": d} for d in detectors], "seeing", data_ids, run="run1")
            return int(repository.statements - before)

        statements(range(2))  # the tables are made
        assert statements(range(100, 200)) <= statements(range(10, 20)) + 2
