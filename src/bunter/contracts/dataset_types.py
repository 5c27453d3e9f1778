"""What every repository promises about dataset types, as tests: subclass `DatasetTypeContract`, supply ``empty``."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetType
from bunter.errors import (
    ConfigurationError,
    ConflictingDatasetError,
    ConflictingDefinitionError,
    MissingDatasetTypeError,
    StorageClassError,
)
from bunter.query import x

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler

__all__ = ["DatasetTypeContract"]

_DIMENSIONS = ["instrument", "exposure", "detector"]


class DatasetTypeContract:
    """Promises about dataset types.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_dimensions(empty)
        empty.dataset_types.register("calexp", _DIMENSIONS, "StructuredDataDict")
        empty.dataset_types.register("other", ["instrument", "exposure"], "StructuredDataDict")
        empty.collections.register("run1")
        return empty

    # Aliases

    def test_an_alias_is_understood_wherever_a_type_is_named(self, butler: Butler) -> None:
        butler.dataset_types.alias("calexp", "visit_image")
        ref = butler.put({"a": 1}, "visit_image", instrument="Cam", exposure=1, detector=0, run="run1")
        butler.put({"a": 2}, "other", instrument="Cam", exposure=1, run="run1")
        assert ref.dataset_type.name == "calexp"
        assert butler.get("visit_image", exposure=1, detector=0) == {"a": 1}
        assert butler.get("calexp", exposure=1, detector=0) == {"a": 1}
        assert butler.find_dataset("visit_image", exposure=1, detector=0) == ref
        assert butler.exists("visit_image", exposure=1, detector=0)
        assert list(butler.query_datasets("visit_image")) == [ref]
        assert butler.query_datasets("visit_image", where="visit_image.run = 'run1'").count() == 1
        assert butler.query_datasets("visit_image", where=x.visit_image.run == "run1").count() == 1
        assert butler.query_datasets("calexp", where="visit_image.run = 'nope'").count() == 0
        assert butler.query_data_ids(["exposure"], datasets="visit_image").count() == 1
        assert butler.query_joined("visit_image", "other").count() == 1
        assert butler.dataset_types["visit_image"].name == "calexp"
        assert "visit_image" in butler.dataset_types
        assert [kind.name for kind in butler.dataset_types.query("visit*")] == ["calexp"]
        assert len(butler.dataset_types) == 2
        assert "visit_image" in repr(butler.dataset_types)
        assert butler.sql("SELECT alias, dataset_type FROM v1_alias").rows == [("visit_image", "calexp")]

    def test_a_name_never_stands_for_two_types(self, butler: Butler) -> None:
        butler.dataset_types.alias("calexp", "visit_image")
        butler.dataset_types.alias("calexp", "visit_image")
        butler.dataset_types.alias("visit_image", "image_of_visit")
        assert butler.dataset_types.aliases == {"image_of_visit": "calexp", "visit_image": "calexp"}
        for name, taken, match in (
            ("other", "visit_image", "calexp"),
            ("calexp", "other", "itself"),
            ("calexp", "detector", "dimension"),
            ("calexp", "not a name", "letters"),
            ("calexp", "a'; DROP TABLE dataset; --", "letters"),
        ):
            with pytest.raises(ConflictingDefinitionError, match=match):
                butler.dataset_types.alias(name, taken)
        with pytest.raises(ConflictingDefinitionError, match="alias of 'calexp'"):
            butler.dataset_types.register("visit_image", _DIMENSIONS, "StructuredDataDict")
        with pytest.raises(MissingDatasetTypeError):
            butler.dataset_types.alias("nothing", "something")

    def test_an_alias_goes_alone_or_with_its_type(self, butler: Butler) -> None:
        butler.dataset_types.alias("calexp", "visit_image")
        with pytest.raises(ConflictingDefinitionError, match="alias"):
            butler.dataset_types.remove("visit_image")
        with pytest.raises(MissingDatasetTypeError, match="visit_image"):
            butler.dataset_types.remove_alias("visit_imag")
        butler.dataset_types.remove_alias("visit_image")
        with pytest.raises(MissingDatasetTypeError):
            butler.query_datasets("visit_image")
        butler.dataset_types.alias("other", "visit_image")
        butler.dataset_types.remove("other")
        butler.dataset_types.register("visit_image", _DIMENSIONS, "StructuredDataDict")
        assert butler.dataset_types.aliases == {}

    def test_a_misspelt_alias_is_answered_with_the_nearest(self, butler: Butler) -> None:
        butler.dataset_types.alias("calexp", "visit_image")
        with pytest.raises(MissingDatasetTypeError, match="did you mean 'visit_image'"):
            butler.get("visit_imge", exposure=0, detector=0)

    # Definitions

    def test_many_types_are_registered_at_once_or_none(self, butler: Butler, tmp_path: Path) -> None:
        file = tmp_path / "types.yaml"
        file.write_text(
            "bias: {storage_class: CCDData, dimensions: [instrument, detector], is_calibration: true}\n"
            "notes: {storage_class: Text}\ncalexp: {storage_class: StructuredDataDict, dimensions: [exposure, detector]}\n"
        )
        kinds = butler.dataset_types.register_many(file)
        assert [kind.name for kind in kinds] == ["bias", "notes", "calexp"]
        assert butler.dataset_types["bias"].is_calibration
        new = butler.dataset_types["notes"].dimensions
        bad = [DatasetType("late", new, "Text"), DatasetType("calexp", new, "Text")]
        with pytest.raises(ConflictingDefinitionError, match="dimensions differ"):
            butler.dataset_types.register_many(bad)
        assert "late" not in butler.dataset_types
        for text, match in (
            ("bias: CCDData", "storage_class"),
            ("bias: {storage_class: CCDDatum}", "CCDData"),
            ("- bias", "map names"),
            ("bias: {storage_class: Text, dimension: [visit]}", "storage_class"),
            ("bias: [", "not YAML"),
        ):
            file.write_text(text)
            with pytest.raises((ConfigurationError, StorageClassError), match=match):
                butler.dataset_types.register_many(file)

    def test_the_cost_of_registering_many_does_not_grow_with_what_is_there(self, butler: Butler) -> None:
        def cost(names: range) -> int:
            before = butler.repository.statements  # type: ignore[attr-defined]
            group = butler.dataset_types["calexp"].dimensions
            butler.dataset_types.register_many([DatasetType(f"type{n}", group, "Text") for n in names])
            return int(butler.repository.statements - before)  # type: ignore[attr-defined]

        first = cost(range(20))
        assert cost(range(20, 40)) <= first

    def test_a_compatible_storage_class_is_the_same_type(self, butler: Butler) -> None:
        pytest.importorskip("pandas")
        kind = butler.dataset_types.register("table", ["instrument"], "ArrowTable")
        assert butler.dataset_types.register("table", ["instrument"], "AstropyTable") == kind
        assert butler.dataset_types["table"].storage_class == "ArrowTable"
        with pytest.raises(ConflictingDefinitionError, match="CCDData cannot be turned into ArrowTable"):
            butler.dataset_types.register("table", ["instrument"], "CCDData")
        with pytest.raises(ConflictingDefinitionError, match="calibration"):
            butler.dataset_types.register("table", ["instrument"], "ArrowTable", is_calibration=True)

    def test_a_dataset_is_read_as_another_storage_class_or_refused_with_the_reason(self, butler: Butler) -> None:
        from astropy.table import Table

        butler.dataset_types.register("table", ["instrument"], "ArrowTable")
        butler.put(Table({"a": [1, 2]}), "table", instrument="Cam", run="run1")
        assert list(butler.get("table", storage_class="AstropyTable")["a"]) == [1, 2]
        assert butler.get("table").column("a").to_pylist() == [1, 2]
        with pytest.raises(StorageClassError, match="CCDData"):
            butler.get("table", storage_class="CCDData")
        with pytest.raises(StorageClassError, match="AstropyTable"):
            butler.get("table", storage_class="AstropyTabel")

    # Ids

    def test_derived_ids_are_the_same_everywhere(self, butler: Butler) -> None:
        data_id = {"instrument": "Cam", "exposure": 1, "detector": 2}
        of_run = butler.put({}, "calexp", data_id, run="run1", id_mode="dataid_type_run")
        assert of_run.id == UUID("7aa8679f-ed63-598a-a0bd-05dcd2c1a8ba")  # as the reference system derives it
        assert butler.put({}, "calexp", data_id, run="run1", id_mode="dataid_type_run") == of_run
        other = butler.put({}, "calexp", {**data_id, "detector": 1}, run="run1", id_mode="dataid_type")
        assert (other.id.version, other.id == of_run.id) == (5, False)
        butler.collections.register("run2")
        again = butler.put({}, "calexp", data_id, run="run2", id_mode="dataid_type_run")
        assert again.id != of_run.id
        with pytest.raises(ConflictingDatasetError):
            butler.put({}, "calexp", {**data_id, "detector": 1}, run="run2", id_mode="dataid_type")
        assert butler.put({}, "calexp", {**data_id, "detector": 0}, run="run1").id.version == 7
        many = butler.put_many(
            [{}, {}],
            "other",
            [{"instrument": "Cam", "exposure": e} for e in (0, 1)],
            run="run1",
            id_mode="dataid_type_run",
        )
        assert {ref.id.version for ref in many} == {5}
        with pytest.raises(ConfigurationError, match="dataid_type_run"):
            butler.put({}, "calexp", data_id, run="run2", id_mode="dataid_typ_run")  # type: ignore[arg-type]
        assert butler.check().is_clean
