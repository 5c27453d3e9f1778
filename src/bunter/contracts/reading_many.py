"""What every repository promises of reading many datasets in one call, as tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bunter.contracts.small_camera import fill_dimensions
from bunter.errors import DatasetNotFoundError

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.dataset import DatasetRef

__all__ = ["ReadingManyContract"]


class ReadingManyContract:
    """A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository."""

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_dimensions(empty, exposures=40)
        empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        empty.collections.register("run1")
        return empty

    @staticmethod
    def put(butler: Butler, count: int = 40) -> list[DatasetRef]:
        keys = [{"instrument": "Cam", "exposure": n, "detector": 0} for n in range(count)]
        return butler.put_many([{"n": n} for n in range(count)], "thing", keys, run="run1")

    def test_objects_come_in_the_order_asked_for_and_as_often(self, butler: Butler) -> None:
        refs = self.put(butler)
        order = [7, 3, 39, 3, *range(40)]
        assert list(butler.get_many([refs[n] for n in order])) == [{"n": n} for n in order]

    def test_nothing_is_asked_and_nothing_comes(self, butler: Butler) -> None:
        assert list(butler.get_many([])) == []

    def test_what_is_not_published_yet_comes_too(self, butler: Butler) -> None:
        first = self.put(butler, 2)
        with butler.transaction():
            key = {"instrument": "Cam", "exposure": 30, "detector": 0}
            new = butler.put({"n": "new"}, "thing", key, run="run1")
            assert list(butler.get_many([first[1], new])) == [{"n": 1}, {"n": "new"}]

    def test_one_that_was_removed_is_told_after_those_before_it(self, butler: Butler) -> None:
        refs = self.put(butler)
        butler.remove_datasets([refs[6]], purge=True)
        coming = butler.get_many(refs)
        assert [next(coming)["n"] for _ in range(6)] == list(range(6))
        with pytest.raises(DatasetNotFoundError):
            next(coming)

    def test_who_looks_at_a_few_may_stop(self, butler: Butler) -> None:
        refs = self.put(butler)
        coming = butler.get_many(refs)
        assert next(coming) == {"n": 0}
        coming.close()
        assert butler.get(refs[39]) == {"n": 39}
