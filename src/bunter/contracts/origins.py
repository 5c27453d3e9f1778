"""What every repository promises of stored headers, origins and activities, as tests."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from bunter.contracts.annotations import AnnotatedRepository
from bunter.dataset import DatasetRef, FileDataset
from bunter.errors import DatasetNotFoundError, FormatError, MetadataError

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler

__all__ = ["OriginContract"]


class OriginContract(AnnotatedRepository):
    """Promises about headers, origins and activities; fixtures as for `AnnotatedRepository`."""

    # Headers

    def test_a_header_is_kept_where_it_is_wanted(self, butler: Butler) -> None:
        kept = self.image(butler, 0, {"AIRMASS": 1.2, "OBJECT": "M67"}, header=True)
        plain = self.image(butler, 1, {"AIRMASS": 1.2})
        assert self.found(butler, "frame.header.AIRMASS < 1.4", "frame") == [0]
        assert list(butler.headers([kept, plain], ["AIRMASS"])["AIRMASS"].mask) == [False, True]
        with pytest.raises(MetadataError, match="no header cards"):
            self.put(butler, header=True)
        assert butler.check().is_clean

    def test_a_kept_header_is_that_of_the_file_and_needs_no_file(self, butler: Butler) -> None:
        cards = {
            "AIRMASS": (1.2, "start"),
            "OBJECT": "it's M 67",
            "HIERARCH ESO TEL AIRM START": (1.19, "long name"),
            "EMPTY": None,
            "FLAG": True,
            "LONG": "x" * 100,
        }
        plain = self.image(butler, 1, cards)
        kept = self.image(butler, 0, cards, header=True)
        of_file = butler.get(plain.part("header"))
        butler.datastore.delete([butler.locate([kept.id.bytes])[0][0].key])
        header = butler.get("frame.header", exposure=0, detector=0, collections="run1")
        assert header.tostring() == of_file.tostring()
        assert header.comments["AIRMASS"] == "start"
        for where in (
            'frame.header."ESO TEL AIRM START" < 1.2',
            'frame.header."HIERARCH ESO TEL AIRM START" < 1.2',
            "frame.header.airmass = 1.2",
            "frame.header.FLAG",
            "frame.header.OBJECT = 'it''s M 67'",
            f"frame.header.LONG = '{'x' * 100}'",
            "frame.header.EMPTY IS NULL",
        ):
            assert self.found(butler, f"({where}) AND exposure = 0", "frame") == [0], where

    def test_headers_share_what_they_have_in_common(self, butler: Butler, tmp_path: Path) -> None:
        refs = self.ingest(butler, tmp_path, [{"A": 1, "B": "x"}, {"A": 1.0, "C": 2}, {"A": True}])
        table = butler.headers(refs, ["A", "B", "C"])
        assert [table["A"][n] for n in range(3)] == [1, 1.0, True]
        assert [self.found(butler, f"frame.header.{name} IS NULL", "frame") for name in "ABC"] == [[], [1, 2], [0, 2]]
        assert self.found(butler, "frame.header.A = 1", "frame") == [0, 1]
        assert self.found(butler, "frame.header.A", "frame") == [2]
        butler.remove_datasets(refs[:1])
        assert butler.get(refs[1].part("header"))["C"] == 2
        butler.remove_datasets(refs[1:])
        again = self.ingest(butler, tmp_path / "again", [{"A": 5}])
        assert butler.headers(again, ["A"])["A"][0] == 5

    def test_headers_kept_one_by_one_are_each_what_they_were(self, butler: Butler) -> None:
        cards = [
            {
                "TELESCOP": "T",
                "OBSERVER": "o" * 40,
                "FILTER": "r",
                "SITE": 3,
                "AIRMASS": 1.0 + n,
                f"N{n}": n,
                "EVEN": not n % 2,
            }
            for n in range(4)
        ]
        refs = [self.image(butler, n, each, header=True) for n, each in enumerate(cards)]
        table = butler.headers(refs, ["TELESCOP", "AIRMASS", "N0", "N3", "EVEN"])
        assert list(table["AIRMASS"]) == [1.0, 2.0, 3.0, 4.0]
        assert list(table["N0"].mask) == [False, True, True, True]
        assert list(table["N3"].mask) == [True, True, True, False]
        assert [bool(value) for value in table["EVEN"]] == [True, False, True, False]
        assert self.found(butler, "frame.header.N3 = 3 AND frame.header.SITE = 3", "frame") == [3]
        assert self.found(butler, "frame.header.N0 IS NULL", "frame") == [1, 2, 3]
        for ref, each in zip(refs, cards, strict=True):
            header = butler.get(ref.part("header"))
            assert {name: header[name] for name in each} == each
        butler.remove_datasets(refs[:1])
        assert butler.get(refs[2].part("header"))["AIRMASS"] == 3.0
        butler.remove_datasets(refs[1:])
        again = self.image(butler, 0, cards[0], header=True)
        assert butler.get(again.part("header"))["SITE"] == 3

    def test_headers_metadata_origins_and_activities_have_views(self, butler: Butler, tmp_path: Path) -> None:
        refs = self.ingest(butler, tmp_path, [{"A": 1, "B": "x"}, {"A": 2, "C": True}])
        butler.set_metadata(refs[0], {"flag": "good"})
        cards = {row[0]: json.loads(row[1]) for row in butler.sql("SELECT id, cards FROM v1_header")}
        assert {key: cards[str(refs[0].id)].get(key) for key in "ABC"} == {"A": 1, "B": "x", "C": None}
        assert {key: cards[str(refs[1].id)].get(key) for key in "ABC"} == {"A": 2, "B": None, "C": True}
        ((id_, document, kind, run),) = butler.sql("SELECT id, document, dataset_type, run FROM v1_metadata").rows
        assert (id_, json.loads(document), kind, run) == (str(refs[0].id), {"flag": "good"}, "frame", "run1")
        origins = butler.sql("SELECT id, name, size FROM v1_origin ORDER BY name").rows
        assert [row[:2] for row in origins] == [(str(refs[0].id), "f0.fits"), (str(refs[1].id), "f1.fits")]
        assert all(row[2] > 0 for row in origins)
        activity = butler.origin(refs[0]).activity
        assert activity is not None
        sql = (
            "SELECT a.activity_number, a.kind FROM v1_activity a JOIN v1_change c "
            "ON c.activity_number = a.activity_number JOIN v1_dataset d ON d.change_number = c.change_number"
        )
        assert set(butler.sql(sql).rows) == {(activity.number, activity.kind)}
        assert butler.sql("SELECT count(*) FROM v1_packer").rows == [(0,)]
        assert butler.sql("SELECT count(*) FROM v1_migration").rows == [(0,)]

    @staticmethod
    def ingest(butler: Butler, folder: Path, cards: list[dict[str, Any]], **more: Any) -> list[DatasetRef]:
        import numpy as np
        from astropy.io import fits

        from bunter.butler.publishing import new_refs

        folder.mkdir(exist_ok=True)
        kind = butler.dataset_types.get("frame")
        data_ids = [
            butler.standardize({"exposure": e, "detector": 0}, kind.dimensions.required) for e in range(len(cards))
        ]
        files = []
        for number, (values, ref) in enumerate(zip(cards, new_refs(kind, data_ids, "run1"), strict=True)):
            path = folder / f"f{number}.fits"
            fits.PrimaryHDU(np.full((3, 3), number, np.int16), fits.Header(values)).writeto(path)
            files.append(FileDataset(str(path), [ref]))
        return butler.ingest(*files, **{"header": True, "transfer": "copy", **more})

    def test_a_file_without_header_is_refused_before_anything_happens(self, butler: Butler, tmp_path: Path) -> None:
        from bunter.butler.publishing import new_refs
        from bunter.errors import IngestError

        (tmp_path / "x.fits").write_text("no FITS")
        kind = butler.dataset_types.get("frame")
        ref = new_refs(kind, [butler.standardize({"exposure": 0, "detector": 0}, kind.dimensions.required)], "run1")[0]
        with pytest.raises((IngestError, FormatError), match="header"):
            butler.ingest(FileDataset(str(tmp_path / "x.fits"), [ref]), header=True, transfer="move")
        assert (tmp_path / "x.fits").exists()
        assert butler.query_datasets("frame").count() == 0

    # Origin and activities

    def test_every_dataset_has_an_origin(self, butler: Butler) -> None:
        ref = self.put(butler)
        origin = butler.origin(ref)
        assert origin.activity is not None
        assert origin.activity.kind == "session"
        assert origin.activity.code["bunter"]
        assert (origin.user, origin.host) == (origin.activity.user, origin.activity.host)
        assert origin.path is None
        assert butler.origin(self.put(butler, 1)).activity == origin.activity
        with pytest.raises(DatasetNotFoundError):
            butler.origin(DatasetRef(UUID(int=1), ref.dataset_type, ref.data_id, ref.run))

    def test_a_session_writes_its_activity_once(self, butler: Butler) -> None:
        self.put(butler, 0, 0)
        before = butler.repository.statements  # type: ignore[attr-defined]
        self.put(butler, 1, 0)
        first = butler.repository.statements - before  # type: ignore[attr-defined]
        other = butler.clone()
        before = other.repository.statements  # type: ignore[attr-defined]
        self.put(other, 2, 0)
        assert len(butler.activities()) == 2
        again = other.repository.statements  # type: ignore[attr-defined]
        self.put(other, 3, 0)
        assert other.repository.statements - again <= first  # type: ignore[attr-defined]

    def test_what_is_written_in_a_block_belongs_to_its_activity(self, butler: Butler) -> None:
        with butler.activity("reduce night 3", kind="reduction", night=3, from_=["a", "b"]):
            ref = self.put(butler)
            with butler.activity("inner"):
                inner = self.put(butler, 1)
        after = self.put(butler, 2)
        act = butler.origin(ref).activity
        assert act is not None
        assert (act.kind, act.label, act.outcome) == ("reduction", "reduce night 3", "done")
        assert act.facts == {"night": 3, "from_": ["a", "b"]}
        assert act.ended is not None
        assert act.ended >= act.began
        assert butler.origin(inner).activity.facts == {"within": "reduce night 3"}  # type: ignore[union-attr]
        assert butler.origin(after).activity.kind == "session"  # type: ignore[union-attr]
        assert self.found(butler, "thing.activity_label = 'reduce night 3'") == [0]
        assert self.found(butler, f"thing.activity = {act.number}") == [0]

    def test_an_activity_that_fails_says_so(self, butler: Butler) -> None:
        def fail() -> None:
            refs.append(self.put(butler))
            raise ZeroDivisionError

        refs: list[DatasetRef] = []
        with pytest.raises(ZeroDivisionError), butler.activity("bad"):
            fail()
        (ref,) = refs
        assert butler.origin(ref).activity.outcome == "failed"  # type: ignore[union-attr]
        with pytest.raises(ZeroDivisionError), butler.activity("nothing"):
            _ = 1 / 0
        assert "nothing" not in {act.label for act in butler.activities()}

    def test_activities_of_threads_are_their_own(self, butler: Butler) -> None:
        refs: dict[int, DatasetRef] = {}

        def work(number: int) -> None:
            with butler.activity(f"thread {number}"):
                refs[number] = self.put(butler, number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [butler.origin(refs[n]).activity.label for n in range(4)] == [f"thread {n}" for n in range(4)]  # type: ignore[union-attr]

    def test_activities_are_filtered(self, butler: Butler) -> None:
        for label in ("a1", "a2", "b1"):
            with butler.activity(label, kind="work" if label != "a2" else "play"):
                self.put(butler, int(label[1]), "ab".index(label[0]))
        assert [act.label for act in butler.activities(label="a*")] == ["a2", "a1"]
        assert [act.label for act in butler.activities(kinds=("play",))] == ["a2"]
        newest = butler.activities(limit=1)[0]
        assert newest.label == "b1"
        assert butler.activities(numbers=(newest.number,))[0].datasets == 1
        assert butler.activities(before=0) == []

    def test_a_bad_fact_is_refused_before_the_block(self, butler: Butler) -> None:
        with pytest.raises(MetadataError, match="thing"), butler.activity("x", thing=object()):
            pytest.fail("not reached")
        with pytest.raises(MetadataError, match="word"), butler.activity("x", kind="Not a word"):
            pytest.fail("not reached")

    def test_an_ingested_file_says_where_it_came_from(self, butler: Butler, tmp_path: Path) -> None:
        (ref,) = self.ingest(butler, tmp_path / "night", [{"A": 1}], transfer="move")
        origin = butler.origin(ref)
        assert origin.path == str(tmp_path / "night" / "f0.fits")
        assert origin.size == 5760
        assert origin.modified
        assert origin.activity is not None
        assert (origin.activity.kind, origin.activity.facts["files"]) == ("ingest", 1)

    def test_removal_takes_all_of_it_away(self, butler: Butler, tmp_path: Path) -> None:
        (ref,) = self.ingest(butler, tmp_path / "night", [{"A": 1}])
        butler.set_metadata(ref, {"n": 1})
        butler.remove_datasets([ref])
        assert butler.metadata_history(ref) == []
        assert butler.headers([ref], ["A"])["A"].mask.all()
        with pytest.raises(DatasetNotFoundError):
            butler.origin(ref)
