"""What every repository promises about calibrations: subclass `CalibrationsContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from bunter.contracts.small_camera import T0_NS, exposure_row, fill_dimensions
from bunter.errors import (
    CalibrationLookupError,
    CollectionTypeError,
    ConflictingDefinitionError,
    DatasetNotFoundError,
    DimensionNameError,
    DimensionValueError,
)
from bunter.values import Timespan

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.butler.explanation import LookupExplanation
    from bunter.dataset import DatasetRef

__all__ = ["CalibrationsContract"]

_S = 10**9
_ALWAYS = Timespan(None, None)


class CalibrationsContract:
    """Promises about certification and look-up.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository. Exposure n lasts from
    60 n to 60 n + 30 s after `T0_NS`.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_dimensions(empty)
        empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        empty.dataset_types.register("bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True)
        for name in ("run0", "run1", "run2"):
            empty.collections.register(name)
        for name in ("calib", "older"):
            empty.collections.register(name, "CALIBRATION")
        empty.collections.register("tag", "TAGGED")
        return empty

    @staticmethod
    def bias(butler: Butler, number: int, detector: int = 0) -> DatasetRef:
        return butler.put({"n": number}, "bias", instrument="Cam", detector=detector, run=f"run{number}")

    @staticmethod
    def span(begin: int | None, end: int | None) -> Timespan:
        """Return a timespan in seconds after the first exposure's begin."""
        first, last = (None if t is None else T0_NS + t * _S for t in (begin, end))
        return Timespan(first, last)

    @staticmethod
    def ranges(butler: Butler, collection: str = "calib") -> list[tuple[str, int, Timespan]]:
        rows = butler.calibrations("bias", collection).to_pylist()
        found = [
            (row["run"], row["detector"], Timespan.from_bounds(row["timespan_begin"], row["timespan_end"]))
            for row in rows
        ]
        return sorted(found, key=lambda row: (row[1], row[2].bounds))

    # Certification

    def test_overlaps_are_refused_with_the_ranges_named(self, butler: Butler) -> None:
        first, second = self.bias(butler, 0), self.bias(butler, 1)
        butler.collections.certify("calib", [first], self.span(0, 100))
        with pytest.raises(ConflictingDefinitionError, match=r"2026-01-01T12:00:00, 2026-01-01T12:01:40"):
            butler.collections.certify("calib", [second], self.span(50, 150))
        with pytest.raises(ConflictingDefinitionError):
            butler.collections.certify("calib", [first], self.span(90, 110))
        with pytest.raises(ConflictingDefinitionError):
            butler.collections.certify("calib", [second], _ALWAYS)
        butler.collections.certify("calib", [first], self.span(0, 100))
        butler.collections.certify("calib", [second], self.span(100, 150))
        butler.collections.certify("calib", [first], self.span(200, None))
        butler.collections.certify("calib", [self.bias(butler, 1, 1)], self.span(50, 150))
        butler.collections.certify("older", [second], self.span(50, 150))
        assert self.ranges(butler) == [
            ("run0", 0, self.span(0, 100)),
            ("run1", 0, self.span(100, 150)),
            ("run0", 0, self.span(200, None)),
            ("run1", 1, self.span(50, 150)),
        ]

    def test_only_calibrations_are_certified_and_in_calibration_collections(self, butler: Butler) -> None:
        thing = butler.put({}, "thing", instrument="Cam", exposure=0, detector=0, run="run0")
        with pytest.raises(CollectionTypeError, match="is_calibration"):
            butler.collections.certify("calib", [thing], _ALWAYS)
        for name in ("tag", "run0"):
            with pytest.raises(CollectionTypeError, match="CALIBRATION"):
                butler.collections.certify(name, [self.bias(butler, 0)], _ALWAYS)
        with pytest.raises(ConflictingDefinitionError, match="empty"):
            butler.collections.certify("calib", [self.bias(butler, 0)], Timespan.EMPTY)

    def test_decertifying_trims_splits_and_removes(self, butler: Butler) -> None:
        for detector in range(2):
            butler.collections.certify("calib", [self.bias(butler, 0, detector)], self.span(0, 100))
        cut = butler.collections.decertify
        cut("calib", "bias", self.span(40, 60), [{"instrument": "Cam", "detector": 0}])
        assert self.ranges(butler)[:2] == [("run0", 0, self.span(0, 40)), ("run0", 0, self.span(60, 100))]
        cut("calib", "bias", self.span(None, 10))
        cut("calib", "bias", self.span(90, 95))
        assert self.ranges(butler) == [
            ("run0", 0, self.span(10, 40)),
            ("run0", 0, self.span(60, 90)),
            ("run0", 0, self.span(95, 100)),
            ("run0", 1, self.span(10, 90)),
            ("run0", 1, self.span(95, 100)),
        ]
        cut("calib", "bias", self.span(1000, None))
        cut("calib", "bias", self.span(30, 200))
        assert self.ranges(butler) == [("run0", 0, self.span(10, 30)), ("run0", 1, self.span(10, 30))]
        cut("calib", "bias", _ALWAYS)
        assert self.ranges(butler) == []

    # Look-up

    def test_the_moment_is_named_by_any_key_that_has_one(self, butler: Butler) -> None:
        butler.collections.certify("calib", [self.bias(butler, 0, 1)], self.span(None, 100))
        butler.collections.certify("calib", [self.bias(butler, 1, 1)], self.span(100, None))
        get = butler.get
        for exposure, number in ((0, 0), (1, 0), (2, 1), (3, 1)):
            assert get("bias", exposure=exposure, detector=1, collections="calib") == {"n": number}
            assert get("bias", {"exposure": exposure, "detector": 1}, collections="calib") == {"n": number}
            assert get("bias", exposure=f"obs{exposure}", detector="D1", collections="calib") == {"n": number}
            assert get("bias", day_obs=20260101, seq_num=exposure + 1, detector=1, collections="calib") == {"n": number}
            data_id = butler.standardize({"exposure": exposure, "detector": 1}, ["exposure", "detector"])
            assert get("bias", data_id, collections="calib") == {"n": number}
            when = self.span(exposure * 60, exposure * 60 + 30)
            assert get("bias", detector=1, collections="calib", timespan=when) == {"n": number}

    def test_an_unknown_moment_is_an_error_and_not_any_time(self, butler: Butler) -> None:
        butler.collections.certify("calib", [self.bias(butler, 0)], self.span(0, 10))
        for key in ({"exposure": 99}, {"visit": 5}):
            with pytest.raises(DimensionValueError, match="give a timespan"):
                butler.get("bias", detector=0, collections="calib", **key)  # type: ignore[arg-type]
        with pytest.raises(DimensionValueError, match="obs99"):
            butler.get("bias", detector=0, collections="calib", exposure="obs99")
        butler.dimension_records.insert("exposure", {**exposure_row(3), "id": 4, "obs_id": "dark", "timespan": None})
        with pytest.raises(DimensionValueError, match="not recorded"):
            butler.get("bias", detector=0, collections="calib", exposure=4)
        with pytest.raises(DimensionNameError):
            butler.get("bias", detectr=0, collections="calib")

    def test_ambiguous_look_ups_name_the_candidates(self, butler: Butler) -> None:
        refs = [self.bias(butler, number) for number in range(2)]
        butler.collections.certify("calib", refs[:1], self.span(None, 100))
        butler.collections.certify("calib", refs[1:], self.span(100, None))
        for timespan in (None, self.span(50, 150)):
            with pytest.raises(CalibrationLookupError) as caught:
                butler.get("bias", detector=0, collections="calib", timespan=timespan)
            for ref in refs:
                assert str(ref.id) in str(caught.value)
                assert ref.run in str(caught.value)
            assert "2026-01-01T12:01:40" in str(caught.value)
            assert caught.value.searched == ("calib",)

    def test_several_ranges_of_one_dataset_are_one_answer(self, butler: Butler) -> None:
        ref = self.bias(butler, 0)
        for begin in (0, 100, 200):
            butler.collections.certify("calib", [ref], self.span(begin, begin + 50))
        assert butler.find_dataset("bias", detector=0, collections="calib") == ref
        assert butler.find_dataset("bias", detector=0, collections="calib", timespan=self.span(0, 250)) == ref
        assert butler.find_dataset("bias", detector=0, collections="calib", timespan=self.span(60, 70)) is None
        assert list(butler.query_datasets("bias", "calib")) == [ref]
        assert list(butler.query_datasets("bias", "calib", find_first=False)) == [ref]
        assert butler.query_datasets("bias", "calib").count() == 1

    def test_the_first_collection_that_is_valid_wins(self, butler: Butler) -> None:
        refs = [self.bias(butler, number) for number in range(3)]
        butler.collections.certify("calib", refs[:1], self.span(0, 100))
        butler.collections.certify("older", refs[1:2], self.span(None, 200))
        butler.collections.associate("tag", refs[2:])
        butler.collections.redefine_chain("inner", ["older", "tag"])
        butler.collections.redefine_chain("chain", ["calib", "inner", "run0"])
        for exposure, number in ((0, 0), (1, 0), (2, 1), (3, 1)):
            assert butler.get("bias", exposure=exposure, detector=0, collections="chain") == {"n": number}
        late = self.span(500, 501)
        assert butler.get("bias", detector=0, collections="chain", timespan=late) == {"n": 2}
        assert butler.get("bias", detector=0, collections=["run1", "calib"], timespan=late) == {"n": 1}
        butler.collections.disassociate("tag", refs[2:])
        assert butler.get("bias", detector=0, collections="chain", timespan=late) == {"n": 0}

    def test_look_ups_agree_with_counting_on_fingers(self, butler: Butler) -> None:
        """Random ranges in chains of all types of collections, against a plain loop over what is there."""
        chance = random.Random(5)  # noqa: S311 - chances, not secrets
        refs = {(n, d): self.bias(butler, n, d) for n in range(3) for d in range(3)}
        for _ in range(60):
            begin = chance.randrange(0, 240, 10)
            timespan = self.span(begin, begin + chance.randrange(10, 90, 10))
            ref = chance.choice(list(refs.values()))
            try:
                butler.collections.certify(chance.choice(["calib", "older"]), [ref], timespan)
            except ConflictingDefinitionError:
                continue
        butler.collections.associate("tag", [refs[1, 0], refs[2, 1]])
        names = ["calib", "older", "tag", "run0", "run1", "run2"]
        known: dict[str, list[tuple[Any, ...]]] = {
            name: butler.calibrations("bias", name).to_pylist() for name in names
        }
        for _ in range(150):
            order = chance.sample(names, chance.randrange(1, 4))
            detector, exposure = chance.randrange(3), chance.randrange(4)
            when = self.span(exposure * 60, exposure * 60 + 30)
            expected = _by_hand(known, order, detector, when)
            if expected == "ambiguous":
                with pytest.raises(CalibrationLookupError):
                    butler.find_dataset("bias", exposure=exposure, detector=detector, collections=order)
            else:
                found = butler.find_dataset("bias", exposure=exposure, detector=detector, collections=order)
                assert (None if found is None else found.id.bytes) == expected
                told = butler.explain_lookup("bias", exposure=exposure, detector=detector, collections=order)
                assert told.chosen == found

    # Reasons

    def test_a_look_up_is_explained_collection_by_collection(self, butler: Butler) -> None:
        refs = [self.bias(butler, number) for number in range(3)]
        self.bias(butler, 0, 2)
        butler.collections.certify("calib", refs[:1], self.span(0, 10))
        butler.collections.certify("calib", refs[:1], self.span(200, 210))
        butler.collections.certify("older", refs[1:2], self.span(None, None))
        butler.collections.register("empty")
        butler.collections.redefine_chain("chain", ["calib", "empty", "older", "run2"])
        told = butler.explain_lookup("bias", exposure=1, detector=0, collections="chain")
        assert _verdicts(told) == ["not valid then", "no such dataset type", "chosen", "shadowed"]
        assert told.chosen == refs[1]
        assert told.elsewhere == ("run0", "run1")
        assert told.steps[0].path == ("chain",)
        assert "before it" in told.steps[0].reason
        assert "after it" in told.steps[0].reason
        assert str(refs[2].id) in told.steps[3].reason
        assert "older comes before it" in told.steps[3].reason
        assert told.chosen == butler.find_dataset("bias", exposure=1, detector=0, collections="chain")
        told = butler.explain_lookup("bias", detector=1, collections=["run0", "tag"])
        assert _verdicts(told) == ["no such data ID", "no such dataset type"]
        assert "detector 0, 2" in told.steps[0].reason
        told = butler.explain_lookup("bias", detector=99, collections="run0")
        assert "spelt right" in str(told)
        assert "detector 2, 0" in str(told)

    def test_an_ambiguous_look_up_is_explained(self, butler: Butler) -> None:
        butler.collections.certify("calib", [self.bias(butler, 0)], self.span(0, 10))
        butler.collections.certify("calib", [self.bias(butler, 1)], self.span(10, 20))
        told = butler.explain_lookup("bias", detector=0, collections=["calib", "run0"])
        assert _verdicts(told) == ["ambiguous", "shadowed"]
        assert told.chosen is None

    def test_collections_that_cannot_answer_are_said_to_be_skipped(self, butler: Butler) -> None:
        butler.collections.certify("calib", [self.bias(butler, 0)], self.span(0, 10))
        told = butler.explain_lookup("bias", exposure=0, detector=0)
        verdicts = {step.collection: step.verdict for step in told.steps}
        assert verdicts["calib"] == "chosen"
        assert verdicts["run0"] == "skipped"
        told = butler.explain_lookup("thing", exposure=0, detector=0)
        verdicts = {step.collection: step.verdict for step in told.steps}
        assert verdicts["calib"] == "skipped"
        assert verdicts["run0"] == "no such dataset type"

    # Drawing

    def test_the_timeline_shows_gaps_in_text_and_drawing(self, butler: Butler) -> None:
        butler.collections.certify("calib", [self.bias(butler, 0, d) for d in range(3)], self.span(0, 100))
        butler.collections.certify("calib", [self.bias(butler, 1, d) for d in range(2)], self.span(150, None))
        drawn = butler.calibration_timeline("bias")
        assert [row.label for row in drawn.rows] == ["detector 0-1", "detector 2"]
        assert [gap for _, gap in drawn.gaps] == [self.span(100, 150)]
        text = drawn.text(80)
        first, second = (line for line in text.splitlines() if line.startswith("detector"))
        assert all(len(line) <= 80 for line in text.splitlines()[:3])
        assert "A." in first
        assert ".B" in first
        assert first.endswith(">")
        assert "B" not in second
        assert "gap: detector 0-1: [2026-01-01T12:01:40, 2026-01-01T12:02:30)" in text
        root = ET.fromstring(drawn.svg())  # noqa: S314 - our own text
        titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
        assert sum(title.startswith("no calibration") for title in titles) == 1
        assert sum(title.startswith("run0:") for title in titles) == 2
        only = butler.calibration_timeline("bias", where="instrument = 'Cam' AND detector = 2")
        assert [row.label for row in only.rows] == ["detector 2"]
        with pytest.raises(DatasetNotFoundError, match="certif"):
            butler.calibration_timeline("bias", "older")

    def test_the_history_of_ranges_is_a_table(self, butler: Butler) -> None:
        butler.collections.certify("calib", [self.bias(butler, 0)], self.span(0, 100))
        butler.collections.decertify("calib", "bias", self.span(50, 60))
        rows = butler.calibrations("bias", "calib", history=True).to_pylist()
        assert [row["retired"] is None for row in rows] == [False, True, True]
        assert rows[0]["retired"] == rows[1]["added"]
        assert all(row["added_by"] and row["added_time"] for row in rows)


def _verdicts(told: LookupExplanation) -> list[str]:
    return [step.verdict for step in told.steps]


def _by_hand(known: dict[str, Any], order: list[str], detector: int, when: Timespan) -> bytes | str | None:
    for name in order:
        valid = {
            row["id"]
            for row in known[name]
            if row["detector"] == detector
            and (
                row["timespan_begin"] is None
                or Timespan.from_bounds(row["timespan_begin"], row["timespan_end"]).overlaps(when)
            )
        }
        if valid:
            return "ambiguous" if len(valid) > 1 else valid.pop()
    return None
