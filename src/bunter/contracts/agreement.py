"""Answers on which Bunter and the reference system were brought to agree, by asking both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bunter.contracts.small_camera import fill_dimensions
from bunter.errors import DimensionNameError

if TYPE_CHECKING:
    from bunter.butler import Butler

__all__ = ["AgreementContract"]


class AgreementContract:
    """Small cases of what a campaign of random questions found.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_dimensions(empty)
        insert = empty.dimension_records.insert
        insert("day_obs", {"instrument": "Cam", "id": 20260102})
        insert("visit_system", [{"instrument": "Cam", "id": n, "name": f"s{n}"} for n in (0, 1)])
        visits = (0, "Cam-g", 20260101), (1, "Cam-r", 20260101), (7, "Cam-g", 20260102)
        insert("visit", [_visit(number, band, day) for number, band, day in visits])
        insert("visit_definition", [{"instrument": "Cam", "exposure": n, "visit": n} for n in (0, 1)])
        systems = {0: 0, 1: 1, 7: 0}
        insert(
            "visit_system_membership",
            [{"instrument": "Cam", "visit": visit, "visit_system": system} for visit, system in systems.items()],
        )
        empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        empty.dataset_types.register(
            "flat", ["instrument", "physical_filter"], "StructuredDataDict", is_calibration=True
        )
        for run in ("run1", "run2"):
            empty.collections.register(run)
        return empty

    def test_a_field_of_a_dimension_that_is_not_asked_for_is_ignored_as_its_key_is(self, butler: Butler) -> None:
        ref = butler.put({}, "thing", exposure=2, detector=1, run="run1")
        beside = {"detector.full_name": "D1", "visit": 7, "visit.name": "v7"}
        assert butler.find_dataset("thing", beside, exposure=2) == ref
        with pytest.raises(DimensionNameError, match="nmae"):
            butler.find_dataset("thing", {"visit.nmae": "v7"}, exposure=2, detector=1)

    def test_definitions_of_visits_are_listed_for_all_systems(self, butler: Butler) -> None:
        found = butler.query_dimension_records("visit_definition")
        assert sorted(record.visit for record in found) == [0, 1]
        # Elsewhere exposures are related to the visits of the instrument's own system.
        assert [row["visit"] for row in butler.query_data_ids(["exposure", "visit"])] == [0]

    def test_a_single_data_id_may_be_sorted(self, butler: Butler) -> None:
        butler.put({}, "thing", exposure=0, detector=0, run="run1")
        for order in ("instrument", "-instrument.visit_max"):
            more = {"datasets": "thing", "collections": "run1", "order_by": order, "instrument": "Cam"}
            assert len(list(butler.query_data_ids("instrument", **more))) == 1
            assert not butler.query_data_ids("instrument", where="exposure = 3", **more).any()

    def test_a_calibration_in_a_run_is_valid_at_an_unknown_time(self, butler: Butler) -> None:
        for band in "gr":
            butler.put({}, "flat", physical_filter=f"Cam-{band}", run="run1")
        found = butler.query_data_ids(["visit"], datasets="flat", collections="run1")
        assert sorted(row["visit"] for row in found) == [0, 1, 7]
        days = butler.query_data_ids(["day_obs"], datasets="flat", collections=["run1", "run2"])
        assert sorted(row["day_obs"] for row in days) == [20260101, 20260102]

    def test_any_dataset_gives_a_data_id_also_one_behind_another(self, butler: Butler) -> None:
        for run in ("run1", "run2"):
            butler.put({}, "thing", exposure=0, detector=0, run=run)
        ids = butler.query_data_ids(
            "exposure", datasets="thing", collections=["run1", "run2"], where="thing.run = 'run2'"
        )
        assert [row["exposure"] for row in ids] == [0]


def _visit(number: int, band: str, day: int) -> dict[str, Any]:
    return {"instrument": "Cam", "id": number, "name": f"v{number}", "physical_filter": band, "day_obs": day}
