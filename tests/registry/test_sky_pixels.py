"""Sky pixels of any system and level: as keys, as regions, joined to regions and to each other."""

from __future__ import annotations

import pytest

from bunter.database import Database
from bunter.dataset import CollectionType, DatasetColumns, DatasetSearch, DatasetType
from bunter.dataset.changes import AddDatasets, InsertRecords, RegisterCollection, RegisterDatasetType
from bunter.dimensions import Records, Universe
from bunter.errors import InvalidQueryError
from bunter.geometry import Region, skypix
from bunter.query import bind_query
from bunter.registry import Registry
from bunter.values import new_ids

UNIVERSE = Universe.default()
SKY = Region.circle(12, 0, 1.5)
TYPES = {
    f"map_{name}": DatasetType(f"map_{name}", UNIVERSE.conform([name]), "Text")
    for name in ("htm7", "htm9", "healpix6", "healpix8")
}
VISITS = {n: Region.box(10.5 + n, 0.2 * n, 0.8, 0.8) for n in range(4)}


@pytest.fixture(scope="module")
def registry():
    registry = Registry.create(Database.memory(), UNIVERSE)
    records = {
        "instrument": [{"name": "A"}],
        "physical_filter": [{"instrument": "A", "name": "r_A", "band": "r"}],
        "day_obs": [{"instrument": "A", "id": 1}],
        "visit": [
            {"instrument": "A", "id": n, "name": f"v{n}", "physical_filter": "r_A", "day_obs": 1, "region": region}
            for n, region in VISITS.items()
        ],
    }
    changes = [InsertRecords(Records.from_rows(UNIVERSE[name], rows)) for name, rows in records.items()]
    changes.append(RegisterCollection("run", CollectionType.RUN))
    for kind in TYPES.values():
        (name,) = kind.dimensions.required
        pixels = skypix(name).pixels_of(SKY)
        changes += [
            RegisterDatasetType(kind),
            AddDatasets(DatasetColumns(kind, "run", new_ids(len(pixels)), {name: pixels})),
        ]
    with registry.database.write() as tx:
        for change in changes:
            registry.apply(tx, change)
    return registry


@pytest.fixture
def ask(registry):
    def ask(dimensions, where="", types=(), kind="data_ids"):
        result = UNIVERSE.conform(dimensions) if kind == "data_ids" else TYPES[dimensions]
        query = bind_query(
            universe=UNIVERSE,
            kind=kind,
            result=result,
            where=where,
            searches=[DatasetSearch(name, ("run",)) for name in types],
            dataset_types=TYPES,
            defaults={"instrument": "A"},
        )
        stream = registry.execute(query)
        rows = [row for batch in stream.batches() for row in batch.to_pylist()]
        assert stream.count() == len(rows)
        return rows

    return ask


def pixels(name):
    return skypix(name).pixels_of(SKY)


@pytest.mark.parametrize("name", ["htm5", "htm7", "htm10", "healpix4", "healpix9", "healpix11"])
def test_visits_have_the_pixels_of_their_regions_at_any_level(ask, name):
    found = {(row["visit"], row[name]) for row in ask(["visit", name])}
    assert found == {(n, pixel) for n, region in VISITS.items() for pixel in skypix(name).pixels_of(region)}


@pytest.mark.parametrize("name", ["htm6", "healpix7"])
def test_pixels_alone_are_those_of_a_region(ask, name):
    rows = ask([name], f"{name}.region OVERLAPS CIRCLE(12, 0, 0.5)")
    assert [row[name] for row in rows] == skypix(name).pixels_of(Region.circle(12, 0, 0.5))


def test_pixels_of_two_systems_join_by_overlap(ask):
    rows = ask(["htm7", "healpix6"], types=["map_htm7", "map_healpix6"])
    found = {(row["htm7"], row["healpix6"]) for row in rows}
    regions = {name: {p: skypix(name).region(p) for p in pixels(name)} for name in ("htm7", "healpix6")}
    wanted = {
        (a, b) for a, one in regions["htm7"].items() for b, two in regions["healpix6"].items() if one.overlaps(two)
    }
    assert found == wanted


def test_one_side_is_enough_to_list_the_other(ask):
    rows = ask(["htm7", "healpix4"], types=["map_htm7"])
    assert {row["htm7"] for row in rows} == set(pixels("htm7"))
    only = pixels("htm7")[3]
    rows = ask(["htm7", "healpix4"], f"htm7 = {only}", types=["map_htm7"])
    assert {row["healpix4"] for row in rows} == set(skypix("healpix4").pixels_of(skypix("htm7").region(only)))
    with pytest.raises(InvalidQueryError, match="too many"):
        ask(["htm7", "healpix4"])


@pytest.mark.parametrize(
    ("coarse", "fine", "steps"), [("htm7", "htm9", 4), ("healpix6", "healpix8", 4), ("htm5", "htm9", 8)]
)
def test_levels_of_one_system_join_by_number(ask, coarse, fine, steps):
    types = [f"map_{fine}", *([f"map_{coarse}"] if f"map_{coarse}" in TYPES else [])]
    found = {(row[coarse], row[fine]) for row in ask([coarse, fine], types=types)}
    assert found == {(pixel >> steps, pixel) for pixel in pixels(fine)}
    assert {row[coarse] for row in ask([coarse], types=[f"map_{fine}"])} == {pixel >> steps for pixel in pixels(fine)}


def test_visits_and_several_levels(ask):
    rows = ask(["visit", "htm7", "htm9", "healpix6"], "visit < 2")
    found = {(row["visit"], row["htm7"], row["htm9"], row["healpix6"]) for row in rows}
    wanted = {
        (n, fine >> 4, fine, other)
        for n in (0, 1)
        for fine in skypix("htm9").pixels_of(VISITS[n])
        for other in skypix("healpix6").pixels_of(VISITS[n])
    }
    assert found == wanted


def test_another_level_in_a_condition_holds_or_lies_in_the_pixels_of_the_rows(ask):
    some = pixels("htm7")[2]
    inside = ask("map_htm9", f"htm7 = {some}", ["map_htm9"], "datasets")
    assert {row["htm9"] for row in inside} == {pixel for pixel in pixels("htm9") if pixel >> 4 == some}
    outside = ask("map_htm9", f"htm7 != {some}", ["map_htm9"], "datasets")
    assert len(inside) + len(outside) == len(pixels("htm9"))
    (holder,) = ask("map_htm7", f"htm9 = {some << 4}", ["map_htm7"], "datasets")
    assert holder["htm7"] == some
    several = ask("map_htm9", f"htm7 IN ({some}, {some + 1}) OR htm9 = 5", ["map_htm9"], "datasets")
    assert {row["htm9"] >> 4 for row in several} <= {some, some + 1}


def test_pixels_of_another_system_are_regions(ask):
    some = pixels("healpix6")[1]
    region = skypix("healpix6").region(some)
    found = {row["htm9"] for row in ask("map_htm9", f"healpix6 = {some}", ["map_htm9"], "datasets")}
    assert found == {pixel for pixel in pixels("htm9") if skypix("htm9").region(pixel).overlaps(region)}
    found = {row["htm9"] for row in ask("map_htm9", f"NOT healpix6 = {some}", ["map_htm9"], "datasets")}
    assert found == {pixel for pixel in pixels("htm9") if not skypix("htm9").region(pixel).overlaps(region)}
    assert {row["visit"] for row in ask(["visit"], f"healpix6 = {some}")} == {
        n for n, mine in VISITS.items() if mine.overlaps(region)
    }


def test_an_explicit_overlap_of_levels_is_the_same(ask):
    implied = ask(["htm7", "htm9"], types=["map_htm7", "map_htm9"])
    written = ask(["htm7", "htm9"], "htm9.region OVERLAPS htm7.region", types=["map_htm7", "map_htm9"])
    assert written == implied
    assert not ask(["htm7", "htm9"], "NOT htm9.region OVERLAPS htm7.region", types=["map_htm7", "map_htm9"])


def test_too_many_pixels_are_refused_before_they_are_listed(ask):
    with pytest.raises(InvalidQueryError, match=r"covers up to .* pixels of htm20"):
        ask(["visit", "htm20"])
    with pytest.raises(InvalidQueryError, match="coarser level"):
        ask(["healpix17"], "healpix17.region OVERLAPS CIRCLE(0, 0, 5)")
