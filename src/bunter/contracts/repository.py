"""What every repository promises, as tests: subclass `RepositoryContract` and supply an ``empty`` fixture."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from bunter.contracts.small_camera import T0_NS, exposure_row, fill_small_camera, put_thing
from bunter.dataset import CollectionType
from bunter.errors import (
    CollectionCycleError,
    CollectionInUseError,
    CollectionTypeError,
    ConflictingDatasetError,
    ConflictingDefinitionError,
    DatasetNotFoundError,
    DimensionNameError,
    DimensionValueError,
    InconsistentDataIdError,
    InvalidQueryError,
    MissingCollectionError,
    MissingDatasetTypeError,
    StorageClassError,
)
from bunter.geometry import Region
from bunter.query import x
from bunter.values import Timespan

if TYPE_CHECKING:
    from bunter.butler import Butler

__all__ = ["RepositoryContract"]


class RepositoryContract:
    """Promises of a repository through the butler's face.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_small_camera(empty)
        return empty

    put = staticmethod(put_thing)

    # Datasets

    def test_what_was_put_is_got_by_data_id_ref_and_deferred(self, butler: Butler) -> None:
        ref = self.put(butler, 1, 2)
        assert butler.get("thing", instrument="Cam", exposure=1, detector=2, collections="run1") == {"e": 1, "d": 2}
        assert butler.get(ref) == {"e": 1, "d": 2}
        assert butler.get_deferred("thing", instrument="Cam", exposure=1, detector=2).get() == {"e": 1, "d": 2}

    def test_the_only_instrument_and_all_collections_are_the_default(self, butler: Butler) -> None:
        self.put(butler)
        assert butler.get("thing", exposure=0, detector=0) == {"e": 0, "d": 0}

    def test_the_newest_run_is_searched_first_by_default(self, butler: Butler) -> None:
        self.put(butler)
        butler.collections.register("run2")
        self.put(butler, run="run2", newer=True)
        assert butler.get("thing", exposure=0, detector=0)["newer"]

    def test_put_of_equal_content_returns_the_ref_that_is_there(self, butler: Butler) -> None:
        first = self.put(butler)
        assert self.put(butler) == first
        assert butler.query_datasets("thing").count() == 1

    def test_put_of_other_content_is_a_conflict_and_changes_nothing(self, butler: Butler) -> None:
        ref = self.put(butler)
        with pytest.raises(ConflictingDatasetError, match="other content"):
            self.put(butler, new=1)
        assert butler.get(ref) == {"e": 0, "d": 0}
        assert butler.check().is_clean

    def test_put_many_is_all_or_nothing(self, butler: Butler) -> None:
        ids = [{"instrument": "Cam", "exposure": 0, "detector": d} for d in (0, 1, 99)]
        with pytest.raises(DimensionValueError):
            butler.put_many([{}, {}, {}], "thing", ids, run="run1")
        assert butler.query_datasets("thing").count() == 0
        assert len(butler.put_many([{}, {}], "thing", ids[:2], run="run1")) == 2
        assert butler.check().is_clean

    def test_a_value_without_record_is_refused_and_named(self, butler: Butler) -> None:
        with pytest.raises((DimensionValueError, InconsistentDataIdError), match="exposure"):
            self.put(butler, 77)
        assert butler.check().is_clean

    def test_misspelt_names_are_answered_with_the_nearest(self, butler: Butler) -> None:
        self.put(butler)
        with pytest.raises(MissingDatasetTypeError, match="did you mean 'thing'"):
            butler.get("thin", exposure=0, detector=0)
        with pytest.raises(DimensionNameError, match="detector"):
            butler.get("thing", exposure=0, detectr=0)
        with pytest.raises(MissingCollectionError, match="run1"):
            butler.get("thing", exposure=0, detector=0, collections="run11")

    def test_not_found_says_where_we_looked(self, butler: Butler) -> None:
        with pytest.raises(DatasetNotFoundError, match=r"searched run1.*query-datasets"):
            butler.get("thing", exposure=0, detector=0, collections="run1")
        assert butler.find_dataset("thing", exposure=0, detector=0) is None
        assert not butler.exists("thing", exposure=0, detector=0)

    def test_put_needs_a_run_that_exists(self, butler: Butler) -> None:
        with pytest.raises(MissingCollectionError, match="run"):
            butler.put({}, "thing", exposure=0, detector=0)
        with pytest.raises(MissingCollectionError, match="nowhere"):
            self.put(butler, run="nowhere")
        assert butler.check().is_clean

    def test_an_object_of_the_wrong_type_is_refused(self, butler: Butler) -> None:
        with pytest.raises(StorageClassError):
            butler.put(object(), "thing", exposure=0, detector=0, run="run1")

    def test_alternate_keys_and_record_fields_are_understood(self, butler: Butler) -> None:
        self.put(butler, 2, 1)
        assert butler.get("thing", exposure="obs2", detector="D1") == {"e": 2, "d": 1}
        assert butler.get("thing", day_obs=20260101, seq_num=3, detector=1) == {"e": 2, "d": 1}
        assert butler.get("thing", {"exposure.obs_id": "obs2", "detector.full_name": "D1"}) == {"e": 2, "d": 1}
        with pytest.raises(DimensionValueError, match="obs99"):
            butler.get("thing", exposure="obs99", detector=0)

    def test_a_dataset_is_known_by_its_id(self, butler: Butler) -> None:
        ref = self.put(butler)
        found = butler.get_dataset(ref.id)
        assert found is not None
        assert (found, found.data_id, found.run) == (ref, ref.data_id, ref.run)
        assert butler.get_dataset(UUID(int=1)) is None

    def test_uris_can_be_read(self, butler: Butler) -> None:
        ref = self.put(butler)
        uri = butler.get_uri(ref)
        assert uri.exists()
        assert b'"e"' in uri.read()

    # Units of work

    def test_a_transaction_sees_its_own_puts_and_publishes_at_the_end(self, butler: Butler) -> None:
        with butler.transaction():
            ref = self.put(butler)
            assert butler.get("thing", exposure=0, detector=0, collections="run1") == {"e": 0, "d": 0}
            assert butler.exists(ref)
        assert butler.query_datasets("thing").count() == 1

    def test_a_failed_transaction_leaves_nothing(self, butler: Butler) -> None:
        with pytest.raises(ZeroDivisionError), butler.transaction():  # noqa: PT012 - the block is what is tested
            self.put(butler)
            raise ZeroDivisionError
        assert butler.query_datasets("thing").count() == 0
        assert butler.check().is_clean

    def test_the_number_of_statements_does_not_grow_with_the_puts(self, butler: Butler) -> None:
        def cost(exposures: range) -> int:
            before = butler.repository.statements  # type: ignore[attr-defined]
            ids = [{"instrument": "Cam", "exposure": e, "detector": d} for e in exposures for d in range(3)]
            butler.put_many([{} for _ in ids], "thing", ids, run="run1")
            return int(butler.repository.statements - before)  # type: ignore[attr-defined]

        insert = butler.dimension_records.insert
        insert("group", [{"instrument": "Cam", "name": f"g{e}"} for e in range(4, 64)])
        insert("exposure", [exposure_row(e) for e in range(4, 64)])
        cost(range(1))
        assert cost(range(4, 24)) == cost(range(24, 64))

    def test_one_butler_serves_several_threads(self, butler: Butler) -> None:
        def work(detector: int) -> None:
            for exposure in range(4):
                self.put(butler, exposure, detector)

        threads = [threading.Thread(target=work, args=(d,)) for d in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert butler.query_datasets("thing").count() == 12

    # Collections

    def test_chains_are_searched_in_order(self, butler: Butler) -> None:
        butler.collections.register("run2")
        butler.collections.register("chain", CollectionType.CHAINED)
        self.put(butler, 0, 0, which=1)
        self.put(butler, 0, 0, run="run2", which=2)
        butler.collections.redefine_chain("chain", ["run1", "run2"])
        assert butler.get("thing", exposure=0, detector=0, collections="chain")["which"] == 1
        butler.collections.prepend_chain("chain", "run2")
        assert butler.get("thing", exposure=0, detector=0, collections="chain")["which"] == 2
        assert butler.query_datasets("thing", "chain", find_first=False).count() == 2

    def test_edits_of_a_chain_by_several_threads_add_up(self, butler: Butler) -> None:
        butler.collections.register("chain", CollectionType.CHAINED)
        names = [f"part{number}" for number in range(8)]
        for name in names:
            butler.collections.register(name)
        threads = [threading.Thread(target=butler.collections.extend_chain, args=("chain", name)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(butler.collections.info("chain").children) == names
        butler.collections.remove_from_chain("chain", names[:7])
        assert butler.collections.info("chain").children == ("part7",)
        with pytest.raises(MissingCollectionError):
            butler.collections.remove_from_chain("chain", "part0")

    def test_a_chain_cannot_contain_itself(self, butler: Butler) -> None:
        for name in ("a", "b"):
            butler.collections.register(name, "CHAINED")
        butler.collections.redefine_chain("a", ["b"])
        with pytest.raises(CollectionCycleError):
            butler.collections.redefine_chain("b", ["a"])

    def test_a_collection_keeps_its_type(self, butler: Butler) -> None:
        assert not butler.collections.register("run1")
        with pytest.raises(ConflictingDefinitionError):
            butler.collections.register("run1", "TAGGED")

    def test_tags_hold_datasets_of_several_runs(self, butler: Butler) -> None:
        refs = [self.put(butler, 0, d) for d in range(2)]
        butler.collections.register("good", "TAGGED")
        butler.collections.associate("good", refs)
        assert {ref.id for ref in butler.query_datasets("thing", "good")} == {ref.id for ref in refs}
        butler.collections.disassociate("good", refs[:1])
        assert [ref.id for ref in butler.query_datasets("thing", "good")] == [refs[1].id]

    def test_calibrations_are_found_by_time(self, butler: Butler) -> None:
        butler.collections.register("calib", "CALIBRATION")
        for number, run in enumerate(("bias1", "bias2")):
            butler.collections.register(run)
            ref = butler.put({"number": number}, "bias", detector=0, run=run)
            edge = T0_NS + 90 * 10**9
            butler.collections.certify("calib", [ref], Timespan(None, edge) if number == 0 else Timespan(edge, None))
        for exposure, number in ((0, 0), (1, 0), (2, 1), (3, 1)):
            assert butler.get("bias", exposure=exposure, detector=0, collections="calib") == {"number": number}
        assert butler.get("bias", detector=0, collections="calib", timespan=Timespan.instant(T0_NS)) == {"number": 0}

    def test_a_calibration_asked_for_by_time_is_one_that_is_certified(self, butler: Butler) -> None:
        ref = butler.put({"number": 0}, "bias", detector=0, run="run1")
        assert butler.get("bias", exposure=0, detector=0) == {"number": 0}
        butler.collections.register("calib", "CALIBRATION")
        butler.collections.certify("calib", [ref], Timespan(None, T0_NS))
        assert butler.find_dataset("bias", exposure=0, detector=0) is None
        assert butler.find_dataset("bias", exposure=0, detector=0, collections="run1") == ref

    def test_overlapping_validity_is_refused(self, butler: Butler) -> None:
        butler.collections.register("calib", "CALIBRATION")
        refs = []
        for run in ("bias1", "bias2"):
            butler.collections.register(run)
            refs.append(butler.put({"run": run}, "bias", detector=0, run=run))
        butler.collections.certify("calib", refs[:1], Timespan(0, 100))
        with pytest.raises(ConflictingDefinitionError):
            butler.collections.certify("calib", refs[1:], Timespan(50, 150))
        butler.collections.certify("calib", refs[1:], Timespan(100, 150))

    def test_removing_a_run_removes_its_datasets_and_files(self, butler: Butler) -> None:
        uri = butler.get_uri(self.put(butler))
        butler.collections.register("chain", "CHAINED")
        butler.collections.redefine_chain("chain", "run1")
        with pytest.raises(CollectionInUseError):
            butler.remove_runs("run1")
        assert uri.exists()
        assert butler.remove_runs("run1", unlink_from_chains=True) == 1
        assert not uri.exists()
        assert "run1" not in butler.collections.query()
        assert butler.check().is_clean

    def test_a_removed_dataset_can_be_put_again(self, butler: Butler) -> None:
        ref = self.put(butler)
        assert butler.remove_datasets([ref]) == 1
        assert butler.find_dataset("thing", exposure=0, detector=0) is None
        again = self.put(butler, other=1)
        assert again.id != ref.id
        assert butler.get(again)["other"] == 1
        assert butler.check().is_clean

    # Questions

    def test_conditions_select_datasets(self, butler: Butler) -> None:
        for exposure in range(4):
            self.put(butler, exposure, exposure % 3)
        ask = butler.query_datasets
        assert ask("thing", where="band = 'r'").count() == 2
        assert ask("thing", where="exposure IN (1..3) AND NOT detector = 1").count() == 2
        assert ask("thing", where="exposure.seq_num > 2 OR detector = 0").count() == 3
        assert [ref.data_id["exposure"] for ref in ask("thing", order_by="-exposure", limit=2)] == [3, 2]
        assert ask("thing", exposure=2).one().data_id["exposure"] == 2
        assert ask("thing", where="exposure = wanted", bind={"wanted": 3}).count() == 1

    def test_conditions_may_be_python_expressions(self, butler: Butler) -> None:
        for exposure in range(4):
            self.put(butler, exposure, 1)
        late = butler.query_datasets("thing", where=x.exposure.seq_num > 2)
        assert late.count() == 2
        assert [ref.data_id["exposure"] for ref in late.where(x.band == "r").where("detector = 1")] == [3]
        assert "seq_num > 2" in repr(late)
        assert "seq_num > 9" in butler.query_datasets("thing", where=x.exposure.seq_num > 9).explain().sentence

    def test_a_wrong_condition_is_shown_with_a_caret(self, butler: Butler) -> None:
        with pytest.raises(InvalidQueryError, match="detector") as caught:
            butler.query_datasets("thing", where="detecor = 1").count()
        assert "^" in str(caught.value)

    def test_an_empty_result_is_explained(self, butler: Butler) -> None:
        self.put(butler)
        sentence = butler.query_datasets("thing", where="exposure = 0 AND detector = 2").explain().sentence
        assert "detector = 2" in sentence

    def test_results_are_tables(self, butler: Butler) -> None:
        ref = self.put(butler)
        results = butler.query_datasets("thing")
        table = results.to_table()
        assert table["id"][0] == str(ref.id)
        assert table["exposure"][0] == 0
        assert table["band"][0] == "g"
        assert results.to_pandas()["detector"].tolist() == [0]
        assert "thing" in repr(results)

    def test_tables_tell_the_data_id_first_and_times_as_times(self, butler: Butler) -> None:
        self.put(butler)
        assert butler.query_datasets("thing").to_table().colnames[-2:] == ["id", "run"]
        table = butler.query_dimension_records("exposure", limit=1).to_table()
        assert table["timespan_begin"][0].scale == "tai"
        assert (table["timespan_end"] - table["timespan_begin"])[0].sec == pytest.approx(30)
        none = butler.query_dimension_records("exposure", where="exposure = 99").to_table()
        assert none["exposure"].dtype.kind == "i"

    def test_open_ends_are_masked_and_regions_are_regions(self, butler: Butler) -> None:
        where = Region.circle(10, 20, 1)
        visit = {"instrument": "Cam", "id": 7, "name": "v7", "physical_filter": "Cam-g", "day_obs": 20260101}
        butler.dimension_records.insert("visit", {**visit, "timespan": Timespan(T0_NS, None), "region": where})
        table = butler.query_dimension_records("visit", visit=7).to_table()
        assert table["region"][0] == where
        assert table["timespan_end"].mask.tolist() == [True]
        frame = butler.query_dimension_records("visit", visit=7).to_pandas()
        assert frame["timespan_end"].isna().tolist() == [True]
        assert frame["timespan_begin"].dt.year.tolist() == [table["timespan_begin"][0].datetime.year]

    def test_results_have_places(self, butler: Butler) -> None:
        for exposure in range(3):
            self.put(butler, exposure)
        found = butler.query_datasets("thing", order_by="exposure")
        assert [found[n].data_id["exposure"] for n in (0, 2, -1)] == [0, 2, 2]
        with pytest.raises(IndexError):
            found[3]
        with pytest.raises(IndexError):
            found.limit(1)[1]

    def test_a_misspelt_option_is_no_data_id(self, butler: Butler) -> None:
        with pytest.raises(DimensionNameError, match="collections"):
            butler.query_datasets("thing", collection="run1")
        with pytest.raises(DimensionNameError, match="instrument"):
            butler.clone(intrument="Cam")

    def test_what_is_not_there_to_write_to_is_named_with_the_way_to_make_it(self, butler: Butler) -> None:
        with pytest.raises(MissingCollectionError, match="register"):
            butler.put({}, "thing", exposure=0, detector=0, run="u/new")
        with pytest.raises(StorageClassError, match="StructuredDataDict"):
            butler.dataset_types.register("other", ["instrument"], "StructuredDatDict")
        with pytest.raises(CollectionTypeError, match="TAGGED"):
            butler.collections.register("tag", "TAGED")
        with pytest.raises(MissingDatasetTypeError, match="name"):
            butler.get(7)  # type: ignore[arg-type]

    def test_a_new_chain_is_made_by_defining_it(self, butler: Butler) -> None:
        butler.collections.redefine_chain("u/chain", ["run1"])
        assert butler.collections.info("u/chain").children == ("run1",)

    def test_data_ids_and_records_are_found(self, butler: Butler) -> None:
        self.put(butler, 3, 2)
        assert butler.query_data_ids(["exposure", "detector"]).count() == 12
        assert [d["exposure"] for d in butler.query_data_ids(["exposure", "detector"], datasets="thing")] == [3]
        record = butler.query_dimension_records("exposure", exposure=3).one()
        assert record.obs_id == "obs3"
        assert record.timespan == Timespan(T0_NS + 180 * 10**9, T0_NS + 210 * 10**9)

    def test_joined_results_have_one_dataset_of_each_type(self, butler: Butler) -> None:
        butler.dataset_types.register("other", ["instrument", "exposure"], "StructuredDataDict")
        self.put(butler, 1, 1)
        other = butler.put({}, "other", exposure=1, run="run1")
        data_id, thing, found = butler.query_joined("thing", "other").one()
        assert (data_id["detector"], thing.data_id["detector"], found) == (1, 1, other)

    # The repository itself

    def test_dataset_types_are_registered_once(self, butler: Butler) -> None:
        kind = butler.dataset_types.register("thing", ["detector", "exposure"], "StructuredDataDict")
        assert butler.dataset_types.get("thing") == kind
        with pytest.raises(ConflictingDefinitionError):
            butler.dataset_types.register("thing", ["detector"], "StructuredDataDict")

    def test_records_must_agree_with_those_that_are_there(self, butler: Butler) -> None:
        butler.dimension_records.sync("exposure", exposure_row(0))
        with pytest.raises(ConflictingDefinitionError):
            butler.dimension_records.sync("exposure", {**exposure_row(0), "exposure_time": 31.0})
        butler.dimension_records.sync("exposure", {**exposure_row(0), "exposure_time": 31.0}, update=True)
        assert butler.query_dimension_records("exposure", exposure=0).one().exposure_time == 31.0

    def test_a_butler_can_be_pickled(self, butler: Butler) -> None:
        self.put(butler)
        copy = pickle.loads(pickle.dumps(butler.clone(collections="run1", instrument="Cam")))  # noqa: S301 - our own bytes
        assert copy.get("thing", exposure=0, detector=0) == {"e": 0, "d": 0}

    def test_the_repr_teaches(self, butler: Butler) -> None:
        assert "query_datasets" in repr(butler)
        assert "thing" in butler._repr_html_()
        assert "run1" in repr(butler.collections)
        assert "thing" in repr(butler.dataset_types)
        assert butler.dataset_types["thing"].name in butler.dataset_types
        assert "insert" in repr(butler.dimension_records)
