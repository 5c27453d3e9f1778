"""What every repository promises about explanations and about what covers a position.

Subclass `ExplanationContract`, with a fixture ``empty`` for the whole class, and `NearMissContract` and `CoverageContract`, with one for
each test.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from bunter.contracts.small_camera import DAY_NS, T0_NS, fill_dimensions
from bunter.dataset import CollectionType
from bunter.errors import (
    DatasetNotFoundError,
    EmptyQueryResultError,
    MissingDatasetTypeError,
    PositionError,
    SeveralResultsError,
)
from bunter.geometry import Region
from bunter.values import Timespan

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.butler.reasons import Explanation

__all__ = ["CoverageContract", "ExplanationContract", "NearMissContract"]

DEC = 5.0


def fill_sky(butler: Butler) -> None:
    """Add a visit per exposure, a degree apart, detectors of a third of a degree in a row, and a tract of two patches."""
    fill_dimensions(butler)
    insert = butler.dimension_records.insert
    spans = [(T0_NS + n * 60 * 10**9, T0_NS + n * 60 * 10**9 + 30 * 10**9) for n in range(4)]
    with butler.transaction():
        insert("visit_system", {"instrument": "Cam", "id": 0, "name": "one-to-one"})
        visits = [
            {
                "instrument": "Cam", "id": n, "name": f"v{n}", "day_obs": 20260101, "physical_filter": f"Cam-{'gr'[n % 2]}",
                "exposure_time": 30.0 + n, "target_name": "M67" if n else "M44", "timespan": spans[n],
                "region": Region.box(10.0 + n, DEC, 1.0, 0.3),
            }
            for n in range(4)
        ]  # fmt: skip
        insert("visit", visits)
        insert("visit_definition", [{"instrument": "Cam", "exposure": n, "visit": n} for n in range(4)])
        insert("visit_system_membership", [{"instrument": "Cam", "visit_system": 0, "visit": n} for n in range(4)])
        corners = [(n, d, 10.0 + n + (d - 1) / 3) for n in range(4) for d in range(3)]
        regions = [
            {"instrument": "Cam", "visit": n, "detector": d, "region": Region.box(ra, DEC, 0.3, 0.3)}
            for n, d, ra in corners
        ]
        insert("visit_detector_region", regions)
        insert("skymap", {"name": "sky", "hash": b"0" * 20})
        insert("tract", {"skymap": "sky", "id": 0, "region": Region.box(11.0, DEC, 6.0, 2.0)})
        patches = [(0, 9.5), (1, 12.5)]
        insert(
            "patch",
            [
                {
                    "skymap": "sky",
                    "tract": 0,
                    "id": p,
                    "cell_x": p,
                    "cell_y": 0,
                    "region": Region.box(ra, DEC, 3.0, 2.0),
                }
                for p, ra in patches
            ],
        )


def fill_datasets(butler: Butler) -> None:
    """Put raws and calexps of all visits, coadds, a calibration and something without a place, in two runs."""
    register = butler.dataset_types.register
    register("raw", ["instrument", "exposure", "detector"], "StructuredDataDict")
    register("calexp", ["instrument", "visit", "detector"], "StructuredDataDict")
    register("summary", ["instrument", "visit"], "StructuredDataDict")
    register("coadd", ["skymap", "tract", "patch", "band"], "StructuredDataDict")
    register("catalog", ["htm7"], "StructuredDataDict")
    register("bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True)
    register("never", ["instrument"], "StructuredDataDict")
    pixels = (
        butler.query_data_ids("htm7", where=f"htm7.region OVERLAPS CIRCLE(10, {DEC}, 0.1)")
        .to_arrow()["htm7"]
        .to_pylist()
    )
    both = [{"instrument": "Cam", "visit": n, "detector": d} for n in range(4) for d in range(3)]
    frames = [{"instrument": "Cam", "exposure": n, "detector": d} for n in range(4) for d in range(3)]
    coadds = [{"skymap": "sky", "tract": 0, "patch": p, "band": b} for p in range(2) for b in "gr"]
    for name in ("raw/all", "work/1", "work/2"):
        butler.collections.register(name)
    butler.put_many([{}] * 12, "raw", frames, run="raw/all")
    butler.put_many([{}] * 12, "calexp", both, run="work/1")
    butler.put_many([{"n": 2}] * 3, "calexp", both[:3], run="work/2")
    butler.put_many([{}] * 4, "summary", [{"instrument": "Cam", "visit": n} for n in range(4)], run="work/1")
    butler.put_many([{}] * 4, "coadd", coadds, run="work/1")
    butler.put_many([{}] * len(pixels), "catalog", [{"htm7": pixel} for pixel in pixels], run="work/1")
    bias = butler.put_many([{}], "bias", [{"instrument": "Cam", "detector": 0}], run="work/1")
    butler.collections.register("calib", CollectionType.CALIBRATION)
    butler.collections.certify("calib", bias, Timespan(T0_NS - DAY_NS, T0_NS))


class _Filled:
    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_sky(empty)
        fill_datasets(empty)
        return empty


def culprits(explanation: Explanation) -> list[tuple[str, ...]]:
    """Return the constraints of each conflict."""
    return [conflict.constraints for conflict in explanation.conflicts]


def hints(explanation: Explanation) -> str:
    """Return all hints as one text."""
    return "\n".join(hint for conflict in explanation.conflicts for hint in conflict.hints)


class ExplanationContract:
    """Promises about why a result is empty; nothing is written, so that ``empty`` may serve all tests of a class."""

    @pytest.fixture(scope="class")
    @classmethod
    def butler(cls, empty: Butler) -> Butler:
        fill_sky(empty)
        fill_datasets(empty)
        return empty

    def test_the_constraint_that_empties_a_result_is_named_with_counts_at_each_step(self, butler: Butler) -> None:
        told = butler.query_datasets("calexp", where="band = 'r' AND visit = 99").explain()
        assert culprits(told) == [("visit = 99",)]
        assert [step.rows for step in told.added] == [12, 6, 0]
        assert {step.constraint: step.rows for step in told.dropped}["visit = 99"] == 6
        assert told.rows == 0

    def test_a_result_that_is_not_empty_is_counted_step_by_step(self, butler: Butler) -> None:
        told = butler.query_datasets("calexp", where="band = 'r' AND detector = 0").explain()
        assert [step.rows for step in told.added] == [12, 6, 2]
        assert told.rows == 2
        assert culprits(told) == []
        assert "2 results" in told.sentence

    def test_constraints_that_contradict_each_other_are_named_together(self, butler: Butler) -> None:
        told = butler.query_datasets("calexp", where="band = 'r' AND detector < 2 AND visit = 2").explain()
        assert culprits(told) == [("band = 'r'", "visit = 2")]
        assert "'g'" in hints(told)
        assert "1 and 3" in hints(told)

    def test_three_that_contradict_only_together_are_found(self, butler: Butler) -> None:
        where = "visit IN (0, 1) AND band IN ('g', 'r') AND (visit > 0 OR band = 'r') AND (visit = 0 OR band = 'g')"
        told = butler.query_data_ids("visit", where=where).explain()
        assert told.rows == 0
        assert len(told.conflicts) == 1
        assert set(culprits(told)[0]) >= {"visit > 0 OR band = 'r'", "visit = 0 OR band = 'g'"}

    def test_the_nearest_name_is_offered(self, butler: Butler) -> None:
        told = butler.query_datasets("calexp", where="band = 'R'").explain()
        assert "there is no band 'R'; did you mean 'r'?" in hints(told)
        told = butler.query_dimension_records("visit", where="visit.target_name = 'M66'").explain()
        assert "'M67'" in hints(told)

    def test_an_unknown_instrument_is_named_with_those_there_are(self, butler: Butler) -> None:
        told = butler.query_data_ids("visit", where="instrument = 'Cma' AND visit = 1").explain()
        assert ("instrument = 'Cma'",) in culprits(told)
        assert "did you mean 'Cam'?" in hints(told)

    def test_the_range_of_what_there_is_is_told(self, butler: Butler) -> None:
        told = butler.query_datasets("calexp", where="visit.exposure_time > 100").explain()
        assert "visit.exposure_time here: 30 to 33" in hints(told)
        told = butler.query_datasets("raw", where="exposure.day_obs < 20250101").explain()
        assert "20260101" in hints(told)

    def test_a_time_at_which_nothing_was_is_told_with_what_was_before_and_after(self, butler: Butler) -> None:
        when = "(T'2026-01-01T12:01:31/tai', T'2026-01-01T12:01:59/tai')"
        told = hints(butler.query_datasets("raw", where=f"exposure.timespan OVERLAPS {when}").explain())
        assert "2026-01-01T11:59:23 UTC to 2026-01-01T12:02:53 UTC" in told  # TAI was 37 s ahead
        assert "ended 2026-01-01T12:00:53" in told
        assert "begins 2026-01-01T12:01:23" in told

    def test_what_is_nearest_to_a_place_is_told_with_its_distance(self, butler: Butler) -> None:
        where = f"visit_detector_region.region OVERLAPS POINT(14, {DEC})"
        told = hints(butler.query_datasets("calexp", where=where).explain())
        assert "detector 2, visit 3" in told
        distance = float(told.partition(" deg away")[0].rpartition("(")[2])
        assert abs(distance - 0.5133) < 0.005  # 14 - 13.4833 degrees of right ascension at declination 5

    def test_terms_under_or_and_not_have_near_misses_too(self, butler: Butler) -> None:
        said = str(butler.query_data_ids("visit", where="band = 'z' OR visit = 77", instrument="Cam").explain())
        assert "there is no band 'z'" in said
        assert "there is no visit 77; nearest: 3" in said
        assert "band here: 'g', 'r'" in str(
            butler.query_data_ids("visit", where="NOT band IN ('g', 'r')", instrument="Cam").explain()
        )
        assert "visit here: 0 to 3" in str(
            butler.query_data_ids("visit", where="NOT visit IN (0..9)", instrument="Cam").explain()
        )

    def test_an_explanation_gives_up_statements_that_take_too_long(
        self, butler: Butler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bunter.butler.reasons.trials._LONGEST_S", -1.0)
        explanation = butler.query_data_ids("visit", where="visit = 77", instrument="Cam").explain()
        assert "more to try than was tried" in str(explanation)

    def test_other_collections_that_have_it_are_named(self, butler: Butler) -> None:
        told = butler.query_datasets("calexp", "raw/all", where="band = 'r'").explain()
        assert culprits(told) == [("calexp in raw/all",)]
        assert "6 in work/1" in hints(told)

    def test_a_collection_and_a_condition_that_do_not_meet_are_named_together(self, butler: Butler) -> None:
        told = butler.query_datasets("calexp", "work/2", where="visit = 3").explain()
        assert culprits(told) == [("calexp in work/2", "visit = 3")]
        assert "3 in work/1" in hints(told)
        assert "visit 3 exists; nearest here: 0" in hints(told)

    def test_a_type_that_was_never_put_and_one_that_is_not_registered(self, butler: Butler) -> None:
        told = butler.query_datasets("never").explain()
        assert "no collection has a dataset of 'never'" in str(told)
        with pytest.raises(MissingDatasetTypeError, match="did you mean 'calexp'"):
            butler.query_datasets("calxp").explain()

    def test_data_ids_joined_rows_and_records_are_explained(self, butler: Butler) -> None:
        told = butler.query_data_ids(["visit", "detector"], datasets="calexp", collections="raw/all").explain()
        assert culprits(told) == [("calexp in raw/all",)]
        told = butler.query_joined("calexp", "summary", where="visit = 1 AND detector = 9").explain()
        assert culprits(told) == [("detector = 9",)]
        told = butler.query_dimension_records("detector", where="detector.full_name = 'D7'").explain()
        assert "there is no detector.full_name 'D7'" in hints(told)

    def test_find_first_is_a_constraint_where_a_field_of_the_dataset_is_asked_for(self, butler: Butler) -> None:
        told = butler.query_datasets(
            "calexp", ["work/2", "work/1"], where="calexp.run = 'work/1' AND visit = 0"
        ).explain()
        assert told.rows == 0
        assert any("find_first" in text for conflict in told.conflicts for text in conflict.constraints)

    def test_an_explanation_is_text_html_and_plain_values(self, butler: Butler) -> None:
        told = butler.query_datasets("calexp", where="band = 'R' AND visit.target_name = '<b>'").explain()
        assert "because of band = 'R'" in str(told)
        assert "&lt;b&gt;" in told._repr_html_()
        plain = told.to_dict()
        assert plain["rows"] == 0
        assert plain["conflicts"][0]["constraints"]
        assert pickle.loads(pickle.dumps(told)) == told  # noqa: S301 - our own bytes

    def test_the_number_of_questions_is_bounded(self, butler: Butler) -> None:
        where = " AND ".join(f"visit.exposure_time != {n}" for n in range(200)) + " AND visit = 99"
        before = butler.repository.statements  # type: ignore[attr-defined]
        told = butler.query_data_ids("visit", where=where).explain()
        assert butler.repository.statements - before < 400  # type: ignore[attr-defined]
        assert any("more to try" in note for note in told.notes)

    def test_one_needs_exactly_one(self, butler: Butler) -> None:
        with pytest.raises(EmptyQueryResultError, match="visit = 99"):
            butler.query_datasets("calexp", where="visit = 99").one()
        with pytest.raises(SeveralResultsError, match="more than one"):
            butler.query_datasets("calexp").one()

    def test_a_failed_get_is_told_in_one_line_and_explains_itself_when_asked(self, butler: Butler) -> None:
        with pytest.raises(DatasetNotFoundError) as caught:
            butler.get("calexp", visit=3, detector=0, collections="work/2")
        error = caught.value
        assert "\n" not in str(error)
        assert "work/1" in str(error.explain())
        assert error.searched == ("work/2",)
        again: Any = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert str(again) == str(error)
        assert again.explain() == str(error)


class NearMissContract(_Filled):
    """Promises about what is near what was asked for, in repositories of the tests' own."""

    def test_the_nearest_values_are_offered(self, butler: Butler) -> None:
        butler.remove_datasets(butler.query_datasets("raw", where="exposure = 2"))
        told = butler.query_datasets("raw", where="exposure = 2 AND detector = 0").explain()
        assert "exposure 2 exists; nearest here: 1 and 3" in hints(told)
        assert "there is no exposure 77; nearest: 3" in hints(butler.query_datasets("raw", exposure=77).explain())

    def test_regions_that_do_not_meet_are_told_with_the_pair_that_is_nearest(self, butler: Butler) -> None:
        butler.dimension_records.insert("skymap", {"name": "far", "hash": b"1" * 20})
        tracts = [{"skymap": "far", "id": n, "region": Region.box(120.0 - 50 * n, DEC, 2.0, 2.0)} for n in range(3)]
        butler.dimension_records.insert("tract", tracts)
        found = butler.query_data_ids(["visit", "tract"], instrument="Cam", skymap="far")
        assert found.count() == 0
        assert "nearest of tract and visit: tract 2 and visit 3 (about 5." in str(found.explain())
        where = "visit.region OVERLAPS tract.region AND visit < 3"
        assert "visit 2 and tract 2" in str(found.where(where).explain())


class CoverageContract(_Filled):
    """Promises about what covers a position."""

    def test_everything_that_covers_a_position_is_found_by_type(self, butler: Butler) -> None:
        found = butler.at(10.0, DEC)
        assert found.counts == {"calexp": 1, "catalog": 1, "coadd": 2, "raw": 1, "summary": 1}
        assert [ref.data_id["detector"] for ref in found["calexp"]] == [1]
        assert [ref.data_id["detector"] for ref in found["raw"]] == [1]
        assert {ref.data_id["patch"] for ref in found["coadd"]} == {0}

    def test_the_finest_region_decides(self, butler: Butler) -> None:
        between = 10.0 + 1 / 6  # a gap between detectors, inside the visit
        assert butler.at(between, DEC, dataset_types=["calexp", "raw", "coadd", "summary"]).counts == {
            "coadd": 2,
            "summary": 1,
        }
        assert butler.at(10.0, DEC)["calexp"].through == ("visit_detector_region",)
        assert butler.at(10.0, DEC)["coadd"].through == ("patch",)

    def test_regions_of_visits_do_where_detectors_have_none(self, empty: Butler) -> None:
        fill_dimensions(empty)
        visit = {"instrument": "Cam", "id": 1, "name": "v1", "day_obs": 20260101, "physical_filter": "Cam-g"}
        empty.dimension_records.insert("visit", {**visit, "region": Region.circle(10.0, DEC, 1.0)})
        empty.dataset_types.register("calexp", ["instrument", "visit", "detector"], "StructuredDataDict")
        empty.collections.register("work/1")
        empty.put({}, "calexp", instrument="Cam", visit=1, detector=0, run="work/1")
        found = empty.at(10.5, DEC)
        assert found.counts == {"calexp": 1}
        assert found["calexp"].through == ("visit",)

    def test_types_without_a_region_are_told(self, butler: Butler) -> None:
        found = butler.at(10.0, DEC)
        assert set(found.unlisted["without a region"]) == {"bias", "never"}
        assert "bias" in repr(found)
        with pytest.raises(KeyError, match="without a region"):
            found["bias"]

    def test_the_first_collection_counts_for_each_data_id(self, butler: Butler) -> None:
        assert [ref.run for ref in butler.at(10.0, DEC, collections=["work/2", "work/1"])["calexp"]] == ["work/2"]
        assert [ref.run for ref in butler.at(10.0, DEC, collections=["work/1", "work/2"])["calexp"]] == ["work/1"]
        assert len(butler.at(10.0, DEC, find_first=False)["calexp"]) == 2
        butler.collections.register("good", CollectionType.TAGGED)
        butler.collections.associate("good", butler.query_datasets("calexp", "work/1", where="visit = 0"))
        assert butler.at(10.0, DEC, collections="good").counts == {"calexp": 1}

    def test_conditions_times_types_and_a_radius_narrow_or_widen_it(self, butler: Butler) -> None:
        assert set(butler.at(10.0, DEC, dataset_types="c*")) == {"calexp", "catalog", "coadd"}
        assert butler.at(10.0, DEC, where="band = 'r'").counts == {"coadd": 1}
        assert butler.at(10.0, DEC, where="band = b", bind={"b": "g"})["raw"].bands == {"g": 1}
        assert len(butler.at(10.0, DEC, radius_deg=1.0)["calexp"]) > 3
        then = butler.at(10.0, DEC, time="2026-01-01T11:59:30")
        assert then.counts == {"calexp": 1, "raw": 1, "summary": 1}
        assert "coadd" in then.unlisted["without a time"]
        assert butler.at(10.0, DEC, time="2026-01-01T13:00:00").counts == {}

    def test_it_agrees_with_a_query_for_each_type(self, butler: Butler) -> None:
        found = butler.at(11.3, DEC, radius_deg=0.4)
        where = f"visit_detector_region.region OVERLAPS CIRCLE(11.3, {DEC}, 0.4)"
        for name in ("calexp", "raw"):
            assert set(found[name]) == set(butler.query_datasets(name, where=where))

    def test_positions_are_read_as_people_write_them(self, butler: Butler) -> None:
        from astropy.coordinates import SkyCoord

        expected = butler.at(10.0, DEC).counts
        assert butler.at("00:40:00", "+05:00:00").counts == expected
        assert butler.at("0h40m00s", "5d0m").counts == expected
        assert butler.at("10.0", "5").counts == expected
        assert butler.at("10 +5").counts == expected
        assert butler.at(SkyCoord(10.0, DEC, unit="deg")).counts == expected
        assert butler.at(-350.0, DEC).counts == expected
        for wrong in (("10", "95"), ("00:61:00", "5"), ("ten", "5"), (float("nan"), 5.0), ("M67",)):
            with pytest.raises(PositionError):
                butler.at(*wrong)

    def test_where_nothing_is_what_is_nearest_is_told(self, butler: Butler) -> None:
        found = butler.at(40.0, DEC)
        assert not found
        assert any("nearest visit_detector_region" in sentence for sentence in found.nearest)

    def test_found_datasets_are_refs_and_tables(self, butler: Butler) -> None:
        found = butler.at(10.0, DEC)
        assert butler.get(found["calexp"][0]) is not None
        assert found["calexp"][0].data_id["band"] == "g"
        assert len(found["coadd"].to_table()) == 2
        assert list(found.to_table()["datasets"]) == list(found.counts.values())
        assert len(found.refs()) == sum(found.counts.values())
        assert "calexp" in found._repr_html_()
        assert butler.at(40.0, DEC).to_table() is not None

    def test_the_number_of_statements_does_not_grow_with_the_types(self, butler: Butler) -> None:
        def statements() -> int:
            before: int = butler.repository.statements  # type: ignore[attr-defined]
            butler.at(10.0, DEC)
            return int(butler.repository.statements) - before  # type: ignore[attr-defined]

        statements()
        few = statements()
        for number in range(40):
            butler.dataset_types.register(f"more{number}", ["instrument", "visit", "detector"], "StructuredDataDict")
        statements()
        assert statements() == few
