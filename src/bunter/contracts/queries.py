"""What every repository promises about questions: joins, what is missing, groups, pages, tables of data IDs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from bunter.butler import Search
from bunter.dataset import CollectionType
from bunter.errors import DimensionNameError, DimensionValueError, InvalidQueryError
from bunter.geometry import Region
from bunter.query import count_distinct, x
from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.butler import Butler

__all__ = ["QueryContract", "fill_survey"]

HOUR = 3600 * 10**9
T0 = 1_767_225_637 * 10**9
ORDERS = [
    (),
    ("-visit",),
    ("visit.target_name", "-detector"),
    ("-visit.target_name",),
    ("image.id",),
    ("visit", "detector"),
]


def fill_survey(butler: Butler) -> None:
    """Fill an empty repository: six visits of two detectors, a sky map, calibrations, two runs."""
    insert = butler.dimension_records.insert
    insert("instrument", {"name": "Cam", "visit_system": 0})
    insert("physical_filter", [{"instrument": "Cam", "name": f"Cam-{b}", "band": b} for b in "gr"])
    insert("detector", [{"instrument": "Cam", "id": d, "full_name": f"D{d}"} for d in range(2)])
    insert("day_obs", [{"instrument": "Cam", "id": 20260101}])
    insert("visit", [_visit(n) for n in range(6)])
    insert(
        "visit_detector_region",
        [
            {"instrument": "Cam", "visit": n, "detector": d, "region": Region.box(10 + n + 0.5 * d, 0, 0.4, 0.4)}
            for n in range(6)
            for d in range(2)
        ],
    )
    insert("skymap", {"name": "s", "hash": b"1" * 20, "tract_max": 3, "patch_nx_max": 2, "patch_ny_max": 1})
    insert("tract", [{"skymap": "s", "id": t, "region": Region.box(11 + 2 * t, 0, 2, 2)} for t in range(3)])
    insert(
        "patch",
        [
            {"skymap": "s", "tract": t, "id": 0, "cell_x": 0, "cell_y": 0, "region": Region.box(11 + 2 * t, 0, 2, 2)}
            for t in range(3)
        ],
    )
    kind = "StructuredDataDict"
    register = butler.dataset_types.register
    register("image", ["instrument", "visit", "detector"], kind)
    register("src", ["instrument", "visit", "detector"], kind)
    register("summary", ["instrument", "visit"], kind)
    register("coadd", ["skymap", "tract", "patch", "band"], kind)
    register("bias", ["instrument", "detector"], kind, is_calibration=True)
    for run in ("A", "B", "calib/run1", "calib/run2"):
        butler.collections.register(run)
    with butler.transaction():
        for n in range(6):
            butler.put({"n": n}, "summary", visit=n, run="A")
            for d in range(2):
                butler.put({"n": n}, "image", visit=n, detector=d, run="A")
                if (n + d) % 2:
                    butler.put({"n": n}, "src", visit=n, detector=d, run="A")
                butler.put({"n": -n}, "src", visit=n, detector=d, run="B")
        for tract, band in ((0, "g"), (1, "r")):
            butler.put({}, "coadd", skymap="s", tract=tract, patch=0, band=band, run="A")
    _certify(butler)


def _certify(butler: Butler) -> None:
    butler.collections.register("calib", CollectionType.CALIBRATION)
    for run, begin, end in (("calib/run1", 0, 2), ("calib/run2", 2, 4)):
        refs = [butler.put({"run": run}, "bias", detector=d, run=run) for d in range(2)]
        butler.collections.certify("calib", refs, Timespan(T0 + begin * HOUR, T0 + end * HOUR))


def _visit(n: int) -> dict[str, Any]:
    return {
        "instrument": "Cam",
        "id": n,
        "name": f"v{n}",
        "physical_filter": f"Cam-{'gr'[n % 2]}",
        "day_obs": 20260101,
        "exposure_time": 15.0 * n,
        "target_name": None if n == 5 else f"T{n % 2}",
        "timespan": (T0 + n * HOUR, T0 + n * HOUR + HOUR // 2),
        "region": Region.box(10.25 + n, 0, 1, 0.5),
    }


def _keys(rows: Iterable[Any]) -> list[tuple[Any, Any]]:
    return [(row["visit"], row["detector"]) for row in rows]


def _parts(question: Any) -> dict[str, Any]:
    return {name: getattr(question, name) for name in question.__slots__}


class QueryContract:
    """Promises about questions.

    A subclass has a fixture ``empty`` of class scope that yields a writeable `Butler` on an empty repository.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def butler(cls, empty: Butler) -> Butler:
        fill_survey(empty)
        return empty

    def test_a_row_has_one_dataset_of_each_type_whatever_their_dimensions(self, butler: Butler) -> None:
        rows = list(butler.query_joined("summary", "image", collections="A", order_by=["visit", "detector"]))
        assert [(d["visit"], d["detector"]) for d, _, _ in rows] == [(n, d) for n in range(6) for d in range(2)]
        for data_id, summary, image in rows:
            assert summary.data_id["visit"] == image.data_id["visit"] == data_id["visit"]
            assert image.data_id["detector"] == data_id["detector"]

    def test_coadds_join_by_overlap_and_band(self, butler: Butler) -> None:
        rows = list(butler.query_joined("image", "coadd", collections="A"))
        assert rows
        for data_id, image, coadd in rows:
            assert data_id["band"] == coadd.data_id["band"] == "gr"[data_id["visit"] % 2]
            assert image.data_id["visit"] == data_id["visit"]
        found = {(d["visit"], d["detector"], d["tract"]) for d, _, _ in rows}
        assert found == {(0, 0, 0), (0, 1, 0), (2, 0, 0), (3, 0, 1), (3, 1, 1)}

    def test_one_type_from_two_collections(self, butler: Butler) -> None:
        rows = list(butler.query_joined(Search("src", "A", name="a"), Search("src", "B", name="b")))
        assert len(rows) == 6
        assert all(a.run == "A" and b.run == "B" and a.data_id == b.data_id for _, a, b in rows)
        table = butler.query_joined(
            Search("src", "A", name="a"), Search("src", "B", name="b"), where="a.run != b.run"
        ).to_table()
        assert table.colnames[-4:] == ["a.id", "a.run", "b.id", "b.run"]
        assert len(table) == 6

    def test_optional_datasets_are_none_where_they_are_missing(self, butler: Butler) -> None:
        rows = list(
            butler.query_joined("image", Search("src", optional=True), collections="A", order_by=["visit", "detector"])
        )
        assert len(rows) == 12
        assert [src is None for _, _, src in rows] == [(d["visit"] + d["detector"]) % 2 == 0 for d, _, _ in rows]
        without = butler.query_joined("image", Search("src", optional=True), collections="A", where="src.id IS NULL")
        assert without.count() == 6

    def test_what_is_missing_is_found(self, butler: Butler) -> None:
        missing: Any = butler.query_missing("src", of="image", collections="A", where="band = 'g'", order_by="visit")
        assert _keys(ref.data_id for ref in missing) == [(0, 0), (2, 0), (4, 0)]
        assert missing.count() == 3
        assert not butler.query_missing("src", of="image", collections=["A", "B"]).any()
        assert butler.query_missing(Search("src", "A"), of=Search("image", "A")).count() == 6
        assert butler.query_missing("src", of="visit", collections="A").count() == 0
        assert butler.query_missing("src", of=["visit", "detector"], collections="A", visit=1).count() == 1
        assert butler.query_missing("coadd", of=["tract", "band"], collections="A").count() == 4
        with pytest.raises(InvalidQueryError, match="related by their regions only"):
            butler.query_missing("coadd", of="image")

    def test_calibrations_are_those_of_the_rows_time(self, butler: Butler) -> None:
        rows = list(butler.query_joined("image", "bias"))
        assert {d["visit"]: bias.run for d, _, bias in rows} == {n: f"calib/run{1 + n // 2}" for n in range(4)}
        rows = list(butler.query_joined("image", Search("bias", optional=True), order_by="visit"))
        assert [bias is None for _, _, bias in rows] == [False] * 8 + [True] * 4
        missing: Any = butler.query_missing("bias", of="image")
        assert sorted({ref.data_id["visit"] for ref in missing}) == [4, 5]

    def test_groups_are_summed_up(self, butler: Butler) -> None:
        images = butler.query_datasets("image", "A")
        found = images.group_by("band").aggregate(
            n="count(*)",
            visits=count_distinct(x.visit),
            first="min(visit.timespan.begin)",
            mean="avg(visit.exposure_time)",
        )
        assert found.order_by("-band").to_arrow().to_pylist() == [
            {"band": "r", "n": 6, "visits": 3, "first": T0 + HOUR, "mean": 45.0},
            {"band": "g", "n": 6, "visits": 3, "first": T0, "mean": 30.0},
        ]
        assert found.count() == len(found) == 2
        assert [row["band"] for row in found.order_by("band").limit(1)] == ["g"]
        table = found.order_by("band").to_table()
        assert table["first"][0].utc.isot == "2026-01-01T00:00:00.000"
        assert images.aggregate(n="count(*)").one() == {"n": 12}
        assert images.group_by("visit").count().order_by("visit").first() == {"visit": 0, "count": 2}
        assert [row["band"] for row in images.distinct("band").order_by("band")] == ["g", "r"]
        assert (
            images.group_by(target=x.visit.target_name).count().order_by("target").to_arrow().to_pylist()[-1]["target"]
            is None
        )
        with pytest.raises(InvalidQueryError, match="did you mean 'band'"):
            list(images.group_by("band").count().order_by("bnd"))
        with pytest.raises(InvalidQueryError, match="leave out limit"):
            images.limit(3).group_by("band").count()

    def test_columns_are_chosen(self, butler: Butler) -> None:
        table = butler.query_datasets("image", "A", order_by=["-visit", "detector"]).select(
            "visit", "detector.full_name", t="visit.timespan"
        )
        rows = table.limit(3).to_arrow().to_pylist()
        assert [row["visit"] for row in rows] == [5, 5, 4]
        assert rows[0]["detector.full_name"] == "D0"
        assert rows[0]["t_begin"] == T0 + 5 * HOUR

    def test_slices_and_order(self, butler: Butler) -> None:
        images = butler.query_datasets("image", "A", order_by=["visit", "-detector"])
        assert _keys(ref.data_id for ref in images[1:4]) == [(0, 0), (1, 1), (1, 0)]
        assert len(images[:]) == len(images[-20:]) == 12
        assert images.limit(3)[1:10] == images[1:3]
        assert images[5:5] == []
        assert _keys(r.data_id for r in images.order_by(x.visit.exposure_time.desc, "detector")[:2]) == [(5, 0), (5, 1)]
        by_name = butler.query_dimension_records("visit", order_by=["-target_name", "visit"])
        assert [record.id for record in by_name] == [1, 3, 0, 2, 4, 5]
        for name in ("image.ingest_date", "image.run", "image.collection", "-image.id", "ingest_date"):
            assert len(list(butler.query_datasets("image", "A", order_by=name))) == 12

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("size", [1, 5, 12, 50])
    def test_pages_add_up_to_the_whole(self, butler: Butler, order: tuple[str, ...], size: int) -> None:
        images = butler.query_datasets("image", "A", order_by=order)
        pages = list(images.pages(size))
        assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
        found = [ref for page in pages for ref in page]
        assert len(found) == 12
        assert {ref.id for ref in found} == {ref.id for ref in images}
        whole = images.order_by(*order, "visit", "detector") if "visit" not in str(order[:1]) or order else images
        if order and order[-1] != "-visit.target_name":
            assert [ref.id for ref in found] == [
                ref.id for ref in images.order_by(*order, *(n for n in ("visit", "detector") if n not in order))
            ]
        assert whole.count() == 12

    def test_pages_of_other_kinds(self, butler: Butler) -> None:
        data_ids = [d for page in butler.query_data_ids(["visit", "detector"]).pages(5) for d in page]
        assert len(data_ids) == len(set(data_ids)) == 12
        records = [
            r for page in butler.query_dimension_records("visit", order_by="-target_name").pages(4) for r in page
        ]
        assert [record.id for record in records] == [1, 3, 0, 2, 4, 5]
        joined = butler.query_joined("image", Search("src", optional=True), collections="A")
        assert sum(len(page) for page in joined.pages(5)) == 12
        token = joined.page(5).token
        assert len(joined.page(50, token)) == 7
        assert joined.page(50, token).table.num_rows == 7
        with pytest.raises(InvalidQueryError, match="no token"):
            joined.page(5, "rubbish")
        with pytest.raises(InvalidQueryError, match="another order"):
            joined.order_by("-visit").page(5, token)
        with pytest.raises(InvalidQueryError, match="leave out limit"):
            joined.limit(3).page(5)

    def test_data_ids_come_from_tables_of_every_kind(self, butler: Butler) -> None:
        import pandas as pd
        from astropy.table import Table

        rows = [{"visit": 1, "detector": 0, "mag": 20.5}, {"visit": 4, "detector": 1, "mag": 21.0}]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        wanted = [(1, 0), (4, 1)]
        tables = [rows, columns, pa.table(columns), Table(columns), pd.DataFrame(columns), (dict(row) for row in rows)]
        tables += [
            butler.query_data_ids(
                ["visit", "detector"], where="(visit = 1 AND detector = 0) OR (visit = 4 AND detector = 1)"
            )
        ]
        tables += [list(tables[-1]), list(butler.query_datasets("image", "A", data_ids=rows))]
        for table in tables:
            found = butler.query_datasets("image", "A", data_ids=table, order_by="visit")
            assert _keys(ref.data_id for ref in found) == wanted
        assert butler.query_datasets("image", "A", data_ids=[{"visit": 2}]).count() == 2
        assert butler.query_data_ids("visit", data_ids={"visit": [1, 2, 99]}).count() == 2
        assert butler.query_dimension_records("visit", data_ids={"visit": [1.0, 2.0]}).count() == 2
        assert butler.query_datasets("image", "A", data_ids={"visit": []}).count() == 0
        many = {"visit": list(range(100_000)), "detector": [0] * 100_000}
        assert butler.query_datasets("image", ["B", "A"], data_ids=many, where="band = 'g'").count() == 3
        with pytest.raises(DimensionNameError, match="did you mean 'visit'"):
            butler.query_datasets("image", data_ids={"vist": [1]})
        with pytest.raises(DimensionValueError, match="row 1"):
            butler.query_datasets("image", data_ids=[{"visit": 1}, {"visit": None}])
        with pytest.raises(DimensionValueError, match="'visit' must be"):
            butler.query_datasets("image", data_ids={"visit": ["a"]})

    def test_questions_are_put_together(self, butler: Butler) -> None:
        start = butler.query()
        narrowed = start.join_datasets(Search("src", "A")).where("band = 'g'").where(x.visit > 0, detector=1)
        assert sorted(d["visit"] for d in narrowed.data_ids("visit")) == [2, 4]
        assert {tuple(d.required_values) for d in narrowed.data_ids()} == {("Cam", 1, 2), ("Cam", 1, 4)}
        assert sorted(record.id for record in narrowed.dimension_records("visit")) == [2, 4]
        assert sorted(ref.data_id["visit"] for ref in narrowed.datasets("src")) == [2, 4]
        assert sorted(ref.data_id["visit"] for ref in narrowed.datasets("image", "A")) == [2, 4]
        assert narrowed.joined().count() == 2
        table = narrowed.table("visit", "visit.exposure_time", run="src.run").order_by("visit").to_arrow()
        assert table.to_pylist() == [
            {"visit": 2, "visit.exposure_time": 30.0, "run": "A"},
            {"visit": 4, "visit.exposure_time": 60.0, "run": "A"},
        ]
        assert start.data_ids("visit").count() == 6
        assert start.join_dimensions("visit", ["tract"]).data_ids("visit").count() == 6
        assert start.join_data_ids([{"visit": 3}]).data_ids(["visit", "detector"]).count() == 2
        assert start.where("visit IN (ids)", bind={"ids": [1, 2]}).table("visit", "band").count() == 2
        with pytest.raises(InvalidQueryError, match="joined already"):
            start.join_data_ids([{"visit": 3}]).join_data_ids([{"visit": 3}])

    def test_records_come_with_rows(self, butler: Butler) -> None:
        images: Any = butler.query_datasets("image", "A", with_dimension_records=True, order_by=["visit", "detector"])
        plain = list(images.ask(images.question.__class__(**{**_parts(images.question), "with_records": False})))
        found = list(images)
        assert found == plain
        first = found[3]
        assert first.data_id == plain[3].data_id
        assert first.data_id.records["visit"].exposure_time == 15.0
        assert first.data_id.record("visit") is found[2].data_id.record("visit")
        assert first.data_id.record("visit_detector_region").region.contains(11.5, 0)
        assert first.data_id.record("physical_filter").band == "r"
        assert first.data_id.record("instrument").visit_system == 0
        with pytest.raises(DimensionNameError, match="did you mean 'visit'"):
            first.data_id.record("vist")
        visits = {record.id: record for record in butler.query_dimension_records("visit")}
        assert all(ref.data_id.record("visit") == visits[ref.data_id["visit"]] for ref in found)
        table = images.to_table()
        assert table["visit.timespan_begin"][2].utc.isot == "2026-01-01T01:00:00.000"
        assert table["visit.region"][0].contains(10.25, 0)
        rows = list(
            butler.query_joined("summary", Search("src", optional=True), collections="A").with_dimension_records()
        )
        assert all(
            d.record("visit").id == d["visit"] and s.data_id.record("visit").id == d["visit"] for d, s, _ in rows
        )
        detectors: Any = butler.query_data_ids("detector").with_dimension_records()
        assert [d.record("detector").full_name for d in detectors] == [
            "D0",
            "D1",
        ]

    def test_a_default_instrument_that_is_not_there_is_refused(self, butler: Butler) -> None:
        with pytest.raises(DimensionValueError, match="no instrument 'Came'; did you mean 'Cam'"):
            butler.clone(instrument="Came")
        assert butler.clone(instrument="Cam").query_data_ids("visit").count() == 6

    def test_alternate_keys_and_fields_are_keys_of_a_question(self, butler: Butler) -> None:
        assert butler.query_datasets("image", "A", detector="D1", visit=3).count() == 1
        assert butler.query_datasets("image", "A", full_name="D1", visit="v3").count() == 1
        assert butler.query_datasets("image", "A", data_id={"detector.full_name": ["D0", "D1"]}).count() == 12
        assert butler.query_datasets("image", "A", where="detector = 'D1' AND visit IN ('v1', 3)").count() == 2
        assert butler.query_datasets("image", "A", target_name="T1", band="r").count() == 4

    def test_pages_of_a_chain_have_the_first_of_each(self, butler: Butler) -> None:
        for names in (["B", "A"], ["A", "B"]):
            sources = butler.query_datasets("src", names)
            found = [ref for page in sources.pages(5) for ref in page]
            assert len(found) == 12
            assert {ref.id for ref in found} == {ref.id for ref in sources}
            assert {ref.id for ref in sources.limit(50)} == {ref.id for ref in sources}
        assert {ref.run for ref in butler.query_datasets("src", ["A", "B"]).limit(50)} == {"A", "B"}
