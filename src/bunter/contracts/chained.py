"""What a repository promises whose datastore is a chain: subclass `ChainContract` and supply a ``make`` fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef, FileDataset
from bunter.datastore import MAIN, MemoryStore
from bunter.errors import ConfigurationError, ConflictingDatasetError
from bunter.values import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.datastore import Stat

    Make = Callable[[dict[str, Any]], Butler]

__all__ = ["ChainContract"]

SCRATCH = {"kind": "memory", "constraints": {"accept": ["note"]}}


def filled(butler: Butler) -> Butler:
    """Give an empty repository two dataset types and a run."""
    fill_dimensions(butler)
    butler.dataset_types.register("thing", ["instrument", "detector"], "StructuredDataDict")
    butler.dataset_types.register("note", ["instrument", "detector"], "StructuredDataDict")
    butler.collections.register("run1")
    return butler


def put(butler: Butler, kind: str = "thing", detector: int = 0, **content: object) -> DatasetRef:
    """Store a dictionary."""
    return butler.put({"d": detector, **content}, kind, instrument="Cam", detector=detector, run="run1")


def where(butler: Butler, ref: DatasetRef) -> str:
    """Return the store that is recorded for a dataset."""
    return butler.get_uris([ref])[0][0].stored.datastore


def there(butler: Butler, ref: DatasetRef, name: str) -> bool:
    """Say whether a store has the artifact of a dataset."""
    key = butler.get_uris([ref])[0][0].stored.key
    return butler.datastore.stores[name].stat_many([key])[0] is not None


class ChainContract:
    """Promises of a chain.

    A subclass has a fixture ``make`` that makes an empty repository with the datastore configuration that it is given.
    """

    def test_each_dataset_goes_to_the_first_store_that_takes_it(self, make: Make) -> None:
        butler = filled(make({"stores": {"scratch": SCRATCH}, "order": ["scratch"]}))
        note, thing = put(butler, "note"), put(butler, "thing")
        assert (where(butler, note), where(butler, thing)) == ("scratch", MAIN)
        assert butler.get(note) == butler.get(thing) == {"d": 0}
        assert all(butler.exists_many([note, thing]))
        assert butler.check(deep=True).is_clean

    def test_constraints_by_instrument_are_kept(self, make: Make) -> None:
        mine = {"kind": "memory", "constraints": {"accept": ["instrument<Cam>"]}}
        other = {"kind": "memory", "constraints": {"accept": ["instrument<Other>"]}}
        butler = filled(make({"stores": {"other": other, "mine": mine}, "order": ["other", "mine"]}))
        assert where(butler, put(butler)) == "mine"

    def test_what_no_store_takes_is_refused_in_one_sentence(self, make: Make) -> None:
        butler = filled(make({"constraints": {"reject": ["thing"]}, "stores": {"scratch": SCRATCH}}))
        with pytest.raises(ConfigurationError, match=r"'thing'.*\(main, scratch\)"):
            put(butler)
        assert butler.check().is_clean

    def test_a_keeper_of_copies_gets_everything_and_gives_back_what_is_lost(self, make: Make) -> None:
        butler = filled(make({"stores": {"second": {"kind": "memory", "copies": True}}}))
        ref = put(butler)
        assert where(butler, ref) == MAIN
        assert there(butler, ref, "second")
        key = butler.get_uris([ref])[0][0].stored.key
        assert butler.datastore.stores[MAIN].delete_many([key]) == {}
        assert butler.get(ref) == {"d": 0}
        assert butler.exists(ref)
        assert butler.get_uri(ref).read()

    def test_removed_datasets_go_from_all_their_stores(self, make: Make) -> None:
        butler = filled(
            make({"stores": {"second": {"kind": "memory", "copies": True}, "scratch": SCRATCH}, "order": ["scratch"]})
        )
        refs = [put(butler), put(butler, "note")]
        butler.remove_datasets(refs)
        assert [key for store in butler.datastore.stores.values() for key, _ in store.walk()] == []
        assert butler.check(deep=True).is_clean

    def test_a_discarded_transaction_leaves_nothing_in_any_store(self, make: Make) -> None:
        butler = filled(make({"stores": {"second": {"kind": "memory", "copies": True}}}))
        with pytest.raises(RuntimeError), butler.transaction():  # noqa: PT012 - the block is what fails
            put(butler)
            raise RuntimeError
        assert [key for store in butler.datastore.stores.values() for key, _ in store.walk()] == []
        assert butler.check().is_clean

    def test_within_a_transaction_a_dataset_is_read_from_its_store(self, make: Make) -> None:
        butler = filled(make({"stores": {"scratch": SCRATCH}, "order": ["scratch"]}))
        with butler.transaction():
            ref = put(butler, "note")
            assert butler.get(ref) == {"d": 0}
        assert butler.get(ref) == {"d": 0}

    def test_equal_content_is_known_again_and_other_content_refused(self, make: Make) -> None:
        butler = filled(make({"stores": {"second": {"kind": "memory", "copies": True}}}))
        ref = put(butler)
        assert put(butler) == ref
        assert len(list(butler.datastore.stores["second"].walk())) == 1
        assert butler.check(deep=True).is_clean

    def test_files_are_ingested_where_their_datasets_belong(self, make: Make, tmp_path: Path) -> None:
        stores = {"second": {"kind": "memory", "copies": True}, "scratch": SCRATCH}
        butler = filled(make({"stores": stores, "order": ["scratch"]}))
        files = []
        for kind in ("thing", "note"):
            (tmp_path / f"{kind}.json").write_text('{"d": 5}')
            data_id = butler.standardize({"instrument": "Cam", "detector": 1}, ["instrument", "detector"])
            ref = DatasetRef(new_id(), butler.dataset_types.get(kind), data_id, "run1")
            files.append(FileDataset(str(tmp_path / f"{kind}.json"), [ref]))
        thing, note = butler.ingest(*files, transfer="copy")
        assert (where(butler, thing), where(butler, note)) == (MAIN, "scratch")
        assert there(butler, thing, "second")
        assert there(butler, note, "second")
        assert butler.get(thing) == butler.get(note) == {"d": 5}
        assert butler.check(deep=True).is_clean

    def test_a_read_only_store_is_read_and_never_changed(self, make: Make, tmp_path: Path) -> None:
        release = {"root": str(tmp_path / "release"), "read_only": True}
        butler = filled(make({"stores": {"release": release}}))
        ref = put(butler)
        key = butler.get_uris([ref])[0][0].stored.key
        content = butler.datastore.stores[MAIN].read(key)[0]
        (tmp_path / "release" / key).parent.mkdir(parents=True)
        (tmp_path / "release" / key).write_bytes(content)
        butler.datastore.stores[MAIN].delete_many([key])
        assert butler.get(ref) == {"d": 0}
        assert butler.check(deep=True).is_clean
        butler.remove_datasets([ref])
        assert (tmp_path / "release" / key).read_bytes() == content
        assert butler.check().is_clean

    def test_objects_in_memory_are_copied_as_they_come_and_go(self, make: Make) -> None:
        ram = {"kind": "memory", "objects": "copied", "constraints": {"accept": ["note"]}}
        butler = filled(make({"stores": {"ram": ram}, "order": ["ram"]}))
        given = {"list": [1, 2]}
        ref = butler.put(given, "note", instrument="Cam", detector=0, run="run1")
        given["list"].append(3)
        butler.get(ref)["list"].append(4)
        assert butler.get(ref) == {"list": [1, 2]}
        assert butler.put({"list": [1, 2]}, "note", instrument="Cam", detector=0, run="run1") == ref
        with pytest.raises(ConflictingDatasetError):
            butler.put({"list": [1]}, "note", instrument="Cam", detector=0, run="run1")
        assert butler.check(deep=True).is_clean

    def test_objects_that_are_handed_over_are_the_same(self, make: Make) -> None:
        ram = {"kind": "memory", "objects": "handed-over", "constraints": {"accept": ["note"]}}
        butler = filled(make({"stores": {"ram": ram}, "order": ["ram"]}))
        given = {"anything": object()}
        ref = butler.put(given, "note", instrument="Cam", detector=0, run="run1")
        assert butler.get(ref) is given
        butler.remove_datasets([ref])
        assert list(butler.datastore.stores["ram"].walk()) == []

    def test_places_of_many_datasets_are_asked_in_bulk(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        butler = filled(make({"stores": {"second": {"kind": "memory", "copies": True}}}))
        refs = [put(butler, detector=d) for d in range(3)]
        asked = []
        look = MemoryStore.stat_many

        def watched(store: MemoryStore, keys: Sequence[str]) -> list[Stat | None]:
            asked.append(len(keys))
            return look(store, keys)

        monkeypatch.setattr(MemoryStore, "stat_many", watched)
        uris = butler.get_uris(refs)
        assert [len(each) for each in uris] == [1, 1, 1]
        assert set(asked) <= {3}
