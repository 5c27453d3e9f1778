"""What every repository promises of dimension records, as tests: subclass and supply an ``empty`` fixture."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from bunter.contracts.small_camera import exposure_row, fill_dimensions
from bunter.errors import (
    ConflictingDefinitionError,
    DimensionNameError,
    DimensionValueError,
    InconsistentDataIdError,
    OrphanedRecordError,
)
from bunter.geometry import Region

if TYPE_CHECKING:
    from bunter.butler import Butler

__all__ = ["DimensionRecordsContract"]

VISIT = {"instrument": "Cam", "id": 1, "name": "v1", "physical_filter": "Cam-g", "day_obs": 20260101}


class DimensionRecordsContract:
    """Promises about records: inserted, synchronised, changed and removed in sets.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_dimensions(empty)
        return empty

    def add_visit(self, butler: Butler) -> None:
        records = butler.dimension_records
        records.insert("visit", {**VISIT, "region": Region.circle(10, 20, 1)})
        records.insert("visit_definition", {"instrument": "Cam", "exposure": 0, "visit": 1})
        detectors = {"instrument": "Cam", "visit": 1, "detector": [0, 1, 2], "region": ["CIRCLE 10 20 0.1"] * 3}
        records.insert("visit_detector_region", detectors)

    # Insert and synchronise

    def test_tables_and_mappings_insert_the_same(self, butler: Butler) -> None:
        found = butler.query_dimension_records("exposure").order_by("exposure")
        for table in (found.to_arrow(), found.to_table(), list(found)):
            assert butler.dimension_records.sync("exposure", table).unchanged == 4

    def test_an_insert_that_conflicts_inserts_nothing(self, butler: Butler) -> None:
        with pytest.raises(ConflictingDefinitionError, match=r"detector=2.* there already"):
            butler.dimension_records.insert("detector", {"instrument": "Cam", "id": [9, 2], "full_name": ["a", "b"]})
        with pytest.raises(ConflictingDefinitionError, match="full_name='D1'"):
            butler.dimension_records.insert("detector", {"instrument": "Cam", "id": [9], "full_name": ["D1"]})
        assert butler.query_dimension_records("detector").count() == 3
        rows = {"instrument": "Cam", "id": [2, 3], "full_name": ["other", "D3"]}
        assert butler.dimension_records.insert("detector", rows, skip_existing=True) == 2
        found = butler.query_dimension_records("detector").order_by("detector")
        assert [each.full_name for each in found] == ["D0", "D1", "D2", "D3"]

    def test_sync_says_what_is_new_and_what_is_the_same(self, butler: Butler) -> None:
        found = butler.dimension_records.sync("exposure", [exposure_row(n) for n in range(2, 6)][:2])
        assert (found.inserted, found.unchanged, found.updated) == (0, 2, 0)
        rows = {"instrument": "Cam", "id": [2, 3], "full_name": ["D2", "D3"]}
        found = butler.dimension_records.sync("detector", rows)
        assert (found.inserted, found.unchanged) == (1, 1)
        assert str(found) == "2 detector records: 1 new, 1 as they were, 0 different"

    def test_sync_names_the_fields_that_differ_and_updates_when_asked(self, butler: Butler) -> None:
        sync = butler.dimension_records.sync
        row = {**exposure_row(1), "exposure_time": 31.0, "target_name": "M31"}
        with pytest.raises(
            ConflictingDefinitionError, match=r"exposure=1.*exposure_time is 30.0, not 31.0.*update=True"
        ):
            sync("exposure", row)
        found = sync("exposure", row, update=True)
        assert {each.field: (each.old, each.new) for each in found.differences} == {
            "exposure_time": (30.0, 31.0),
            "target_name": (None, "M31"),
        }
        assert found.differences[0].data_id == {"instrument": "Cam", "exposure": 1}
        assert sync("exposure", row).unchanged == 1
        assert butler.dimension_records.compare("exposure", exposure_row(1)).updated == 1

    def test_the_same_records_from_several_at_once_all_succeed(self, butler: Butler) -> None:
        rows = {"instrument": "Cam", "id": list(range(100)), "full_name": [f"D{n}" for n in range(100)]}
        errors: list[BaseException] = []

        def work() -> None:
            try:
                butler.clone().dimension_records.sync("detector", rows)
            except BaseException as error:  # noqa: BLE001 - told below
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert butler.query_dimension_records("detector").count() == 100

    def test_the_number_of_statements_does_not_grow_with_the_records(self, butler: Butler) -> None:
        def cost(first: int, count: int) -> int:
            numbers = list(range(first, first + count))
            rows = {"instrument": "Cam", "id": numbers, "full_name": [f"D{n}" for n in numbers]}
            before = int(butler.repository.statements)  # type: ignore[attr-defined]
            butler.dimension_records.sync("detector", rows)
            butler.dimension_records.update("detector", {**rows, "raft": ["R"] * count})
            butler.dimension_records.remove("detector", {name: rows[name] for name in ("instrument", "id")})
            after = int(butler.repository.statements)  # type: ignore[attr-defined]
            return after - before

        cost(50, 10)  # temporary tables are made
        assert cost(100, 10) == cost(200, 1000)

    # Update

    def test_update_changes_the_fields_given_and_no_others(self, butler: Butler) -> None:
        butler.dimension_records.update("exposure", {"instrument": "Cam", "id": [1, 2], "target_name": ["M31", "M33"]})
        found = list(butler.query_dimension_records("exposure").order_by("exposure"))
        assert [(each.target_name, each.exposure_time) for each in found] == [
            (None, 30.0), ("M31", 30.0), ("M33", 30.0), (None, 30.0),
        ]  # fmt: skip

    def test_updated_regions_and_timespans_are_found_by_queries(self, butler: Butler) -> None:
        self.add_visit(butler)
        where = "visit.region OVERLAPS POINT(100, -30)"
        assert butler.query_dimension_records("visit", where=where).count() == 0
        butler.dimension_records.update("visit", {"instrument": "Cam", "id": 1, "region": Region.circle(100, -30, 1)})
        assert butler.query_dimension_records("visit", where=where).count() == 1
        key = {"instrument": "Cam", "id": 1}
        butler.dimension_records.update("visit", {**key, "timespan": ("2030-01-01", "2030-01-02")})
        later = "visit.timespan.begin > T'2029-12-31'"
        assert butler.query_dimension_records("visit", where=later).count() == 1

    def test_updated_implied_values_and_alternate_keys_are_checked(self, butler: Butler) -> None:
        update = butler.dimension_records.update
        update("exposure", {"instrument": "Cam", "id": 0, "physical_filter": "Cam-r", "obs_id": "new"})
        assert butler.query_dimension_records("exposure", where="band = 'r'").count() == 3
        with pytest.raises(InconsistentDataIdError, match="no physical_filter"):
            update("exposure", {"instrument": "Cam", "id": 0, "physical_filter": "Cam-z"})
        with pytest.raises(ConflictingDefinitionError, match="same obs_id"):
            update("exposure", {"instrument": "Cam", "id": 0, "obs_id": "obs1"})
        assert butler.query_dimension_records("exposure", where="exposure.obs_id = 'new'").count() == 1

    def test_update_of_what_is_not_there_is_refused_and_changes_nothing(self, butler: Butler) -> None:
        with pytest.raises(DimensionValueError, match=r"no exposure with .*exposure=9 to change"):
            butler.dimension_records.update("exposure", {"instrument": "Cam", "id": [1, 9], "seq_num": [5, 6]})
        assert butler.query_dimension_records("exposure", where="seq_num = 5 AND exposure = 1").count() == 0
        with pytest.raises(DimensionNameError, match="same fields"):
            butler.dimension_records.update("exposure", [{"instrument": "Cam", "id": 1, "seq_num": 1}, {"id": 2}])

    # Remove

    def test_records_that_nothing_names_are_removed(self, butler: Butler) -> None:
        found = butler.dimension_records.remove("exposure", where="exposure.id IN (1, 2)", dry_run=True)
        assert (found.count, found.references) == (2, [])
        assert butler.query_dimension_records("exposure").count() == 4
        assert butler.dimension_records.remove("exposure", where="exposure.id IN (1, 2)").count == 2
        assert butler.query_dimension_records("exposure").count() == 2
        assert butler.dimension_records.remove("detector", instrument="Cam", detector=0).count == 1
        assert butler.dimension_records.remove("detector", {"instrument": "Cam", "id": 1}).count == 1

    def test_records_of_combinations_travel_with_theirs(self, butler: Butler) -> None:
        self.add_visit(butler)
        found = butler.dimension_records.remove("visit", {"instrument": "Cam", "id": 1})
        assert found.along == {"visit_definition": 1, "visit_detector_region": 3}
        for element in ("visit", "visit_definition", "visit_detector_region"):
            assert butler.query_dimension_records(element).count() == 0

    def test_what_other_records_name_stays(self, butler: Butler) -> None:
        self.add_visit(butler)
        with pytest.raises(OrphanedRecordError, match=r"1 visit_definition record .*such as.*exposure=0"):
            butler.dimension_records.remove("exposure", where="TRUE")
        with pytest.raises(OrphanedRecordError, match=r"2 exposure records .*1 visit record"):
            butler.dimension_records.remove("physical_filter", instrument="Cam", physical_filter="Cam-g")
        found = butler.dimension_records.remove("instrument", instrument="Cam", dry_run=True)
        assert len(found.references) == 8
        assert butler.query_dimension_records("instrument").count() == 1

    def test_what_datasets_name_stays(self, butler: Butler) -> None:
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.dataset_types.register("plan", ["band"], "StructuredDataDict")
        for detector in (0, 1):
            butler.put({}, "thing", instrument="Cam", exposure=3, detector=detector, run=self.run(butler))
        butler.put({}, "plan", band="r", run="run1")
        with pytest.raises(OrphanedRecordError, match=r"2 datasets of type 'thing' .*exposure=3"):
            butler.dimension_records.remove("exposure", where="TRUE")
        with pytest.raises(OrphanedRecordError, match=r"1 dataset of type 'thing' .*detector=1"):
            butler.dimension_records.remove("detector", where="detector > 0")
        assert butler.dimension_records.remove("exposure", where="exposure < 3").count == 3
        with pytest.raises(OrphanedRecordError, match=r"1 dataset of type 'plan' .*band='r'"):
            butler.dimension_records.remove("physical_filter", physical_filter="Cam-r", instrument="Cam")
        assert butler.dimension_records.remove("physical_filter", physical_filter="Cam-g", instrument="Cam").count == 1
        butler.remove_runs("run1")
        assert butler.dimension_records.remove("exposure", where="TRUE").count == 1

    @staticmethod
    def run(butler: Butler) -> str:
        butler.collections.register("run1")
        return "run1"

    def test_removing_says_which_or_refuses(self, butler: Butler) -> None:
        with pytest.raises(DimensionValueError, match="where='TRUE'"):
            butler.dimension_records.remove("exposure")
        with pytest.raises(ConflictingDefinitionError, match="no records of its own"):
            butler.dimension_records.remove("band", [{"name": "r"}])
