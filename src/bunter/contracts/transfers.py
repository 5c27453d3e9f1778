"""What every pair of repositories promises about moving datasets: subclass and supply ``source`` and ``empty`` fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bunter.butler import Butler
from bunter.butler.transfers.syncing import synchronise
from bunter.contracts.past import state_of
from bunter.contracts.retrieval import RetrievalContract
from bunter.contracts.small_camera import DAY_NS, T0_NS, fill_dimensions, fill_small_camera, put_thing
from bunter.errors import ExportFileError, FileIntegrityError, ReadOnlyError, TransferConflictError
from bunter.geometry import Region
from bunter.values import Timespan

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.dataset import DatasetRef

__all__ = ["TransfersContract", "fill_source"]


def fill_source(butler: Butler) -> list[DatasetRef]:
    """Put things, calibrations, a tag, a chain and user metadata into an empty repository; return the things."""
    fill_dimensions(butler)
    butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
    butler.dataset_types.register("bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True)
    butler.collections.register("run1", doc="the first run")
    butler.collections.register("tag", "TAGGED")
    butler.collections.register("calib", "CALIBRATION")
    refs = [put_thing(butler, e, d, run="run1") for e in range(4) for d in range(3)]
    biases = [butler.put({"d": d}, "bias", instrument="Cam", detector=d, run="run1") for d in range(2)]
    butler.collections.associate("tag", refs[:3])
    butler.collections.certify("calib", biases, Timespan(T0_NS, T0_NS + DAY_NS))
    butler.collections.redefine_chain("chain", ["tag", "run1", "calib"])
    butler.set_metadata(refs[:2], {"quality": 1})
    return refs


def things(butler: Butler) -> dict[Any, Any]:
    """Return all datasets of all types with their content, by id."""
    return {
        ref.id: (ref.dataset_type.name, ref.run, ref.data_id.required_values, butler.get(ref))
        for kind in butler.dataset_types
        for ref in butler.query_datasets(kind, "*", find_first=False)
    }


class TransfersContract(RetrievalContract):
    """Datasets arrive whole with all that belongs to them, once, or not at all."""

    @staticmethod
    def same(one: Butler, other: Butler) -> bool:
        """Whether two repositories hold the same datasets, definitions and memberships."""
        for a, b in ((one, other), (other, one)):
            report = b.transfers.take(a.transfers.parcel(), dry_run=True)
            if report.datasets or report.records or report.collections or report.memberships or report.conflicts:
                return False
        return things(one) == things(other)

    def test_chosen_datasets_arrive_with_their_records_types_and_metadata(self, source: Butler, empty: Butler) -> None:
        refs = list(source.query_datasets("thing", "run1", where="exposure in (0, 1)"))
        report = empty.transfer_from(source, refs)
        assert (report.datasets, report.artifacts) == (6, 6)
        assert [empty.get(ref) for ref in refs] == [source.get(ref) for ref in refs]
        assert empty.query_dimension_records("exposure").count() == 2
        assert sum(empty.metadata(ref) == {"quality": 1} for ref in refs) == 2
        assert empty.check(deep=True).is_clean

    def test_bands_arrive_with_the_filters_that_have_them(self, source: Butler, empty: Butler) -> None:
        source.dataset_types.register("curve", ["band"], "StructuredDataDict")
        ref = source.put({"q": 1}, "curve", band="r", run="run1")
        empty.transfer_from(source, [ref])
        assert empty.get(ref) == {"q": 1}
        assert [record.physical_filter for record in empty.query_dimension_records("physical_filter")] == ["Cam-r"]

    def test_visits_arrive_with_their_regions_and_their_exposures(self, source: Butler, empty: Butler) -> None:
        insert, camera = source.dimension_records.insert, {"instrument": "Cam"}
        visit = {"id": [1, 2], "name": ["v1", "v2"], "physical_filter": "Cam-g", "day_obs": 20260101}
        insert("visit", {**camera, **visit, "region": Region.circle(10, 20, 1)})
        insert("visit_definition", {**camera, "exposure": [0, 2], "visit": [1, 2]})
        for number in (1, 2):
            regions = {"detector": [0, 1, 2], "region": ["CIRCLE 10 20 0.1"] * 3}
            insert("visit_detector_region", {**camera, "visit": number, **regions})
        source.dataset_types.register("image", ["instrument", "visit", "detector"], "StructuredDataDict")
        refs = [source.put({"d": d}, "image", instrument="Cam", visit=1, detector=d, run="run1") for d in (0, 1)]
        empty.transfer_from(source, refs)
        assert [empty.get(ref) for ref in refs] == [{"d": 0}, {"d": 1}]
        found = {
            name: empty.query_dimension_records(name).count()
            for name in ("visit", "exposure", "visit_detector_region", "visit_definition")
        }
        assert found == {"visit": 1, "exposure": 1, "visit_detector_region": 3, "visit_definition": 1}
        assert empty.check(deep=True).is_clean

    def test_a_dry_run_says_what_a_transfer_does_and_changes_nothing(self, source: Butler, empty: Butler) -> None:
        parcel = source.transfers.parcel(collections="chain")
        planned = empty.transfers.take(parcel, dry_run=True)
        assert list(empty.dataset_types) == []
        done = empty.transfers.take(parcel)
        assert {**done.as_row(), "dry_run": True} == planned.as_row()

    def test_everything_arrives_and_the_same_call_again_changes_nothing(self, source: Butler, empty: Butler) -> None:
        first = empty.transfers.take(source.transfers.parcel())
        assert (first.datasets, first.memberships) == (14, 5)
        assert self.same(source, empty)
        again = empty.transfers.take(source.transfers.parcel())
        assert (again.datasets, again.artifacts, again.known) == (0, 0, 14)
        assert empty.collections.info("chain").children == ("tag", "run1", "calib")
        assert empty.collections.info("run1").doc == "the first run"

    def test_conflicts_are_all_listed_before_anything_moves(self, source: Butler, empty: Butler) -> None:
        fill_small_camera(empty)
        for exposure in range(2):
            put_thing(empty, exposure, 0, run="run1")
        empty.dimension_records.update("detector", {"instrument": "Cam", "id": 2, "full_name": "another"})
        empty.collections.register("calib", "TAGGED")
        with pytest.raises(TransferConflictError) as caught:
            empty.transfers.take(source.transfers.parcel())
        assert {each.partition(":")[0] for each in caught.value.conflicts} >= {"collection", "record"}
        empty.collections.remove("calib")
        report = empty.transfers.take(source.transfers.parcel(), dry_run=True)
        assert sorted(each.kind for each in report.conflicts) == ["data ID", "data ID", "record"]
        assert empty.query_datasets("thing", "*", find_first=False).count() == 2

    def test_a_dataset_made_anew_comes_when_the_old_one_is_pruned_as_the_conflict_says(
        self, source: Butler, empty: Butler
    ) -> None:
        empty.transfers.take(source.transfers.parcel())
        old = source.find_dataset("thing", instrument="Cam", exposure=0, detector=0, collections="run1")
        assert old is not None
        source.remove_datasets([old])
        new = put_thing(source, 0, 0, again=True)
        with pytest.raises(
            TransferConflictError, match="`bunter prune-datasets` of the old one in 'run1' at the target"
        ):
            empty.transfers.take(source.transfers.parcel())
        empty.remove_datasets([old])
        empty.transfers.take(source.transfers.parcel())
        assert empty.get(new)["again"]

    def test_an_export_is_imported_as_it_was(self, source: Butler, empty: Butler, tmp_path: Path) -> None:
        manifest = source.export(tmp_path / "out")
        assert manifest.datasets == 14
        empty.import_(tmp_path / "out")
        assert self.same(source, empty)
        assert empty.check(deep=True).is_clean
        assert empty.import_(tmp_path / "out").datasets == 0

    def test_an_export_can_be_written_again_where_it_is(self, source: Butler, tmp_path: Path) -> None:
        source.export(tmp_path / "out", "bias")
        source.export(tmp_path / "out")
        assert len(list((tmp_path / "out").glob("tables-*"))) == 1
        assert things(Butler(tmp_path / "out")) == things(source)

    @pytest.mark.parametrize("place", ["bundle", "bundle.zip"])
    def test_a_bundle_opens_as_a_repository(self, source: Butler, empty: Butler, tmp_path: Path, place: str) -> None:
        source.bundle(tmp_path / place, licence="CC-BY-4.0", title="One night")
        with Butler(tmp_path / place) as bundle:
            assert things(bundle) == things(source)
            assert bundle.check(deep=True).is_clean
            assert bundle.collections.info("chain").children == ("tag", "run1", "calib")
            with pytest.raises(ReadOnlyError):
                bundle.collections.register("more")
            empty.transfers.take(bundle.transfers.parcel())
        assert self.same(source, empty)

    def test_members_of_an_ingested_zip_are_read_in_place(self, source: Butler, empty: Butler, tmp_path: Path) -> None:
        source.bundle(tmp_path / "all.zip")
        assert empty.ingest_zip(tmp_path / "all.zip", transfer="copy").artifacts == 1
        assert things(empty) == things(source)
        assert empty.ingest_zip(tmp_path / "all.zip").datasets == 0
        refs = list(empty.query_datasets("thing", "run1"))
        files = empty.retrieve_artifacts(refs[:2], tmp_path / "files", template="{exposure}_{detector}")
        assert [file.read_text() for file in files] == [empty.get_uri(ref).read().decode() for ref in refs[:2]]
        empty.remove_datasets(refs[:5])
        assert len(things(empty)) == 9
        empty.remove_runs("run1", unlink_from_chains=True)
        assert empty.check().artifacts == 0

    def test_a_dump_becomes_the_same_repository(self, source: Butler, tmp_path: Path) -> None:
        source.snapshots.create("before")
        source.collections.redefine_chain("chain", ["run1"])
        source.remove_datasets(list(source.query_datasets("thing", "run1", where="exposure = 3")))
        manifest = source.dump(tmp_path / "dump")
        with Butler.load(tmp_path / "dump", tmp_path / "loaded") as loaded:
            assert self.same(source, loaded)
            assert loaded.check(deep=True).is_clean
            with loaded.clone(as_of="before") as then:
                assert then.collections.info("chain").children == ("tag", "run1", "calib")
                assert then.query_datasets("thing", "run1").count() == 12
            again = loaded.dump(tmp_path / "again")
        prints = [{t.shape.name: t.copied.fingerprint for t in each.tables} for each in (manifest, again)]
        assert prints[0] == prints[1]

    def test_sites_come_to_hold_the_union_of_both(self, source: Butler, empty: Butler) -> None:
        empty.transfers.take(source.transfers.parcel(dataset_types="thing"))
        empty.collections.register("run2")
        mine = put_thing(empty, 2, 2, run="run2")
        synchronise(source, empty)
        assert self.same(source, empty)
        assert source.get(mine) == empty.get(mine)
        assert [report.datasets for report in synchronise(source, empty)] == [0, 0]

    def test_what_one_site_removed_stays_removed_there_unless_asked(self, source: Butler, empty: Butler) -> None:
        synchronise(source, empty)
        gone = list(empty.query_datasets("thing", "tag"))[:2]
        kept = empty.query_datasets("thing", "run1").count() - 2
        empty.remove_datasets(gone, purge=True)
        reports = synchronise(source, empty)
        assert [(report.datasets, report.memberships, report.removed) for report in reports] == [(0, 0, 2), (0, 0, 0)]
        assert empty.query_datasets("thing", "run1").count() == kept
        assert source.query_datasets("thing", "run1").count() == kept + 2
        reports = synchronise(source, empty, restore=True)
        assert [(report.datasets, report.memberships) for report in reports] == [(2, 2), (0, 0)]
        assert self.same(source, empty)

    def test_what_one_site_took_out_of_collections_does_not_come_back_from_the_other(
        self, source: Butler, empty: Butler
    ) -> None:
        synchronise(source, empty)
        tagged, biases = (sorted(empty.query_datasets(kind, run)) for kind, run in (("thing", "tag"), ("bias", "run1")))
        empty.collections.disassociate("tag", tagged[:1])
        empty.collections.decertify("calib", "bias", Timespan(T0_NS + 20, T0_NS + 30))
        empty.collections.remove_from_chain("chain", ["tag"])
        source.collections.register("empty", "TAGGED")
        synchronise(source, empty)
        empty.collections.remove("empty")
        before = [state_of(butler) for butler in (source, empty)]
        to_empty, to_source = synchronise(source, empty)
        assert [state_of(butler) for butler in (source, empty)] == before
        assert to_source.withheld == ()
        assert {"the collection 'empty'", "'tag' in the chain 'chain'", "1 'thing' in 'tag'"} < set(to_empty.withheld)
        assert any("'bias' in 'calib'" in each for each in to_empty.withheld)
        source.collections.associate("tag", [next(iter(source.query_datasets("thing", "run1", where="exposure = 3")))])
        synchronise(source, empty)
        assert empty.query_datasets("thing", "tag").count() == len(tagged)
        synchronise(source, empty, restore=True)
        assert source.query_datasets("thing", "tag").count() == empty.query_datasets("thing", "tag").count()
        assert "empty" in empty.collections.query()
        assert "tag" in empty.collections.info("chain").children
        assert biases

    def test_chains_that_sites_have_in_another_order_are_told_and_left(self, source: Butler, empty: Butler) -> None:
        synchronise(source, empty)
        assert [report.unlike for report in synchronise(source, empty)] == [(), ()]
        empty.collections.redefine_chain("chain", ["run1", "tag", "calib"])
        source.collections.set_doc("tag", "as we see it")
        empty.collections.set_doc("tag", "as they see it")
        for dry_run in (True, False):
            there, back = synchronise(source, empty, dry_run=dry_run)
            assert set(there.unlike) == {
                "the order of the chain 'chain' (run1, tag, calib)",
                "the description of 'tag'",
            }
            assert back.unlike == ()
            assert "otherwise there, and staying so: the " in str(there)
        assert source.collections.info("chain").children == ("tag", "run1", "calib")

    def test_a_run_that_one_site_removed_comes_with_new_datasets_only(self, source: Butler, empty: Butler) -> None:
        synchronise(source, empty)
        empty.remove_runs("run1", unlink_from_chains=True)
        synchronise(source, empty)
        assert empty.collections.query("run1") == []
        new = source.put({"d": 2}, "bias", instrument="Cam", detector=2, run="run1")
        synchronise(source, empty)
        assert [ref.id for ref in empty.query_datasets("bias", "run1")] == [new.id]
        assert empty.query_datasets("thing", "run1").count() == 0

    def test_who_made_a_dataset_is_told_wherever_it_is_brought(
        self, source: Butler, empty: Butler, tmp_path: Path
    ) -> None:
        with source.activity("first light", kind="observing", moon="new"):
            ref = source.put({"d": 2}, "bias", instrument="Cam", detector=2, run="run1")
        synchronise(source, empty)
        told = empty.origin(ref)
        assert told.activity is not None
        assert told.made_by is not None
        assert (told.activity.kind, told.made_by.kind, told.made_by.label) == ("transfer", "observing", "first light")
        assert told.made_by.facts["moon"] == "new"
        assert source.origin(ref).made_by is None
        synchronise(source, empty)
        assert source.origin(ref).made_by is None
        empty.export(tmp_path / "out")
        with Butler.create(tmp_path / "third") as third:
            for _ in range(2):
                third.import_(tmp_path / "out")
            again = third.origin(ref)
            assert again.made_by is not None
            assert (again.activity.kind if again.activity else "", again.made_by.label) == ("import", "first light")
            assert len(third.activities(kinds=("observing",))) == 1

    def test_a_site_that_knows_a_type_and_has_none_of_it_is_brought_them(self, source: Butler, empty: Butler) -> None:
        fill_small_camera(empty)
        reports = synchronise(source, empty, "thing", where="exposure = 2")
        assert [report.datasets for report in reports] == [3, 0]
        assert [report.datasets for report in synchronise(source, empty, "thing", where="exposure = 2")] == [0, 0]

    @pytest.mark.parametrize("names", [None, ["run1", "late"]])
    def test_a_run_that_goes_meanwhile_stays_behind(
        self, source: Butler, empty: Butler, names: list[str] | None
    ) -> None:
        source.collections.register("late")
        source.put({"d": 2}, "bias", instrument="Cam", detector=2, run="late")
        parcel = source.transfers.parcel("bias", names)
        assert "late" in {info.name for info in parcel.collections()}
        source.remove_runs("late")
        assert empty.transfers.take(parcel).datasets == source.query_datasets("bias", "run1").count()
        assert "late" not in empty.collections.query()

    def test_a_question_says_what_sites_exchange(self, source: Butler, empty: Butler) -> None:
        reports = synchronise(source, empty, "thing", "run1", where="exposure = 2")
        assert [report.datasets for report in reports] == [3, 0]
        assert empty.query_datasets("thing", "run1").count() == 3
        assert [report.datasets for report in synchronise(source, empty)] == [11, 0]
        assert self.same(source, empty)

    def test_a_byte_changed_in_an_export_is_found(self, source: Butler, empty: Butler, tmp_path: Path) -> None:
        source.export(tmp_path / "out")
        # Sorted: what comes in before a damaged file stays in, and is not read again.
        files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
        for path in files:
            content = path.read_bytes()
            middle = len(content) // 2
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
            with pytest.raises((ExportFileError, FileIntegrityError)):
                empty.import_(tmp_path / "out", transfer="copy")
            path.write_bytes(content)
        empty.import_(tmp_path / "out", transfer="copy")
        assert self.same(source, empty)
