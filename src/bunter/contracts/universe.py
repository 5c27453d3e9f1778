"""What every repository promises of its universe and packers, as tests: subclass and supply an ``empty`` fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bunter.butler.upgrading import upgrade_history, upgrade_repository
from bunter.contracts.small_camera import exposure_row, fill_small_camera
from bunter.errors import (
    ConflictingDefinitionError,
    DimensionNameError,
    DimensionValueError,
    InconsistentDataIdError,
    UniverseError,
)
from bunter.geometry import Region

if TYPE_CHECKING:
    from bunter.butler import Butler

__all__ = ["UniverseContract"]

FIBRES: dict[str, Any] = {
    "extends": "repository",
    "elements": {
        "fibre": {"requires": ["instrument"], "keys": [{"name": "id", "type": "int"}]},
        "fibre_target": {"requires": ["exposure", "fibre"], "metadata": [{"name": "flux", "type": "float"}]},
    },
}


def overlay(element: str, **spec: Any) -> dict[str, Any]:
    """Return a definition that adds to one element."""
    return {"extends": "repository", "elements": {element: spec}}


class UniverseContract:
    """Promises about what a repository is: its universe may grow while it lives, its packers keep their numbers.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_small_camera(empty)
        empty.put({"e": 1}, "thing", instrument="Cam", exposure=1, detector=2, run="run1")
        return empty

    # New elements and columns

    def test_a_new_element_has_records_queries_and_datasets(self, butler: Butler) -> None:
        other = butler.clone()
        assert "fibre" not in other.dimensions
        done = upgrade_repository(butler.repository, dimensions=FIBRES)
        assert done.sentences == [
            "new dimension 'fibre' of instrument",
            "new combination 'fibre_target' of instrument, fibre, exposure",
        ]
        assert "fibre" in other.dimensions  # one that was open notices
        butler.dimension_records.insert("fibre", {"instrument": "Cam", "id": [1, 2, 3]})
        butler.dimension_records.insert(
            "fibre_target", {"instrument": "Cam", "exposure": 1, "fibre": [2, 3], "flux": [0.5, 2.0]}
        )
        found = other.query_data_ids(["exposure", "fibre"], where="fibre_target.flux > 1")
        assert [data_id["fibre"] for data_id in found] == [3]
        other.dataset_types.register("spectrum", ["exposure", "fibre"], "StructuredDataDict")
        other.put({"s": 1}, "spectrum", instrument="Cam", exposure=1, fibre=3, run="run1")
        assert butler.get("spectrum", exposure=1, fibre=3) == {"s": 1}
        assert butler.get("thing", exposure=1, detector=2) == {"e": 1}

    def test_the_same_again_changes_nothing_and_the_history_is_kept(self, butler: Butler) -> None:
        assert upgrade_repository(butler.repository, dimensions=FIBRES)
        assert not upgrade_repository(butler.repository, dimensions=FIBRES | {"elements": {}})
        assert not upgrade_repository(butler.repository)
        rows = upgrade_history(butler.repository).to_pylist()
        assert [(row["kind"], len(row["detail"])) for row in rows] == [("universe", 2)]
        assert rows[0]["change"] > 0

    def test_a_dry_run_says_what_would_be_done_and_does_nothing(self, butler: Butler) -> None:
        done = upgrade_repository(butler.repository, dimensions=FIBRES, dry_run=True)
        assert len(done.differences) == 2
        assert "fibre" not in butler.dimensions

    def test_new_columns_are_unknown_until_they_are_given(self, butler: Butler) -> None:
        seeing = overlay("exposure", metadata=[{"name": "seeing", "type": "float"}, {"name": "mode", "type": "string"}])
        upgrade_repository(butler.repository, dimensions=seeing, fill={"exposure.mode": "dither"})
        butler.dimension_records.update("exposure", {"instrument": "Cam", "id": 1, "seeing": 0.7})
        found = list(butler.query_dimension_records("exposure").order_by("exposure"))
        assert [each.seeing for each in found] == [None, 0.7, None, None]
        assert {each.mode for each in found} == {"dither"}
        assert butler.query_datasets("thing", "run1", where="exposure.seeing < 1").count() == 1

    def test_a_column_that_must_have_a_value_needs_one(self, butler: Butler) -> None:
        gain = overlay("detector", metadata=[{"name": "gain", "type": "float", "nullable": False}])
        with pytest.raises(UniverseError, match=r"'detector' has records.*--fill detector.gain=VALUE"):
            upgrade_repository(butler.repository, dimensions=gain)
        assert upgrade_repository(butler.repository, dimensions=gain, dry_run=True).fills == ("detector.gain",)
        with pytest.raises(DimensionValueError, match="must be a number"):
            upgrade_repository(butler.repository, dimensions=gain, fill={"detector.gain": "high"})
        with pytest.raises(DimensionNameError, match=r"did you mean 'detector\.gain'"):
            upgrade_repository(butler.repository, dimensions=gain, fill={"detector.gian": 1})
        assert upgrade_repository(butler.repository, dimensions=gain, fill={"detector.gain": "1.5"}).fills == ()
        late = overlay("tract", metadata=[{"name": "depth", "type": "float", "nullable": False}])
        assert upgrade_repository(butler.repository, dimensions=late).fills == ()  # there is none that would need it
        assert {each.gain for each in butler.query_dimension_records("detector")} == {1.5}

    def test_a_new_alternate_key_is_unique_and_understood(self, butler: Butler) -> None:
        label = overlay("exposure", keys=[{"name": "label", "type": "string", "length": 20}])
        with pytest.raises(DimensionValueError, match="several exposure records the same label"):
            upgrade_repository(butler.repository, dimensions=label, fill={"exposure.label": "x"})
        assert upgrade_history(butler.repository).num_rows == 0
        upgrade_repository(butler.repository, dimensions=label, fill={"exposure.label": "E{exposure}-{obs_id}"})
        assert butler.query_dimension_records("exposure", where="exposure.label = 'E1-obs1'").count() == 1
        assert butler.get("thing", {"exposure.label": "E1-obs1"}, detector=2) == {"e": 1}
        with pytest.raises(ConflictingDefinitionError, match="label='E1-obs1'"):
            butler.dimension_records.insert("exposure", {**exposure_row(9), "group": "g0", "label": "E1-obs1"})

    def test_a_new_implied_dimension_gets_its_values(self, butler: Butler) -> None:
        campaign = overlay("exposure", implies=["campaign"])
        campaign["elements"]["campaign"] = {
            "keys": [{"name": "name", "type": "string"}],
            "metadata": [{"name": "pi", "type": "string"}],
        }
        with pytest.raises(UniverseError, match=r"--fill exposure.campaign="):
            upgrade_repository(butler.repository, dimensions=campaign)
        upgrade_repository(butler.repository, dimensions=campaign, fill={"exposure.campaign": "deep"})
        assert [each.name for each in butler.query_dimension_records("campaign")] == ["deep"]
        assert butler.query_datasets("thing", "run1", where="campaign = 'deep'").count() == 1
        assert butler.get("thing", exposure=1, detector=2) == {"e": 1}
        butler.put({"e": 2}, "thing", instrument="Cam", exposure=2, detector=2, run="run1")
        with pytest.raises(InconsistentDataIdError, match="no campaign"):
            butler.dimension_records.insert("exposure", {**exposure_row(9), "group": "g0", "campaign": "wide"})

    def test_an_element_may_get_regions_and_timespans(self, butler: Butler) -> None:
        regions = {
            "extends": "repository",
            "topology": {"spatial": {"exposure_regions": ["exposure"]}, "temporal": {"group_timespans": ["group"]}},
        }
        done = upgrade_repository(butler.repository, dimensions=regions)
        assert {each.kind for each in done.differences} == {"region", "timespan"}
        key = {"instrument": "Cam", "id": 1}
        butler.dimension_records.update("exposure", {**key, "region": Region.circle(10, 20, 1)})
        where = "exposure.region OVERLAPS POINT(10, 20.5)"
        assert butler.query_datasets("thing", "run1", where=where).count() == 1
        butler.dimension_records.update("group", {"instrument": "Cam", "name": "g1", "timespan": ("2026-01-01", None)})
        assert butler.query_dimension_records("group", where="group.timespan OVERLAPS T'2027-01-01'").count() == 1

    def test_what_is_not_additive_is_refused_with_a_sentence_for_each(self, butler: Butler) -> None:
        content = butler.dimensions.to_dict()
        del content["elements"]["tract"], content["elements"]["patch"]
        content["topology"]["spatial"].pop("skymap_regions")
        del content["packers"]
        content["elements"]["exposure"]["metadata"][0]["type"] = "string"
        content["elements"]["detector"]["requires"] = ["instrument", "band"]
        with pytest.raises(UniverseError) as caught:
            upgrade_repository(butler.repository, dimensions=content)
        said = str(caught.value)
        assert said.count("\n  - ") == 5
        assert "element 'tract' would go, with its records" in said
        assert "column 'exposure_time' of 'exposure' is float and would be str" in said
        assert butler.get("thing", exposure=1, detector=2) == {"e": 1}

    def test_a_dataset_type_keeps_what_identifies_its_datasets(self, butler: Butler) -> None:
        implied = overlay("exposure", implies=["detector"])
        with pytest.raises(UniverseError, match="dataset type 'thing' has dimension detector"):
            upgrade_repository(butler.repository, dimensions=implied, fill={"exposure.detector": 0})

    def test_refs_and_types_from_before_are_understood_after(self, butler: Butler) -> None:
        ref = butler.query_datasets("thing", "run1").one()
        kind = butler.dataset_types.get("thing")
        upgrade_repository(butler.repository, dimensions=FIBRES)
        assert butler.get(ref) == {"e": 1}
        assert butler.exists(ref)
        assert butler.find_dataset(kind, instrument="Cam", exposure=1, detector=2, collections="run1") is not None
        butler.collections.register("tag", "TAGGED")
        butler.collections.associate("tag", [ref])
        assert butler.query_datasets("thing", "tag").count() == 1
        butler.put({"e": 3}, kind, instrument="Cam", exposure=3, detector=2, run="run1")
        assert butler.remove_datasets([ref]) == 1

    # Packers

    def test_a_packer_is_laid_out_by_its_recipe_and_kept(self, butler: Butler) -> None:
        with pytest.raises(DimensionNameError, match="packer define REPO visit_detector instrument"):
            butler.packer("visit_detector")
        with pytest.raises(UniverseError, match="exposure_max of the instrument record"):
            butler.packers.define("exposure_detector", instrument="Cam")
        butler.dimension_records.update("instrument", {"name": "Cam", "exposure_max": 999, "detector_max": 112})
        made = butler.packers.define("exposure_detector", instrument="Cam")
        assert butler.packers.define("exposure_detector", instrument="Cam") == made
        packer = butler.clone().packer("exposure_detector", instrument="Cam")
        assert packer.pack(exposure=42, detector=7) == 4711
        assert packer.unpack(np.array([4711]))["exposure"].tolist() == [42]
        table = butler.query_data_ids(["exposure", "detector"]).to_table()
        assert sorted(packer.pack(table).tolist()) == [112 * e + d for e in range(4) for d in range(3)]
        assert [each.name for each in butler.packers] == ["exposure_detector"]

    def test_numbers_keep_their_meaning(self, butler: Butler) -> None:
        fields = [{"dimension": "band", "values": ["g", "r"], "size": 4}, {"dimension": "htm7", "bits": 18}]
        first = butler.packers.define("by_band", fields)
        more = [{**fields[0], "values": ["g", "r", "i"]}, fields[1]]
        assert butler.packers.define("by_band", more) != first
        assert butler.packer("by_band").unpack(first.pack(band="r", htm7=131072)).mapping == {
            "band": "r",
            "htm7": 131072,
        }
        with pytest.raises(ConflictingDefinitionError, match="numbers may be about"):
            butler.packers.define("by_band", [more[1], more[0]])

    def test_one_of_several_packers_is_chosen_by_what_is_fixed(self, butler: Butler) -> None:
        butler.dimension_records.insert("instrument", [{"name": "Cam2", "visit_max": 9, "detector_max": 5}])
        fields = [{"dimension": "visit", "size": 100}, {"dimension": "detector", "size": 3}]
        butler.packers.define("visit_detector", fields, instrument="Cam")
        butler.packers.define("visit_detector", instrument="Cam2")
        assert butler.packer("visit_detector", instrument="Cam2").max_bits == 6
        with pytest.raises(DimensionValueError, match=r"2 packers.*instrument='Cam' or instrument='Cam2'"):
            butler.packer("visit_detector")
        with pytest.raises(DimensionValueError, match="for instrument='Cam3'"):
            butler.packer("visit_detector", instrument="Cam3")
        assert butler.clone(instrument="Cam").packer("visit_detector").pack(visit=2, detector=1) == 7
        with pytest.raises(DimensionNameError, match="did you mean 'visit_detector'"):
            butler.packer("visit_detecor")
