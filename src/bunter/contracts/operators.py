"""What every repository promises to operators, as tests: subclass `OperatorContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from bunter.contracts.small_camera import fill_small_camera
from bunter.errors import (
    CollectionTypeError,
    ConfigurationError,
    ConflictingDatasetError,
    DatasetRemovedError,
    InvalidQueryError,
    OrphanedRecordError,
)
from bunter.values import Timespan

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.dataset import DatasetRef

__all__ = ["OperatorContract"]

_WRITES = (
    "DELETE FROM dataset",
    "DROP TABLE dataset",
    "UPDATE collection SET name = 'x'",
    "INSERT INTO collection (name, type, doc, added) VALUES ('x', 1, '', 1)",
    "CREATE TABLE mine (a INTEGER)",
    "SELECT 1; DELETE FROM dataset",
    "WITH x AS (SELECT 1) DELETE FROM dataset",
    "BEGIN",
    "COMMIT",
    "VACUUM",
    "",
    "not SQL",
    "SELECT '",
    "SELECT 1 \0; DELETE FROM dataset",
)


class OperatorContract:
    """Promises to operators.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_small_camera(empty)
        return empty

    @staticmethod
    def put(butler: Butler, exposure: int = 0, detector: int = 0, run: str = "run1") -> DatasetRef:
        return butler.put({"e": exposure}, "thing", instrument="Cam", exposure=exposure, detector=detector, run=run)

    # Views

    def test_the_view_of_a_type_has_data_ids_with_what_they_imply(self, butler: Butler) -> None:
        ref = self.put(butler, 1, 2)
        answer = butler.sql(
            "SELECT id, id_bytes, instrument, exposure, detector, band, day_obs, run FROM v1_datasets_thing"
        )
        assert list(answer) == [(str(ref.id), ref.id.bytes, "Cam", 1, 2, "r", 20260101, "run1")]
        assert answer.names[0] == "id"
        assert butler.sql("SELECT count(*) FROM v1_datasets_bias").rows == [(0,)]

    def test_every_view_can_be_read(self, butler: Butler) -> None:
        self.put(butler)
        views = butler.sql_views()
        assert {"v1_dataset", "v1_datasets_thing", "v1_exposure", "v1_artifact"} <= {row[0] for row in views}
        for name, _, columns in views:
            answer = butler.sql(f"SELECT * FROM {name}")  # noqa: S608 - names of views
            assert ", ".join(answer.names) == columns

    def test_views_know_memberships_and_validity(self, butler: Butler) -> None:
        bias = butler.put({}, "bias", instrument="Cam", detector=0, run="run1")
        thing = self.put(butler)
        butler.collections.register("calib", "CALIBRATION")
        butler.collections.register("good", "TAGGED")
        butler.collections.redefine_chain("chain", ["good", "run1"])
        butler.collections.associate("good", [thing])
        butler.collections.certify("calib", [bias], Timespan.from_times("2026-01-01T00:00:00.5/tai", None))
        found = butler.sql("SELECT collection, dataset_type, data_id, begin_tai, end_tai, id FROM v1_calibration")
        assert found.rows == [
            ("calib", "bias", "instrument=Cam, detector=0", "2026-01-01T00:00:00.500", None, str(bias.id))
        ]
        assert butler.sql("SELECT collection, id FROM v1_tag").rows == [("good", str(thing.id))]
        chain = butler.sql("SELECT member FROM v1_chain WHERE chain = 'chain' ORDER BY position")
        assert chain.rows == [("good",), ("run1",)]
        assert butler.sql("SELECT type FROM v1_collection WHERE collection = 'calib'").rows == [("CALIBRATION",)]

    def test_views_tell_times_as_text(self, butler: Butler) -> None:
        rows = butler.sql("SELECT begin_tai, end_tai FROM v1_exposure WHERE exposure = 1").rows
        assert rows == [("2026-01-01T12:01:00.000", "2026-01-01T12:01:30.000")]

    def test_artifacts_join_by_the_bytes_of_the_id(self, butler: Butler) -> None:
        ref = self.put(butler)
        found = butler.sql(
            "SELECT a.uri, a.size, d.run FROM v1_datasets_thing d JOIN v1_artifact a ON a.id_bytes = d.id_bytes"
        )
        (uri, size, run) = found.rows[0]
        assert str(butler.get_uri(ref)).endswith(uri)
        assert size > 0
        assert run == "run1"

    def test_types_that_differ_in_case_only_have_views_of_their_own(self, butler: Butler) -> None:
        butler.dataset_types.register("Thing", ["instrument", "detector"], "StructuredDataDict")
        long = "t" * 120
        butler.dataset_types.register(long, ["instrument", "detector"], "StructuredDataDict")
        mine = [row[0] for row in butler.sql_views() if "thing" in row[0] or "tttt" in row[0]]
        assert len(set(mine)) == 3
        assert all(len(name) <= 63 for name in mine)
        butler.dataset_types.remove("thing")
        assert butler.sql("SELECT count(*) FROM v1_datasets_thing").rows == [(0,)]
        butler.dataset_types.remove("Thing")
        with pytest.raises(InvalidQueryError, match="v1_datasets_thing"):
            butler.sql("SELECT count(*) FROM v1_datasets_thing")

    def test_removed_datasets_are_seen(self, butler: Butler) -> None:
        ref = self.put(butler)
        butler.remove_datasets([ref])
        assert butler.sql("SELECT id, dataset_type FROM v1_dataset_removed").rows == [(str(ref.id), "thing")]
        assert butler.sql("SELECT count(*) FROM v1_dataset").rows == [(0,)]

    # SQL

    @pytest.mark.parametrize("text", _WRITES)
    def test_sql_changes_nothing(self, butler: Butler, text: str) -> None:
        self.put(butler)
        with pytest.raises(InvalidQueryError):
            butler.sql(text)
        assert butler.query_datasets("thing").count() == 1
        assert "x" not in butler.collections.query()
        assert self.put(butler, 1)

    def test_sql_takes_values_and_limits(self, butler: Butler) -> None:
        for exposure in range(4):
            self.put(butler, exposure)
        text = "SELECT exposure FROM v1_datasets_thing WHERE exposure > :least ORDER BY exposure"
        assert butler.sql(text, {"least": 1}).rows == [(2,), (3,)]
        some = butler.sql(text, {"least": 0}, limit=2)
        assert (len(some), some.is_complete) == (2, False)
        assert butler.sql(text, {"least": 0}, limit=3).is_complete
        assert some.to_arrow().column("exposure").to_pylist() == [1, 2]
        assert list(some.to_table()["exposure"]) == [1, 2]
        hostile = "'; DROP TABLE dataset; --"
        assert butler.sql("SELECT count(*) FROM v1_collection WHERE collection = :name", {"name": hostile}).rows == [
            (0,)
        ]

    def test_sql_ends_when_its_time_is_over(self, butler: Butler) -> None:
        endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        with pytest.raises(InvalidQueryError, match="time limit"):
            butler.sql(endless, time_limit_s=0.3)
        assert self.put(butler)

    def test_sql_tells_the_nearest_view(self, butler: Butler) -> None:
        with pytest.raises(InvalidQueryError, match="v1_exposure"):
            butler.sql("SELECT * FROM v1_exposur")

    # Statistics

    def test_usage_is_counted_by_anything(self, butler: Butler) -> None:
        for exposure in range(3):
            self.put(butler, exposure)
        butler.put({}, "bias", instrument="Cam", detector=0, run="run1")
        usage = butler.usage()
        assert usage.datasets == 4
        sizes = sum(uri.size for uri in self._uris(butler))
        assert usage.bytes == sizes
        assert [row[:2] for row in usage.by("dataset_type")] == [("bias", 1), ("thing", 3)]
        assert [row[:2] for row in usage.by("night")] == [(None, 1), (20260101, 3)]
        assert [row[:3] for row in usage.by("instrument", "run")] == [("Cam", "run1", 4)]
        assert sum(row[1] for row in usage.by("day")) == 4
        with pytest.raises(InvalidQueryError, match="dataset_type"):
            usage.by("datasettype")

    @staticmethod
    def _uris(butler: Butler) -> list:  # type: ignore[type-arg]
        refs = [*butler.query_datasets("thing"), *butler.query_datasets("bias")]
        return [uri for uris in butler.get_uris(refs) for uri in uris]

    # Removal

    def test_a_preview_counts_what_goes_and_changes_nothing(self, butler: Butler) -> None:
        refs = [self.put(butler, exposure) for exposure in range(3)]
        butler.collections.register("good", "TAGGED")
        butler.collections.associate("good", refs[:2])
        butler.collections.redefine_chain("chain", ["run1"])
        preview = butler.removal.preview(runs="run1")
        assert (preview.datasets, preview.memberships, preview.chains) == (3, 2, ("chain",))
        assert preview.bytes == butler.usage().bytes > 0
        assert [row[:3] for row in butler.removal.preview(refs[:2]).rows] == [("thing", "run1", 2)]
        assert butler.removal.preview().datasets == 0
        assert butler.query_datasets("thing", "run1").count() == 3
        with pytest.raises(CollectionTypeError):
            butler.removal.preview(runs="good")

    def test_unstored_datasets_stay_registered(self, butler: Butler) -> None:
        ref = self.put(butler)
        uri = butler.get_uri(ref)
        assert butler.remove_datasets([ref], purge=False) == 1
        assert not uri.exists()
        assert butler.find_dataset("thing", instrument="Cam", exposure=0, detector=0) == ref
        assert not butler.stored(ref)
        with pytest.raises(DatasetRemovedError):
            butler.get(ref)
        assert butler.check().is_clean

    def test_datasets_can_be_taken_out_of_tags_only(self, butler: Butler) -> None:
        ref = self.put(butler)
        butler.collections.register("good", "TAGGED")
        butler.collections.associate("good", [ref])
        butler.remove_datasets([ref], purge=False, unstore=False, disassociate="good")
        assert butler.get(ref) == {"e": 0}
        assert butler.query_datasets("thing", "good").count() == 0
        with pytest.raises(CollectionTypeError):
            butler.remove_datasets([ref], purge=False, disassociate="run1")

    def test_a_run_goes_with_what_others_put_meanwhile(self, butler: Butler, monkeypatch: pytest.MonkeyPatch) -> None:
        self.put(butler)
        repository = butler.repository
        commit, late = repository.commit, []

        def interrupted(principal: Any, changes: Any, *more: Any, **how: Any) -> None:
            monkeypatch.setattr(repository, "commit", commit)
            late.append(self.put(butler, 1))
            commit(principal, changes, *more, **how)

        monkeypatch.setattr(repository, "commit", interrupted)
        assert butler.remove_runs("run1") == 2
        assert not butler.get_dataset(late[0].id)
        assert "run1" not in butler.collections.query()

    def test_a_put_goes_on_where_another_one_came_and_went_meanwhile(
        self, butler: Butler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repository = butler.repository
        commit = repository.commit

        def interrupted(principal: Any, changes: Any, *more: Any, **how: Any) -> None:
            monkeypatch.setattr(repository, "commit", commit)
            other = self.put(butler)
            try:
                commit(principal, changes, *more, **how)
            finally:
                butler.remove_datasets([other])

        self.put(butler, 3)
        monkeypatch.setattr(repository, "commit", interrupted)
        assert butler.get(self.put(butler)) == {"e": 0}
        with pytest.raises(ConflictingDatasetError, match="appears twice"):
            butler.put_many(
                [{"e": 1}] * 2, "thing", [{"instrument": "Cam", "exposure": 1, "detector": 0}] * 2, run="run1"
            )

    def test_a_type_with_datasets_is_kept_and_the_reasons_told(self, butler: Butler) -> None:
        self.put(butler)
        with pytest.raises(OrphanedRecordError, match="1 in 'run1'"):
            butler.dataset_types.remove("thing")
        butler.remove_runs("run1")
        butler.dataset_types.remove("thing")
        assert "thing" not in butler.dataset_types

    def test_a_file_of_several_datasets_is_shared_out(self, butler: Butler) -> None:
        from bunter.dataset import ArtifactLink, ArtifactRow, DatasetColumns
        from bunter.dataset.changes import AddArtifacts, AddDatasets
        from bunter.values import new_ids, new_nonce

        kind, ids, nonce = butler.dataset_types["thing"], new_ids(2), new_nonce()
        values: dict[str, Any] = {"instrument": ["Cam"] * 2, "exposure": [0, 0], "detector": [0, 1]}
        row = ArtifactRow(nonce, "main", "raws", "both.json", 101, None, None, "json")
        links = [ArtifactLink(id_, "", nonce, str(place)) for place, id_ in enumerate(ids)]
        butler.apply(AddDatasets(DatasetColumns(kind, "run1", ids, values)), AddArtifacts([row], links))
        assert butler.usage().bytes == 101
        ref = butler.get_dataset(UUID(bytes=ids[0]))
        assert ref is not None
        assert butler.removal.preview([ref]).bytes == 51  # whole bytes, alike in every database

    # Mirrors

    @pytest.mark.parametrize("name", ["books", "books.duckdb"])
    def test_a_mirror_follows_what_comes_and_goes(self, butler: Butler, tmp_path: Path, name: str) -> None:
        if name.endswith(".duckdb"):
            pytest.importorskip("duckdb")
        target = tmp_path / name
        refs = [self.put(butler, exposure) for exposure in range(3)]
        assert butler.mirror(target, dry_run=True).since == 0
        assert not target.exists()
        first = butler.mirror(target)
        assert first.written["v1_datasets_thing"] == 3
        assert self._mirrored(target) == {str(ref.id) for ref in refs}
        assert butler.mirror(target).written == {}
        new = self.put(butler, 3)
        assert butler.mirror(target).written["v1_datasets_thing"] == 1
        butler.remove_datasets(refs[:2])
        butler.collections.register("run2")
        report = butler.mirror(target)
        assert (report.removed, report.since < report.until) == (2, True)
        assert self._mirrored(target) == {str(refs[2].id), str(new.id)}
        assert self._mirrored(target, "v1_artifact") == {str(refs[2].id), str(new.id)}
        butler.remove_datasets([new], purge=False)
        butler.mirror(target)
        assert self._mirrored(target, "v1_artifact") == {str(refs[2].id)}
        assert self._mirrored(target, "v1_dataset") == {str(refs[2].id), str(new.id)}
        assert self._mirrored(target, "v1_collection", "collection") == {"run1", "run2"}
        butler.remove_runs("run1")
        butler.dataset_types.remove("thing")
        butler.mirror(target)
        assert self._mirrored(target, "v1_dataset") == set()
        with pytest.raises((LookupError, OSError, AssertionError)):
            self._mirrored(target)

    def test_a_mirror_is_that_of_one_repository(self, butler: Butler, tmp_path: Path) -> None:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").touch()
        (tmp_path / "text").touch()
        for name in ("full", "text"):
            with pytest.raises(ConfigurationError):
                butler.mirror(tmp_path / name)
        butler.mirror(tmp_path / "books")
        book = tmp_path / "books" / "mirror.json"
        book.write_text(book.read_text().replace('"repository": "', '"repository": "x'))
        with pytest.raises(ConfigurationError, match="mirror of x"):
            butler.mirror(tmp_path / "books")

    @staticmethod
    def _mirrored(target: Path, table: str = "v1_datasets_thing", column: str = "id") -> set[object]:
        if target.suffix == ".duckdb":
            import duckdb

            with duckdb.connect(str(target), read_only=True) as duck:
                known = [name for (name,) in duck.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
                assert table in known
                return {row[0] for row in duck.execute(f"SELECT {column} FROM {table}").fetchall()}  # noqa: S608 - our names
        import pyarrow.parquet as pq

        parts = json.loads((target / "mirror.json").read_text())["tables"][table]
        files = sorted(path.relative_to(target).as_posix() for path in (target / table).glob("*.parquet"))
        assert files == sorted(part["file"] for part in parts)
        values = [pq.read_table(target / part["file"], columns=[column]).column(0).to_pylist() for part in parts]
        return {value for each in values for value in each}
