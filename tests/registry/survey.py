"""A small random survey in a registry, and what a query must answer by brute force in Python."""

from __future__ import annotations

import random
from functools import cache

import numpy as np

from bunter.database import Database
from bunter.dataset import CollectionType, DatasetColumns, DatasetSearch, DatasetType
from bunter.dataset.changes import (
    AddDatasets,
    Associate,
    Certify,
    InsertRecords,
    RegisterCollection,
    RegisterDatasetType,
    SetChain,
)
from bunter.dimensions import DimensionGroup, Element, Records, Universe
from bunter.geometry import Region
from bunter.query import bind_query, bound, evaluate
from bunter.registry import Registry
from bunter.values import MAX_NS, MIN_NS, Timespan, new_ids

UNIVERSE = Universe.default()


class Survey:
    """Records and datasets in a registry in memory and, as plain rows, beside it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.database = Database.memory()
        self.registry = Registry.create(self.database, UNIVERSE)
        self.records = {}
        self.types = {}
        self.datasets = {}  # (type, collection) -> list of (values, id, run, begin, end)
        self._instruments()
        self._sky()
        self._collections()

    def apply(self, *changes):
        with self.database.write() as tx:
            return [self.registry.apply(tx, change) for change in changes]

    def insert(self, element, rows):
        if rows:
            records = Records.from_rows(UNIVERSE[element], rows)
            self.apply(InsertRecords(records))
            self.records.setdefault(element, []).extend(
                dict(zip(records.columns, values, strict=True))
                for values in zip(*records.columns.values(), strict=True)
            )

    def _instruments(self):
        draw = self.random
        for name, visit_system in [("A", 0), ("B", None)]:
            self.insert("instrument", [{"name": name, "visit_system": visit_system, "detector_max": 4}])
            filters = [f"{band}_{name}" for band in "gr"]
            self.insert("physical_filter", [{"instrument": name, "name": f, "band": f[0]} for f in filters])
            detectors = range(draw.randint(1, 3))
            self.insert(
                "detector",
                [
                    {
                        "instrument": name,
                        "id": d,
                        "full_name": f"D_{d}",
                        "purpose": draw.choice(["SCIENCE", "GUIDE", None]),
                    }
                    for d in detectors
                ],
            )
            self.insert("visit_system", [{"instrument": name, "id": s, "name": f"s{s}"} for s in (0, 1)])
            self.insert("group", [{"instrument": name, "name": g} for g in ("g0", "g1")])
            self.insert(
                "day_obs",
                [{"instrument": name, "id": 20260101 + d, "timespan": (d * 100, d * 100 + 100)} for d in (0, 1)],
            )
            for n in range(draw.randint(2, 5)):
                day = draw.choice((0, 1))
                begin = day * 100 + draw.randint(0, 80)
                filter_ = draw.choice(filters)
                common = {
                    "instrument": name,
                    "physical_filter": filter_,
                    "day_obs": 20260101 + day,
                    "seq_num": draw.choice([n, None]),
                }
                times = {
                    "exposure_time": draw.choice([15.0, 30.0, None]),
                    "target_name": draw.choice(["M31", "m31", "50%_a", None]),
                }
                span = {} if draw.random() < 0.2 else {"timespan": (begin, begin + draw.randint(1, 20))}
                self.insert(
                    "exposure",
                    [
                        common
                        | times
                        | span
                        | {
                            "id": n,
                            "obs_id": f"o{n}",
                            "group": draw.choice(["g0", "g1"]),
                            "can_see_sky": draw.choice([True, False, None]),
                        }
                    ],
                )
                if draw.random() < 0.8:
                    self._visit(name, n, common | times | span, detectors)

    def _region(self, size):
        if self.random.random() < 0.1:
            return None
        ra, dec = self.random.uniform(10, 14), self.random.uniform(-2, 2)
        if self.random.random() < 0.3:
            return Region.circle(ra, dec, size / 2)
        return Region.box(ra, dec, size, size)

    def _visit(self, name, n, common, detectors):
        for visit, system in [(n, 0), *([(100 + n, 1)] if self.random.random() < 0.3 else [])]:
            self.insert("visit", [common | {"id": visit, "name": f"v{visit}", "region": self._region(2.0)}])
            self.insert("visit_definition", [{"instrument": name, "exposure": n, "visit": visit}])
            self.insert("visit_system_membership", [{"instrument": name, "visit": visit, "visit_system": system}])
            self.insert(
                "visit_detector_region",
                [
                    {"instrument": name, "visit": visit, "detector": d, "region": self._region(0.7)}
                    for d in detectors
                    if self.random.random() < 0.8
                ],
            )

    def _sky(self):
        self.insert("skymap", [{"name": "s", "hash": b"1" * 20, "tract_max": 3, "patch_nx_max": 2, "patch_ny_max": 1}])
        for tract in range(3):
            self.insert("tract", [{"skymap": "s", "id": tract, "region": Region.box(10 + 2 * tract, 0, 2.0, 4.0)}])
            self.insert(
                "patch",
                [
                    {
                        "skymap": "s",
                        "tract": tract,
                        "id": p,
                        "cell_x": p,
                        "cell_y": 0,
                        "region": Region.box(9.5 + 2 * tract + p, 0, 1.0, 4.0),
                    }
                    for p in range(2)
                ],
            )

    def _collections(self):
        self.apply(
            *(RegisterCollection(f"r{k}", CollectionType.RUN) for k in range(3)),
            RegisterCollection("tag", CollectionType.TAGGED),
            *(RegisterCollection(f"cal{k}", CollectionType.CALIBRATION) for k in range(2)),
            RegisterCollection("chain", CollectionType.CHAINED),
            RegisterCollection("calibs", CollectionType.CHAINED),
            SetChain("chain", ("r2", "tag", "r0", "r1")),
            SetChain("calibs", ("cal1", "cal0", "r0")),
        )
        for name, dimensions, is_calibration in [
            ("raw", ("exposure", "detector"), False),
            ("calexp", ("visit", "detector"), False),
            ("flat", ("detector", "physical_filter"), True),
            ("coadd", ("tract", "patch", "band"), False),
            ("refcat", ("htm7",), False),
            ("camera", ("instrument",), False),
        ]:
            self.types[name] = DatasetType(name, UNIVERSE.conform(dimensions), "Text", is_calibration)
            self.apply(RegisterDatasetType(self.types[name]))
            self._datasets(self.types[name])

    def _datasets(self, kind):
        names = kind.dimensions.required
        if names == ("htm7",):
            from bunter.geometry import skypix

            rows = [(pixel,) for pixel in skypix("htm7").pixels_of(Region.circle(12, 0, 1.5))]
        else:
            rows = sorted({tuple(row[name] for name in names) for row in self.joined(kind.dimensions)})
        for run in ("r0", "r1", "r2"):
            chosen = [row for row in rows if self.random.random() < 0.5]
            if not chosen:
                continue
            ids = new_ids(len(chosen))
            values = dict(zip(names, map(list, zip(*chosen, strict=True)), strict=True))
            self.apply(AddDatasets(DatasetColumns(kind, run, ids, values)))
            self.datasets[kind.name, run] = [
                (row, id_, run, MIN_NS, MAX_NS) for row, id_ in zip(chosen, ids, strict=True)
            ]
        if kind.is_calibration:
            self._certify(kind)
        tagged = [d for d in self.datasets.get((kind.name, "r1"), []) if self.random.random() < 0.5]
        self.apply(Associate("tag", [d[1] for d in tagged]))
        self.datasets[kind.name, "tag"] = tagged

    def _certify(self, kind):
        for number, run in enumerate(("r0", "r1")):
            for begin, end in [(0, 90), (110, 200)]:
                members = [d for d in self.datasets.get((kind.name, run), []) if self.random.random() < 0.7]
                self.apply(Certify(f"cal{number}", [d[1] for d in members], Timespan(begin, end)))
                self.datasets.setdefault((kind.name, f"cal{number}"), []).extend((*d[:3], begin, end) for d in members)

    def query(self, kind, result, where=None, searches=(), **more):
        if isinstance(result, str):
            result = self.types[result] if kind == "datasets" else UNIVERSE[result]
        elif not isinstance(result, DimensionGroup | Element | DatasetType):
            result = UNIVERSE.conform(result)
        return bind_query(
            universe=UNIVERSE,
            kind=kind,
            result=result,
            where=where,
            searches=[DatasetSearch(*search) for search in searches],
            dataset_types=self.types,
            defaults={"instrument": "A", "skymap": "s"},
            **more,
        )

    def rows(self, query):
        return [tuple(row.values()) for batch in self.registry.execute(query).batches() for row in batch.to_pylist()]

    # The answer by brute force.

    def joined(self, dimensions, elements=()):
        """Join the records of all elements of a group by their common dimensions."""
        rows = [{}]
        present = [
            e for e in dimensions.elements if e.has_table and (e.is_dimension or e.always_join or e.name in elements)
        ]
        for element in present:
            rows = [
                new
                for row in rows
                for record in self.records.get(element.name, [])
                if (new := _merged(row, element, record))
            ]
        for name in dimensions.names:  # a band without its filter
            if name == "band" and not any("band" in row for row in rows):
                bands = {record["band"] for record in self.records["physical_filter"]}
                rows = [row | {"band": band} for row in rows for band in sorted(bands)]
        if {"exposure", "visit"} <= set(dimensions.names) and "visit_system" not in dimensions.names:
            rows = [row for row in rows if self._in_default_system(row)]
        return rows

    def _in_default_system(self, row):
        (system,) = (r["visit_system"] for r in self.records["instrument"] if r["instrument"] == row["instrument"])
        return system is None or any(
            (m["instrument"], m["visit"], m["visit_system"]) == (row["instrument"], row["visit"], system)
            for m in self.records["visit_system_membership"]
        )

    def flat(self, names):
        with self.database.read() as connection:
            return self.registry.collections(connection).flatten(names)

    def answer(self, query):
        terms = query.condition
        columns = list(dict.fromkeys(c for term in terms for c in bound.columns_of(term)))
        columns += [c for value, _ in query.order_by for c in bound.columns_of(value) if c not in columns]
        elements = {c.element for c in columns if isinstance(c, bound.ElementColumn)}
        if isinstance(query.result, Element):
            elements.add(query.result.name)
        rows = self.joined(query.dimensions, elements)
        rows = self._with_pixels(query, rows)
        for search in query.searches:
            rows = [new for row in rows for new in self._with_dataset(row, search)]
        early = [term for term in terms if isinstance(term, bound.TimespanOverlap) or not _reads(term)]
        rows = _kept(rows, early, columns)
        for search in query.searches:
            if search.find_first and (query.kind in {"datasets", "joined"} or search.dataset_type in _reads(*terms)):
                rows = _first(rows, query, search)
        rows = _kept(rows, [term for term in terms if term not in early], columns)
        return {_projected(row, query) for row in rows}

    def _with_pixels(self, query, rows):
        if not query.dimensions.skypix:
            return rows
        pixels = {d[0][0] for (name, _), found in self.datasets.items() if name == "refcat" for d in found}
        return [row | {"htm7": pixel, ("htm7", "region"): _pixel(pixel)} for row in rows for pixel in pixels]

    def _with_dataset(self, row, search):
        names = self.types[search.dataset_type].dimensions.required
        kind = search.dataset_type
        for rank, collection in enumerate(self.flat(search.collections)):
            for values, id_, run, begin, end in self.datasets.get((kind, collection), []):
                if all(row[name] == value for name, value in zip(names, values, strict=True)):
                    yield row | {
                        (kind, "id"): id_,
                        (kind, "run"): run,
                        (kind, "collection"): collection,
                        (kind, "rank"): rank,
                        (kind, "timespan_begin"): begin,
                        (kind, "timespan_end"): end,
                    }


@cache
def _pixel(pixel):
    from bunter.geometry import skypix

    return skypix("htm7").region(pixel).encode()


def _merged(row, element, record):
    dimensions = {*element.required, *element.implies}
    if any(row.get(name, value) != value for name, value in record.items() if name in dimensions):
        return None
    shared = {name: value for name, value in record.items() if name in dimensions}
    return row | shared | {(element.name, name): value for name, value in record.items()}


def _reads(*terms):
    return {c.dataset_type for term in terms for c in bound.columns_of(term) if isinstance(c, bound.DatasetColumn)}


def _kept(rows, terms, columns):
    if not rows or not terms:
        return rows
    arrays = {}
    for column in columns:
        if isinstance(column, bound.KeyColumn):
            arrays[column] = _array(rows, column.dimension, column.kind)
            continue
        owner, name = (
            (column.element, column.column)
            if isinstance(column, bound.ElementColumn)
            else (column.dataset_type, column.field)
        )
        if column.kind == "timespan":
            for which in ("begin", "end"):
                arrays[bound.TimespanBound(column, which)] = _array(rows, (owner, f"timespan_{which}"), "int")
        else:
            arrays[column] = _array(rows, (owner, name), column.kind)
    keep = evaluate(bound.all_of(terms), arrays, rows=len(rows))
    return [row for row, kept in zip(rows, keep, strict=True) if kept]


def _array(rows, key, kind):
    values = [row[key] for row in rows]
    array = np.empty(len(values), dtype=object)
    array[:] = values
    if kind in {"int", "float", "bool"} and None not in values:
        return array.astype({"int": np.int64, "float": float, "bool": bool}[kind])
    return array


def _first(rows, query, search):
    """Keep for each data ID of the query the datasets of the first collection that has one."""
    kind = search.dataset_type
    best = {}
    key = query.dimensions.required
    for row in rows:
        data_id = tuple(row[name] for name in key)
        best[data_id] = min(best.get(data_id, row[kind, "rank"]), row[kind, "rank"])
    return [row for row in rows if best[tuple(row[name] for name in key)] == row[kind, "rank"]]


def _projected(row, query):
    result = query.result
    if isinstance(result, Element):
        if not result.has_table:
            return (row[result.name],)
        names = [n for n in row if isinstance(n, tuple) and n[0] == result.name]
        return tuple(row[name] for name in names)
    group = result.dimensions if isinstance(result, DatasetType) else result
    head = ()
    if isinstance(result, DatasetType):
        head = (row[result.name, "id"], row[result.name, "run"])
    if query.kind == "joined":
        head = tuple(row[s.dataset_type, field] for s in query.searches for field in ("id", "run"))
    return (*head, *(row[name] for name in group.data_id_keys))
