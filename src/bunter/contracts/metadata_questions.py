"""What every repository promises of questions about user metadata, as tests that share one repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bunter.contracts.annotations import AnnotatedRepository
from bunter.errors import InvalidQueryError
from bunter.query import bind_predicate, evaluate, x
from bunter.query.bound import HeaderColumn, KeyColumn, columns_of

if TYPE_CHECKING:
    from bunter.butler import Butler

__all__ = ["IndexedMetadataContract", "MetadataQuestionContract"]

QUESTIONS: list[tuple[str, list[int]]] = [
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
    ("thing.metadata.n % 2 = 1", [0]),
    ("thing.metadata.n % 2 = 0.5", [1]),
    ("exposure % thing.metadata.n = 0", [0]),
    ("thing.metadata.n = thing.metadata.n", [0, 1, 2]),
    ("NOT thing.metadata.n != thing.metadata.n", [0, 1, 2]),
    ("thing.metadata.n < thing.metadata.big", [0, 1]),
    ("NOT thing.metadata.n < thing.metadata.big", []),
    ("thing.metadata.n BETWEEN thing.metadata.n AND thing.metadata.big", [0, 1]),
    ("thing.metadata.n = thing.metadata.flag", []),
    ("NOT thing.metadata.n = thing.metadata.flag", []),
    ("thing.metadata.ok = thing.metadata.ok", [0, 1, 3]),
    ("thing.metadata.ok >= thing.metadata.ok", [3]),
    ("thing.metadata.nothing = thing.metadata.n", []),
]


class _Described(AnnotatedRepository):
    @pytest.fixture(scope="class")
    @classmethod
    def described(cls, empty: Butler) -> Butler:
        return cls.with_documents(cls.prepared(empty))


class MetadataQuestionContract(_Described):
    """Promises about answers; nothing is written.

    A subclass has a fixture ``empty`` of the scope of the class that yields a writeable `Butler` on an empty repository.
    """

    @pytest.mark.parametrize(("where", "expected"), QUESTIONS)
    def test_questions_about_metadata(self, described: Butler, where: str, expected: list[int]) -> None:
        assert self.found(described, where) == expected
        assert described.query_datasets("thing", where=where).count() == len(expected)

    @pytest.mark.parametrize(("where", "expected"), QUESTIONS)
    def test_arrays_answer_as_the_database_does(self, described: Butler, where: str, expected: list[int]) -> None:
        import numpy as np

        kind = described.dataset_types.get("thing")
        predicate = bind_predicate(where, dimensions=kind.dimensions, dataset_types=[kind])
        assert predicate is not None
        columns: dict[Any, Any] = {}
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
            ("frame.header.A = 1", "not joined"),
            ("fram.header.A = 1", "did you mean 'frame'"),
            ('thing.metadata."" = 1', "means nothing|single quotes"),
            ("thing.metadata.n = exposure.timespan", "strings"),
        ],
    )
    def test_what_makes_no_sense_is_a_sentence(self, described: Butler, where: str, said: str) -> None:
        with pytest.raises(InvalidQueryError, match=said):
            described.query_datasets("thing", where=where).count()

    def test_an_unknown_key_is_answered_with_the_nearest(self, described: Butler) -> None:
        assert "did you mean 'flag'" in str(described.query_datasets("thing", where="metadata.flg = 'good'").explain())
        assert "stored header" in str(described.query_datasets("thing", where="header.AIRMASS < 2").explain())


class IndexedMetadataContract(_Described):
    """Promises about answers where there are indexes; fixtures as for `MetadataQuestionContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def indexed(cls, described: Butler) -> Butler:
        for key in ("n", "flag", "big", "ok"):
            described.index_metadata(f"thing.metadata.{key}")
        return described

    @pytest.mark.parametrize(("where", "expected"), QUESTIONS)
    def test_an_index_changes_no_answer(self, indexed: Butler, where: str, expected: list[int]) -> None:
        assert self.found(indexed, where) == expected


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document
