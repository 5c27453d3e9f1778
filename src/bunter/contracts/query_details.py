"""What every repository promises about the finer points of questions: instants, columns of one's own, all collections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bunter.contracts.queries import HOUR, T0, fill_survey
from bunter.errors import CollectionTypeError, DimensionValueError, MissingDatasetTypeError
from bunter.values import Timespan, format_instant

if TYPE_CHECKING:
    from bunter.butler import Butler

__all__ = ["QueryDetailContract"]


class QueryDetailContract:
    """Subclass it, and give ``empty``, a new repository that a class shares."""

    @pytest.fixture(scope="class")
    @classmethod
    def butler(cls, empty: Butler) -> Butler:
        """Make a small survey."""
        fill_survey(empty)
        return empty.clone(instrument="Cam", skymap="s", collections=["A", "B", "calib"])

    def test_two_instants_overlap_if_they_are_the_same(self, butler: Butler) -> None:
        third = f"T'{format_instant(T0 + 3 * HOUR)}/tai'"

        def visits(where: str, **bind: object) -> list[object]:
            return [d["visit"] for d in butler.query_data_ids("visit", where=where, bind=bind, order_by="visit")]

        assert visits(f"visit.timespan.begin OVERLAPS {third}") == [3]
        assert visits(f"{third} OVERLAPS visit.timespan.begin") == [3]
        assert visits("visit.timespan.begin OVERLAPS visit.timespan.begin") == [0, 1, 2, 3, 4, 5]
        assert visits("visit.timespan.begin OVERLAPS visit.timespan.end") == []
        assert visits(f"NOT visit.timespan.begin OVERLAPS {third}") == [0, 1, 2, 4, 5]
        assert visits(f"visit.timespan OVERLAPS {third}") == [3]
        assert visits("visit.timespan.begin OVERLAPS visit.timespan") == [0, 1, 2, 3, 4, 5]
        assert visits("visit.timespan.end OVERLAPS visit.timespan") == []

    def test_a_timespan_whose_ends_are_equal_is_an_instant(self, butler: Butler) -> None:
        third = f"T'{format_instant(T0 + 3 * HOUR)}/tai'"
        found = butler.query_data_ids("visit", where=f"visit.timespan OVERLAPS ({third}, {third})")
        assert [d["visit"] for d in found] == [3]
        instant = Timespan.instant(T0 + 3 * HOUR)
        assert butler.query_data_ids("visit", where="visit.timespan OVERLAPS t", bind={"t": instant}).count() == 1

    def test_columns_beside_data_ids_come_back_with_the_rows(self, butler: Butler) -> None:
        import pandas as pd
        from astropy.table import Table
        from astropy.time import Time

        columns = {"visit": [4, 1, 4], "detector": [1, 0, 1], "mag": [21.0, 20.5, 9.0], "run": ["x", "y", "z"]}
        for table in (columns, Table(columns), pd.DataFrame(columns)):
            found = butler.query_datasets("image", "A", data_ids=table, order_by="visit")
            rows = found.to_arrow().select(["visit", "detector", "run", "mag", "given.run"]).to_pylist()
            assert [tuple(row.values()) for row in rows] == [(1, 0, "A", 20.5, "y"), (4, 1, "A", 21.0, "x")]
            assert found.count() == len(list(found)) == 2
            assert found.page(1).table.column("mag").to_pylist() == [20.5]
        when = Table({"visit": [2], "when": Time(["2026-01-01"]), "seen": [None]})
        shown = butler.query_data_ids("visit", data_ids=when).to_table()
        assert shown["when"][0].utc.isot == "2026-01-01T00:00:00.000"
        assert butler.query_dimension_records("visit", data_ids=when).to_arrow()["when"].to_pylist() == [
            1767225637 * 10**9
        ]
        mine = butler.query().join_data_ids([{"visit": 1, "note": "a"}, {"visit": 2}]).data_ids()
        assert mine.order_by("visit").to_arrow()["note"].to_pylist() == ["a", None]
        chosen = butler.query_data_ids("visit", data_ids=columns).select("visit").to_arrow()
        assert chosen.column_names == ["visit"]

    def test_columns_that_fit_no_type_are_refused_in_a_sentence(self, butler: Butler) -> None:
        with pytest.raises(DimensionValueError, match="column 'x' beside the data IDs"):
            butler.query_data_ids("visit", data_ids={"visit": [1], "x": [object()]}).to_arrow()
        with pytest.raises(DimensionValueError, match="'x' has 1 values beside 2"):
            butler.query_data_ids("visit", data_ids={"visit": [1, 2], "x": [1]}).to_arrow()

    def test_three_dots_are_all_collections(self, butler: Butler) -> None:
        assert butler.query_datasets("src", ...).count() == butler.query_datasets("src", "*").count() == 18
        assert butler.query_data_ids("visit", datasets="summary", collections=...).count() == 6
        assert butler.query_joined("image", collections=...).count() == 12
        assert butler.calibrations("bias", ...).num_rows == butler.calibrations("bias", "*").num_rows
        with pytest.raises(CollectionTypeError, match="by name or glob"):
            butler.query_datasets("src", [1])  # type: ignore[list-item]

    def test_what_should_have_a_dataset_is_named_by_the_nearest_name(self, butler: Butler) -> None:
        with pytest.raises(MissingDatasetTypeError, match="did you mean 'image'"):
            butler.query_missing("src", "imag")
        with pytest.raises(MissingDatasetTypeError, match="did you mean 'visit'"):
            butler.query_missing("src", "vist")
