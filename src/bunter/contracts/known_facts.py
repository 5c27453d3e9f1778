"""What every repository promises of puts beside others who change collections and dataset types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bunter.errors import MissingCollectionError, MissingDatasetTypeError

if TYPE_CHECKING:
    from bunter import Butler

__all__ = ["KnownFactsContract"]


class KnownFactsContract:
    """Subclass it and supply the fixture ``pair``: two butlers of one new, empty repository."""

    @pytest.fixture
    def two(self, pair: tuple[Butler, Butler]) -> tuple[Butler, Butler]:
        """Two butlers of a repository with a run and a dataset type, where the first has put something."""
        mine, theirs = pair
        mine.collections.register("run")
        mine.dataset_types.register("number", [], "StructuredDataDict")
        mine.put({"a": 1}, "number", run="run")
        return mine, theirs

    def test_what_others_registered_can_be_used_at_once(self, two: tuple[Butler, Butler]) -> None:
        mine, theirs = two
        theirs.collections.register("other")
        theirs.dataset_types.register("late", [], "StructuredDataDict")
        assert mine.get(mine.put({"b": 2}, "number", run="other")) == {"b": 2}
        assert mine.get(mine.put({"c": 3}, "late", run="other")) == {"c": 3}

    def test_a_run_that_others_removed_is_not_written(self, two: tuple[Butler, Butler]) -> None:
        mine, theirs = two
        theirs.remove_runs("run")
        with pytest.raises(MissingCollectionError, match="'run'"):
            mine.put({"a": 2}, "number", run="run")
        assert not list(mine.datastore.stores["main"].walk())

    def test_a_dataset_type_that_others_removed_is_not_written(self, two: tuple[Butler, Butler]) -> None:
        mine, theirs = two
        theirs.remove_datasets(list(theirs.query_datasets("number", "run")))
        theirs.dataset_types.remove("number")
        with pytest.raises(MissingDatasetTypeError, match="'number'"):
            mine.put({"a": 2}, "number", run="run")

    def test_a_dataset_type_that_others_defined_anew_is_written_as_it_is_now(self, two: tuple[Butler, Butler]) -> None:
        mine, theirs = two
        theirs.remove_datasets(list(theirs.query_datasets("number", "run")))
        theirs.dataset_types.remove("number")
        theirs.dataset_types.register("number", [], "StructuredDataList")
        ref = mine.put([1, 2], "number", run="run")
        assert ref.dataset_type.storage_class == "StructuredDataList"
        assert theirs.get("number", collections="run") == [1, 2]
