"""What every repository promises of user metadata, and of questions about it and about headers, as tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import pytest

from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef
from bunter.errors import (
    DatasetNotFoundError,
    MetadataError,
    MissingDatasetTypeError,
    MissingIndexError,
)

if TYPE_CHECKING:
    from bunter.butler import Butler

__all__ = ["AnnotatedRepository", "AnnotationContract"]


class AnnotatedRepository:
    """What tests of annotations begin with: a repository with two dataset types and a run.

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
        return self.prepared(empty)

    @staticmethod
    def prepared(empty: Butler) -> Butler:
        fill_dimensions(empty, exposures=5)
        empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        empty.dataset_types.register("frame", ["instrument", "exposure", "detector"], "CCDData")
        empty.collections.register("run1")
        return empty

    @classmethod
    def with_documents(cls, butler: Butler) -> Butler:
        butler.put_many(
            [{"e": e} for e in range(5)],
            "thing",
            [{"instrument": "Cam", "exposure": e, "detector": 0} for e in range(5)],
            run="run1",
            metadata=cls.documents,
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


class AnnotationContract(AnnotatedRepository):
    """Promises about user metadata, questions and indexes; fixtures as for `AnnotatedRepository`."""

    @pytest.fixture
    def described(self, butler: Butler) -> Butler:
        return self.with_documents(butler)

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

    # Names

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
