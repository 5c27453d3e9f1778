"""What every repository promises of headers, user metadata, origins and activities, as tests."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import pytest

from bunter.contracts.repository import fill_dimensions
from bunter.dataset import DatasetRef, FileDataset
from bunter.errors import (
    DatasetNotFoundError,
    FormatError,
    InvalidQueryError,
    MetadataError,
    MissingDatasetTypeError,
    MissingIndexError,
)
from bunter.query import bind_predicate, evaluate, x
from bunter.query.bound import HeaderColumn

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler

__all__ = ["AnnotationContract"]


class AnnotationContract:
    """Promises about what is kept beside datasets.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    documents: ClassVar[list[dict[str, Any]]] = [
        {"n": 1, "flag": "good", "ok": True, "AIR MASS": 1.25, "big": 2**53 + 1},
        {"n": 2.5, "flag": "bad", "ok": False, "big": 2**53},
        {"n": "x", "flag": 3, "note": 'it\'s 50% "ok"; über'},
        {"quality": {"flag": "good", "seeing": 0.8}, "ok": "yes"},
        {},
    ]

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_dimensions(empty, exposures=5)
        empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        empty.dataset_types.register("frame", ["instrument", "exposure", "detector"], "CCDData")
        empty.collections.register("run1")
        return empty

    @pytest.fixture
    def described(self, butler: Butler) -> Butler:
        butler.put_many(
            [{"e": e} for e in range(5)],
            "thing",
            [{"instrument": "Cam", "exposure": e, "detector": 0} for e in range(5)],
            run="run1",
            metadata=self.documents,
        )
        return butler

    @staticmethod
    def put(butler: Butler, exposure: int = 0, detector: int = 0, **more: Any) -> DatasetRef:
        return butler.put({"e": exposure}, "thing", exposure=exposure, detector=detector, run="run1", **more)

    @staticmethod
    def image(butler: Butler, exposure: int, cards: dict[str, Any], **more: Any) -> DatasetRef:
        import numpy as np
        from astropy.io import fits
        from astropy.nddata import CCDData

        given: list[Any] = [
            (name, *value) if isinstance(value, tuple) else (name, value) for name, value in cards.items()
        ]
        header = fits.Header(given)
        image = CCDData(np.full((4, 4), exposure, np.float32), unit="adu", header=header)
        return butler.put(image, "frame", exposure=exposure, detector=0, run="run1", **more)

    @staticmethod
    def found(butler: Butler, where: Any, kind: str = "thing", **more: Any) -> list[int]:
        refs = butler.query_datasets(kind, where=where, **more)
        return sorted(int(ref.data_id["exposure"]) for ref in refs)

    # User metadata

    def test_metadata_is_returned_as_it_was_given(self, described: Butler) -> None:
        refs = sorted(described.query_datasets("thing"), key=lambda ref: ref.data_id["exposure"])
        assert described.metadata_many(refs) == self.documents
        assert described.metadata(refs[0]) == self.documents[0]

    def test_updates_are_merged_and_none_takes_away(self, butler: Butler) -> None:
        ref = self.put(butler, metadata={"quality": {"flag": "good", "n": 1}, "who": "me"})
        butler.set_metadata(ref, {"quality": {"n": 2}, "who": None})
        assert butler.metadata(ref) == {"quality": {"flag": "good", "n": 2}}
        butler.set_metadata([ref], {"new": [1, None, "x"]}, replace=True)
        assert butler.metadata(ref) == {"new": [1, None, "x"]}

    def test_updates_are_changes_with_a_history(self, butler: Butler) -> None:
        ref = self.put(butler, metadata={"n": 1})
        butler.set_metadata(ref, {"n": 2})
        butler.set_metadata(ref, {"n": 2})  # says nothing new
        first, second = butler.metadata_history(ref)
        assert (first["document"], second["document"]) == ({"n": 1}, {"n": 2})
        assert first["retired"] == second["change"]
        assert second["retired"] is None

    def test_metadata_as_it_was(self, butler: Butler) -> None:
        ref = self.put(butler, metadata={"n": 1})
        change = butler.origin(ref).change
        butler.set_metadata(ref, {"n": 2})
        then = butler.clone(as_of=change)
        assert then.metadata(ref) == {"n": 1}
        assert self.found(then, "thing.metadata.n = 1") == [0]
        assert self.found(butler, "thing.metadata.n = 1") == []

    def test_metadata_of_many_at_once_takes_few_statements(self, butler: Butler) -> None:
        ids = [{"instrument": "Cam", "exposure": e, "detector": d} for e in range(5) for d in range(3)]
        refs = butler.put_many([{"n": n} for n in range(15)], "thing", ids, run="run1")
        statements = []
        butler.set_metadata(refs, {"n": -1})
        for count in (2, 15):
            before = butler.repository.statements  # type: ignore[attr-defined]
            butler.set_metadata(refs[:count], [{"n": count * n + 1} for n in range(count)])
            statements.append(butler.repository.statements - before)  # type: ignore[attr-defined]
        assert statements[1] <= statements[0] + 2
        assert butler.metadata(refs[14]) == {"n": 15 * 14 + 1}

    def test_metadata_of_a_dataset_that_is_put_again_is_updated(self, butler: Butler) -> None:
        ref = self.put(butler, metadata={"a": 1})
        assert self.put(butler, metadata={"b": 2}) == ref
        assert butler.metadata(ref) == {"a": 1, "b": 2}

    def test_metadata_in_a_transaction(self, butler: Butler) -> None:
        with butler.transaction():
            ref = self.put(butler, metadata={"a": 1})
            butler.set_metadata(ref, {"b": 2})
        assert butler.metadata(ref) == {"a": 1, "b": 2}

    @pytest.mark.parametrize(
        ("metadata", "said"),
        [
            ({"a": object()}, "'a' is a object"),
            ({"a": float("inf")}, "finite"),
            ({"a": 2**70}, "64 bits"),
            ({'"': 1}, "no key"),
            ({"a": {"b\\c": 1}}, "no key"),
            ({"a": "\0"}, "no database keeps"),
            ({"a": "\ud800"}, "no database keeps"),
            ({1: 2}, "no key"),
            ([("a", 1)], "is a mapping"),
        ],
    )
    def test_what_cannot_be_kept_is_refused_and_named(self, butler: Butler, metadata: Any, said: str) -> None:
        ref = self.put(butler)
        with pytest.raises(MetadataError, match=said):
            butler.set_metadata(ref, metadata if isinstance(metadata, dict) else [metadata])
        assert butler.metadata(ref) == {}

    def test_unknown_values_and_numpy_are_kept_as_json_knows_them(self, butler: Butler) -> None:
        import numpy as np

        values = {"nan": float("nan"), "n": np.int64(3), "a": np.arange(2.0), "t": {"deep": (True, "x")}}
        ref = self.put(butler, metadata=values)
        assert butler.metadata(ref) == {"n": 3, "a": [0.0, 1.0], "t": {"deep": [True, "x"]}}

    def test_a_dataset_that_is_not_there_has_no_metadata(self, butler: Butler) -> None:
        ref = self.put(butler)
        other = DatasetRef(UUID(int=1), ref.dataset_type, ref.data_id, ref.run)
        with pytest.raises(DatasetNotFoundError, match="registered"):
            butler.set_metadata([ref, other], {"a": 1})
        assert butler.metadata(ref) == {}

    # Questions

    QUESTIONS: ClassVar[list[tuple[str, list[int]]]] = [
        ("thing.metadata.n < 2", [0]),
        ("NOT thing.metadata.n < 2", [1]),
        ("thing.metadata.n < 2.5", [0]),
        ("thing.metadata.n <= 2.5", [0, 1]),
        ("1 < thing.metadata.n", [1]),
        ("thing.metadata.n = 'x'", [2]),
        ("thing.metadata.n != 'y'", [2]),
        ("thing.metadata.n IN (1, 2.5)", [0, 1]),
        ("thing.metadata.n IN (0..2)", [0]),
        ("thing.metadata.n BETWEEN 2 AND 3", [1]),
        ("thing.metadata.n NOT BETWEEN 2 AND 3", [0]),
        ("thing.metadata.n + 1 >= 2", [0, 1]),
        ("thing.metadata.n / 2 = 0.5", [0]),
        ("-thing.metadata.n = -2.5", [1]),
        ("thing.metadata.n IS NULL", [3, 4]),
        ("thing.metadata.n IS NOT NULL", [0, 1, 2]),
        ("thing.metadata.big = 9007199254740993", [0]),
        ("thing.metadata.big = 9007199254740992", [1]),
        ("thing.metadata.flag = 'good'", [0]),
        ("thing.metadata.flag != 'good'", [1]),
        ("thing.metadata.flag < 'c'", [1]),
        ("thing.metadata.flag IN ('good', 'bad', 'x')", [0, 1]),
        ("thing.metadata.flag NOT IN ('bad')", [0]),
        ("thing.metadata.flag LIKE 'g%'", [0]),
        ("GLOB(thing.metadata.flag, '?a*')", [1]),
        ("thing.metadata.flag = 3", [2]),
        ("thing.metadata.ok", [0]),
        ("NOT thing.metadata.ok", [1]),
        ("thing.metadata.ok = FALSE", [1]),
        ("thing.metadata.ok = 'yes'", [3]),
        ("thing.metadata.quality.flag = 'good'", [3]),
        ("thing.metadata.quality.seeing * 2 < 2", [3]),
        ("thing.metadata.quality IS NOT NULL", [3]),
        ("thing.metadata.quality = 'good'", []),
        ('thing.metadata."AIR MASS" < 1.4', [0]),
        ('thing.metadata."n" = 1', [0]),
        ("thing.metadata.note = 'it''s 50% \"ok\"; über'", [2]),
        ("metadata.n = 1 OR metadata.flag = 'bad'", [0, 1]),
        ("thing.metadata.n = 1 AND exposure = 0", [0]),
        ("thing.metadata.nothing = 1", []),
    ]

    @pytest.mark.parametrize(("where", "expected"), QUESTIONS)
    def test_questions_about_metadata(self, described: Butler, where: str, expected: list[int]) -> None:
        assert self.found(described, where) == expected
        assert described.query_datasets("thing", where=where).count() == len(expected)

    @pytest.mark.parametrize(("where", "expected"), QUESTIONS)
    def test_an_index_changes_no_answer(self, described: Butler, where: str, expected: list[int]) -> None:
        for key in ("n", "flag", "big", "ok"):
            described.index_metadata(f"thing.metadata.{key}")
        assert self.found(described, where) == expected

    @pytest.mark.parametrize(("where", "expected"), QUESTIONS)
    def test_arrays_answer_as_the_database_does(self, described: Butler, where: str, expected: list[int]) -> None:
        import numpy as np

        kind = described.dataset_types.get("thing")
        predicate = bind_predicate(where, dimensions=kind.dimensions, dataset_types=[kind])
        assert predicate is not None
        columns: dict[Any, Any] = {}
        from bunter.query.bound import KeyColumn, columns_of

        for column in columns_of(predicate):
            if isinstance(column, HeaderColumn):
                whole = HeaderColumn("thing", "metadata", "any", column.path)
                columns[whole] = [_at(document, column.path) for document in self.documents]
            else:
                assert isinstance(column, KeyColumn)
                columns[column] = np.arange(5)
        assert np.flatnonzero(evaluate(predicate, columns, rows=5)).tolist() == expected

    def test_expressions_in_python_ask_the_same(self, described: Butler) -> None:
        assert self.found(described, x.thing.metadata.n > 1) == [1]
        assert self.found(described, x.thing.metadata["AIR MASS"].between(1, 2)) == [0]
        assert self.found(described, x.thing.metadata.flag.in_(["good", "bad"])) == [0, 1]
        assert self.found(described, x.thing.metadata.quality.seeing < 1) == [3]
        assert self.found(described, "thing.metadata.n IN (ns)", bind={"ns": list(range(200))}) == [0]

    def test_rows_are_sorted_by_number_then_by_text(self, described: Butler) -> None:
        for order, expected in (("thing.metadata.n", [0, 1, 2]), ("-thing.metadata.n", [1, 0, 2])):
            refs = described.query_datasets("thing", order_by=order, where="thing.metadata.n IS NOT NULL")
            assert [ref.data_id["exposure"] for ref in refs] == expected

    @pytest.mark.parametrize(
        ("where", "said"),
        [
            ("thing.metadata", "many values"),
            ("thing.header.A.B = 1", "too many dots"),
            ("thing.metadata.n = T'2026-01-01'", "strings"),
            ("thing.metadata.n OVERLAPS exposure.timespan", "timespan"),
            ("thing.metadata.n = thing.metadata.flag", "one another"),
            ("frame.header.A = 1", "not joined"),
            ("fram.header.A = 1", "did you mean 'frame'"),
            ('thing.metadata."" = 1', "means nothing|single quotes"),
            ("thing.metadata.n % 2 = 0", "whole numbers"),
        ],
    )
    def test_what_makes_no_sense_is_a_sentence(self, described: Butler, where: str, said: str) -> None:
        with pytest.raises(InvalidQueryError, match=said):
            described.query_datasets("thing", where=where).count()

    @pytest.mark.parametrize(
        "name",
        [
            "x') OR 1=1 --",
            "'; DROP TABLE metadata; --",
            "$.n",
            "n'}",
            "} OR TRUE",
            "]",
            "n\t",
            "%s%(p0)s",
            ":p0 ?1 $1",
            "ü",
        ],
    )
    def test_names_of_cards_are_values_and_nothing_else(self, described: Butler, name: str) -> None:
        for source in ("metadata", "header"):
            assert self.found(described, f'thing.{source}."{name}" = 1') == []
            assert self.found(described, f'thing.{source}."{name}" IS NULL') == [0, 1, 2, 3, 4]
        ref = self.put(described, 0, 1)
        if name.isprintable():
            described.set_metadata(ref, {name: {name: 7}})
            assert described.metadata(ref) == {name: {name: 7}}
            assert self.found(described, f'thing.metadata."{name}"."{name}" = 7') == [0]
        assert described.query_datasets("thing").count() == 6

    def test_an_unknown_key_is_answered_with_the_nearest(self, described: Butler) -> None:
        assert "did you mean 'flag'" in str(described.query_datasets("thing", where="metadata.flg = 'good'").explain())
        assert "stored header" in str(described.query_datasets("thing", where="header.AIRMASS < 2").explain())

    # Indexes

    def test_indexes_are_made_listed_and_dropped(self, described: Butler) -> None:
        described.index_metadata("thing.metadata.n")
        described.index_metadata("thing.metadata.n")  # is there
        described.index_metadata("thing.metadata.quality.flag")
        assert {str(field): rows for field, rows in described.metadata_indexes()} == {
            "thing.metadata.n": 3,
            "thing.metadata.quality.flag": 1,
        }
        described.drop_metadata_index("thing.metadata.n")
        assert [str(field) for field, _ in described.metadata_indexes()] == ["thing.metadata.quality.flag"]
        with pytest.raises(MissingIndexError, match="not indexed"):
            described.drop_metadata_index("thing.metadata.n")
        with pytest.raises(MissingDatasetTypeError, match="did you mean 'thing'"):
            described.index_metadata("thin.metadata.n")
        with pytest.raises(MetadataError, match=r"raw\.header\.AIRMASS"):
            described.index_metadata("thing.n")

    def test_an_index_follows_what_is_written(self, described: Butler) -> None:
        described.index_metadata("thing.metadata.n")
        ref = self.put(described, 0, 1, metadata={"n": 50})
        assert described.query_datasets("thing", where="thing.metadata.n = 50").count() == 1
        described.set_metadata(ref, {"n": 51})
        assert described.query_datasets("thing", where="thing.metadata.n = 50").count() == 0
        assert described.query_datasets("thing", where="thing.metadata.n = 51").count() == 1
        described.set_metadata(ref, {"n": None})
        assert described.query_datasets("thing", where="thing.metadata.n = 51").count() == 0
        described.remove_datasets(list(described.query_datasets("thing")))
        assert [rows for _, rows in described.metadata_indexes()] == [0]

    # Headers

    def test_a_header_is_kept_where_it_is_wanted(self, butler: Butler) -> None:
        kept = self.image(butler, 0, {"AIRMASS": 1.2, "OBJECT": "M67"}, header=True)
        plain = self.image(butler, 1, {"AIRMASS": 1.2})
        assert self.found(butler, "frame.header.AIRMASS < 1.4", "frame") == [0]
        assert list(butler.headers([kept, plain], ["AIRMASS"])["AIRMASS"].mask) == [False, True]
        with pytest.raises(MetadataError, match="no header cards"):
            self.put(butler, header=True)
        assert butler.check().is_clean

    def test_a_kept_header_is_that_of_the_file_and_needs_no_file(self, butler: Butler) -> None:
        cards = {
            "AIRMASS": (1.2, "start"),
            "OBJECT": "it's M 67",
            "HIERARCH ESO TEL AIRM START": (1.19, "long name"),
            "EMPTY": None,
            "FLAG": True,
            "LONG": "x" * 100,
        }
        plain = self.image(butler, 1, cards)
        kept = self.image(butler, 0, cards, header=True)
        of_file = butler.get(plain.part("header"))
        butler.datastore.delete([butler.locate([kept.id.bytes])[0][0].key])
        header = butler.get("frame.header", exposure=0, detector=0, collections="run1")
        assert header.tostring() == of_file.tostring()
        assert header.comments["AIRMASS"] == "start"
        for where in (
            'frame.header."ESO TEL AIRM START" < 1.2',
            'frame.header."HIERARCH ESO TEL AIRM START" < 1.2',
            "frame.header.airmass = 1.2",
            "frame.header.FLAG",
            "frame.header.OBJECT = 'it''s M 67'",
            f"frame.header.LONG = '{'x' * 100}'",
            "frame.header.EMPTY IS NULL",
        ):
            assert self.found(butler, f"({where}) AND exposure = 0", "frame") == [0], where

    def test_headers_share_what_they_have_in_common(self, butler: Butler, tmp_path: Path) -> None:
        refs = self.ingest(butler, tmp_path, [{"A": 1, "B": "x"}, {"A": 1.0, "C": 2}, {"A": True}])
        table = butler.headers(refs, ["A", "B", "C"])
        assert [table["A"][n] for n in range(3)] == [1, 1.0, True]
        assert [self.found(butler, f"frame.header.{name} IS NULL", "frame") for name in "ABC"] == [[], [1, 2], [0, 2]]
        assert self.found(butler, "frame.header.A = 1", "frame") == [0, 1]
        assert self.found(butler, "frame.header.A", "frame") == [2]
        butler.remove_datasets(refs[:1])
        assert butler.get(refs[1].part("header"))["C"] == 2
        butler.remove_datasets(refs[1:])
        again = self.ingest(butler, tmp_path / "again", [{"A": 5}])
        assert butler.headers(again, ["A"])["A"][0] == 5

    @staticmethod
    def ingest(butler: Butler, folder: Path, cards: list[dict[str, Any]], **more: Any) -> list[DatasetRef]:
        import numpy as np
        from astropy.io import fits

        from bunter.butler.publishing import new_refs

        folder.mkdir(exist_ok=True)
        kind = butler.dataset_types.get("frame")
        data_ids = [
            butler.standardize({"exposure": e, "detector": 0}, kind.dimensions.required) for e in range(len(cards))
        ]
        files = []
        for number, (values, ref) in enumerate(zip(cards, new_refs(kind, data_ids, "run1"), strict=True)):
            path = folder / f"f{number}.fits"
            fits.PrimaryHDU(np.full((3, 3), number, np.int16), fits.Header(values)).writeto(path)
            files.append(FileDataset(str(path), [ref]))
        return butler.ingest(*files, **{"header": True, "transfer": "copy", **more})

    def test_a_file_without_header_is_refused_before_anything_happens(self, butler: Butler, tmp_path: Path) -> None:
        from bunter.butler.publishing import new_refs
        from bunter.errors import IngestError

        (tmp_path / "x.fits").write_text("no FITS")
        kind = butler.dataset_types.get("frame")
        ref = new_refs(kind, [butler.standardize({"exposure": 0, "detector": 0}, kind.dimensions.required)], "run1")[0]
        with pytest.raises((IngestError, FormatError), match="header"):
            butler.ingest(FileDataset(str(tmp_path / "x.fits"), [ref]), header=True, transfer="move")
        assert (tmp_path / "x.fits").exists()
        assert butler.query_datasets("frame").count() == 0

    # Origin and activities

    def test_every_dataset_has_an_origin(self, butler: Butler) -> None:
        ref = self.put(butler)
        origin = butler.origin(ref)
        assert origin.activity is not None
        assert origin.activity.kind == "session"
        assert origin.activity.code["bunter"]
        assert (origin.user, origin.host) == (origin.activity.user, origin.activity.host)
        assert origin.path is None
        assert butler.origin(self.put(butler, 1)).activity == origin.activity
        with pytest.raises(DatasetNotFoundError):
            butler.origin(DatasetRef(UUID(int=1), ref.dataset_type, ref.data_id, ref.run))

    def test_a_session_writes_its_activity_once(self, butler: Butler) -> None:
        self.put(butler, 0, 0)
        before = butler.repository.statements  # type: ignore[attr-defined]
        self.put(butler, 1, 0)
        first = butler.repository.statements - before  # type: ignore[attr-defined]
        other = butler.clone()
        before = other.repository.statements  # type: ignore[attr-defined]
        self.put(other, 2, 0)
        assert len(butler.activities()) == 2
        again = other.repository.statements  # type: ignore[attr-defined]
        self.put(other, 3, 0)
        assert other.repository.statements - again <= first  # type: ignore[attr-defined]

    def test_what_is_written_in_a_block_belongs_to_its_activity(self, butler: Butler) -> None:
        with butler.activity("reduce night 3", kind="reduction", night=3, from_=["a", "b"]):
            ref = self.put(butler)
            with butler.activity("inner"):
                inner = self.put(butler, 1)
        after = self.put(butler, 2)
        act = butler.origin(ref).activity
        assert act is not None
        assert (act.kind, act.label, act.outcome) == ("reduction", "reduce night 3", "done")
        assert act.facts == {"night": 3, "from_": ["a", "b"]}
        assert act.ended is not None
        assert act.ended >= act.began
        assert butler.origin(inner).activity.facts == {"within": "reduce night 3"}  # type: ignore[union-attr]
        assert butler.origin(after).activity.kind == "session"  # type: ignore[union-attr]
        assert self.found(butler, "thing.activity_label = 'reduce night 3'") == [0]
        assert self.found(butler, f"thing.activity = {act.number}") == [0]

    def test_an_activity_that_fails_says_so(self, butler: Butler) -> None:
        def fail() -> None:
            refs.append(self.put(butler))
            raise ZeroDivisionError

        refs: list[DatasetRef] = []
        with pytest.raises(ZeroDivisionError), butler.activity("bad"):
            fail()
        (ref,) = refs
        assert butler.origin(ref).activity.outcome == "failed"  # type: ignore[union-attr]
        with pytest.raises(ZeroDivisionError), butler.activity("nothing"):
            _ = 1 / 0
        assert "nothing" not in {act.label for act in butler.activities()}

    def test_activities_of_threads_are_their_own(self, butler: Butler) -> None:
        refs: dict[int, DatasetRef] = {}

        def work(number: int) -> None:
            with butler.activity(f"thread {number}"):
                refs[number] = self.put(butler, number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [butler.origin(refs[n]).activity.label for n in range(4)] == [f"thread {n}" for n in range(4)]  # type: ignore[union-attr]

    def test_activities_are_filtered(self, butler: Butler) -> None:
        for label in ("a1", "a2", "b1"):
            with butler.activity(label, kind="work" if label != "a2" else "play"):
                self.put(butler, int(label[1]), "ab".index(label[0]))
        assert [act.label for act in butler.activities(label="a*")] == ["a2", "a1"]
        assert [act.label for act in butler.activities(kinds=("play",))] == ["a2"]
        newest = butler.activities(limit=1)[0]
        assert newest.label == "b1"
        assert butler.activities(numbers=(newest.number,))[0].datasets == 1
        assert butler.activities(before=0) == []

    def test_a_bad_fact_is_refused_before_the_block(self, butler: Butler) -> None:
        with pytest.raises(MetadataError, match="thing"), butler.activity("x", thing=object()):
            pytest.fail("not reached")
        with pytest.raises(MetadataError, match="word"), butler.activity("x", kind="Not a word"):
            pytest.fail("not reached")

    def test_an_ingested_file_says_where_it_came_from(self, butler: Butler, tmp_path: Path) -> None:
        (ref,) = self.ingest(butler, tmp_path / "night", [{"A": 1}], transfer="move")
        origin = butler.origin(ref)
        assert origin.path == str(tmp_path / "night" / "f0.fits")
        assert origin.size == 5760
        assert origin.modified
        assert origin.activity is not None
        assert (origin.activity.kind, origin.activity.facts["files"]) == ("ingest", 1)

    def test_removal_takes_all_of_it_away(self, butler: Butler, tmp_path: Path) -> None:
        (ref,) = self.ingest(butler, tmp_path / "night", [{"A": 1}])
        butler.set_metadata(ref, {"n": 1})
        butler.remove_datasets([ref])
        assert butler.metadata_history(ref) == []
        assert butler.headers([ref], ["A"])["A"].mask.all()
        with pytest.raises(DatasetNotFoundError):
            butler.origin(ref)


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document
