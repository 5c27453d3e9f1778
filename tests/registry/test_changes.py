from __future__ import annotations

import pytest

from bunter.database import Database
from bunter.dataset import CollectionType, DatasetColumns, DatasetType
from bunter.dataset.changes import (
    AddDatasets,
    Associate,
    Certify,
    Decertify,
    Disassociate,
    EditChain,
    InsertRecords,
    RegisterCollection,
    RegisterDatasetType,
    RemoveCollection,
    RemoveDatasets,
    RemoveDatasetType,
    SetChain,
    SetCollectionDoc,
)
from bunter.dimensions import Records, Universe
from bunter.errors import (
    CalibrationLookupError,
    CollectionCycleError,
    CollectionInUseError,
    CollectionTypeError,
    ConfigurationError,
    ConflictingDatasetError,
    ConflictingDefinitionError,
    DatabaseDamagedError,
    DatasetNotFoundError,
    DimensionValueError,
    InconsistentDataIdError,
    MissingCollectionError,
    MissingDatasetTypeError,
    OrphanedRecordError,
)
from bunter.geometry import Region
from bunter.registry import Registry
from bunter.registry.layout import LIVE
from bunter.values import Timespan, new_ids

UNIVERSE = Universe.default()
RUN, TAGGED, CHAINED, CALIBRATION = CollectionType
RAW = DatasetType("raw", UNIVERSE.conform(["exposure", "detector"]), "Raw")
BIAS = DatasetType("bias", UNIVERSE.conform(["detector"]), "CCDData", is_calibration=True)


def records(element, *rows, on_conflict="fail"):
    return InsertRecords(Records.from_rows(UNIVERSE[element], rows), on_conflict)


def exposures(numbers):
    common = {"instrument": "C", "physical_filter": "r1", "group": "g", "day_obs": 20260101}
    return records(
        "exposure", *({**common, "id": n, "obs_id": f"o{n}", "timespan": (n * 10, n * 10 + 9)} for n in numbers)
    )


class Here:
    """A registry with one camera, and short words for what is done to it."""

    def __init__(self):
        self.database = Database.memory()
        self.registry = Registry.create(self.database, UNIVERSE)
        self.do(
            records("instrument", {"name": "C"}),
            records("physical_filter", {"instrument": "C", "name": "r1", "band": "r"}),
            records("detector", *({"instrument": "C", "id": n, "full_name": f"d{n}"} for n in range(8))),
            records("group", {"instrument": "C", "name": "g"}),
            records("day_obs", {"instrument": "C", "id": 20260101}),
            exposures(range(8)),
            *(RegisterCollection(name, RUN) for name in ("run/a", "run/b")),
            RegisterCollection("chain", CHAINED),
            RegisterCollection("tag", TAGGED),
            RegisterCollection("calib", CALIBRATION),
            RegisterDatasetType(RAW),
            RegisterDatasetType(BIAS),
        )

    def do(self, *changes):
        with self.database.write() as tx:
            return [self.registry.apply(tx, change) for change in changes]

    def add(self, kind, run, rows, **more):
        columns = dict(zip(kind.dimensions.required, map(list, zip(*rows, strict=True)), strict=True))
        ids = new_ids(len(rows))
        self.do(AddDatasets(DatasetColumns(kind, run, ids, columns), **more))
        return ids

    def find(self, kind, row, collections, timespan=None):
        with self.database.read() as connection:
            found = self.registry.find(connection, kind, [row], collections, timespan)[0]
        return None if found is None else (found.id, found.run, found.collection)

    @property
    def catalog(self):
        with self.database.read() as connection:
            return self.registry.collections(connection)


@pytest.fixture
def here():
    return Here()


def test_a_registry_is_opened_with_the_universe_it_was_made_with(here):
    assert Registry.open(here.database).universe is UNIVERSE


def test_a_database_without_a_registry_is_called_damaged():
    with pytest.raises(DatabaseDamagedError, match="create it again"):
        Registry.open(Database.memory())


def test_a_registry_of_a_later_version_is_refused(here):
    with here.database.write() as tx:
        tx.execute("UPDATE attribute SET value = '99' WHERE name = 'registry.version'")
    with pytest.raises(ConfigurationError, match="upgrade"):
        Registry.open(here.database)


# Collections


def test_registering_a_collection_again_changes_nothing(here):
    assert here.do(RegisterCollection("new", RUN, "why")) == [True]
    assert here.do(RegisterCollection("new", RUN)) == [False]
    assert here.catalog.info("new").doc == "why"


def test_a_collection_cannot_become_another_type(here):
    with pytest.raises(ConflictingDefinitionError, match="is a RUN"):
        here.do(RegisterCollection("run/a", TAGGED))


def test_a_bad_name_is_refused(here):
    with pytest.raises(ConflictingDefinitionError, match="not allowed"):
        here.do(RegisterCollection("../up", RUN))


def test_an_unknown_collection_is_answered_with_the_nearest(here):
    with pytest.raises(MissingCollectionError, match="did you mean 'run/a'"):
        here.catalog.info("runa")


def test_documentation_can_be_changed(here):
    here.do(SetCollectionDoc("run/a", "the first"))
    assert here.catalog.info("run/a").doc == "the first"


def test_chains_are_flattened_depth_first_without_repeats(here):
    here.do(
        RegisterCollection("inner", CHAINED),
        SetChain("inner", ("run/b", "tag")),
        SetChain("chain", ("tag", "inner", "run/a", "run/b")),
    )
    assert here.catalog.flatten(["chain"]) == ("tag", "run/b", "run/a")
    assert here.catalog.flatten(["run/*", "chain"]) == ("run/a", "run/b", "tag")
    assert here.catalog.info("inner").parents == ("chain",)
    assert here.catalog.info("chain").children == ("tag", "inner", "run/a", "run/b")


def test_chains_cannot_contain_themselves(here):
    here.do(RegisterCollection("outer", CHAINED), SetChain("outer", ("chain",)))
    with pytest.raises(CollectionCycleError, match="itself"):
        here.do(SetChain("chain", ("run/a", "chain")))
    with pytest.raises(CollectionCycleError, match="'outer', which contains it"):
        here.do(SetChain("chain", ("run/a", "outer")))


def test_only_chains_have_members(here):
    with pytest.raises(CollectionTypeError, match="RUN"):
        here.do(SetChain("run/a", ("run/b",)))


def test_a_collection_in_a_chain_is_removed_only_when_told(here):
    here.do(SetChain("chain", ("run/a", "run/b")))
    with pytest.raises(CollectionInUseError, match="chain"):
        here.do(RemoveCollection("run/a"))
    here.do(RemoveCollection("run/a", unlink_from_chains=True))
    assert here.catalog.info("chain").children == ("run/b",)
    assert "run/a" not in here.catalog


def test_a_filled_run_is_not_removed(here):
    ids = here.add(RAW, "run/a", [("C", 0, 0), ("C", 1, 0)])
    with pytest.raises(OrphanedRecordError, match="2 raw"):
        here.do(RemoveCollection("run/a"))
    here.do(RemoveDatasets(ids), RemoveCollection("run/a"))
    assert "run/a" not in here.catalog


def test_a_removed_name_can_be_used_again(here):
    here.do(
        RemoveCollection("tag"),
        RegisterCollection("tag", RUN),
        RemoveCollection("tag"),
        RegisterCollection("tag", TAGGED),
    )
    assert here.catalog.info("tag").type is TAGGED


def test_a_removed_tag_takes_its_memberships_along(here):
    ids = here.add(RAW, "run/a", [("C", 0, 0)])
    here.do(Associate("tag", ids), RemoveCollection("tag"), RegisterCollection("tag", TAGGED))
    assert here.find(RAW, ("C", 0, 0), ("tag",)) is None


def test_old_definitions_of_chains_stay_known(here):
    here.do(SetChain("chain", ("run/a",)))
    here.do(SetChain("chain", ("run/b", "run/a")))
    here.do(SetChain("chain", ()))
    with here.database.read() as connection:
        rows = connection.fetchall("SELECT child, added, retired FROM collection_chain ORDER BY added, position")
        number = here.registry.collections(connection).row("run/a").number
    (old, first, end), (new, second, until) = rows
    assert first < second < end == until
    assert (old, new) == (number, number + 1)


def test_an_edit_of_a_long_chain_writes_what_it_changes(here):
    names = tuple(f"many/{number}" for number in range(50))
    here.do(*(RegisterCollection(name, RUN) for name in names), SetChain("chain", names))
    here.do(EditChain("chain", ("run/a", "many/7"), "prepend"))
    here.do(EditChain("chain", ("run/b",), "extend"))
    here.do(EditChain("chain", ("many/9",), "remove"))
    rest = tuple(name for name in names if name not in ("many/7", "many/9"))
    assert here.catalog.info("chain").children == ("run/a", "many/7", *rest, "run/b")
    with here.database.read() as connection:
        assert connection.fetchone("SELECT count(*) FROM collection_chain") == (53,)
        assert connection.fetchone(f"SELECT count(*) FROM collection_chain WHERE retired < {LIVE}") == (2,)


def test_a_failed_change_leaves_what_others_see_as_it_was(here):
    def fail():
        with here.database.write() as tx:
            here.registry.apply(tx, RegisterCollection("new", RUN))
            assert "new" in here.registry.collections(tx)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert "new" not in here.catalog


# Dataset types


def test_registering_a_dataset_type_again_changes_nothing(here):
    assert here.do(RegisterDatasetType(RAW)) == [False]


def test_a_dataset_type_is_not_redefined(here):
    for other in [
        DatasetType("raw", RAW.dimensions, "Other"),
        DatasetType("raw", BIAS.dimensions, "Raw"),
        DatasetType("raw", RAW.dimensions, "Raw", is_calibration=True),
    ]:
        with pytest.raises(ConflictingDefinitionError, match="registered already"):
            here.do(RegisterDatasetType(other))


def test_a_dataset_type_in_use_is_not_removed(here):
    ids = here.add(RAW, "run/a", [("C", 0, 0)])
    with pytest.raises(OrphanedRecordError, match="1 in 'run/a'"):
        here.do(RemoveDatasetType("raw"))
    here.do(RemoveDatasets(ids), RemoveDatasetType("raw"))
    with pytest.raises(MissingDatasetTypeError):
        here.find(RAW, ("C", 0, 0), ("run/a",))
    here.do(RegisterDatasetType(DatasetType("raw", BIAS.dimensions, "Raw")))


def test_an_unknown_dataset_type_is_answered_with_the_nearest(here):
    with pytest.raises(MissingDatasetTypeError, match="did you mean 'raw'"):
        here.do(RemoveDatasetType("rawr"))


def test_types_of_the_same_dimensions_share_tables(here):
    before = here.database.statements
    here.do(RegisterDatasetType(DatasetType("raw2", RAW.dimensions, "Raw")))
    shared = here.database.statements - before
    here.do(RegisterDatasetType(DatasetType("camera", UNIVERSE.conform(["instrument"]), "Raw")))
    assert here.database.statements - before > 2 * shared


# Dimension records


def test_records_need_those_they_speak_of(here):
    with pytest.raises(InconsistentDataIdError, match="no instrument with instrument='D'"):
        here.do(records("detector", {"instrument": "D", "id": 1, "full_name": "x"}))
    row = {"instrument": "C", "id": 99, "obs_id": "x", "physical_filter": "z9", "group": "g", "day_obs": 20260101}
    with pytest.raises(InconsistentDataIdError, match="no physical_filter with instrument='C', physical_filter='z9'"):
        here.do(records("exposure", row))


def test_a_record_that_is_there_is_a_conflict(here):
    with pytest.raises(ConflictingDefinitionError, match="exposure with instrument='C', exposure=3"):
        here.do(exposures([20, 3]))
    row = {"instrument": "C", "id": 77, "full_name": "x"}
    with pytest.raises(ConflictingDefinitionError, match="detector=77"):
        here.do(records("detector", row, row))
    with pytest.raises(ConflictingDefinitionError, match="full_name='d3'"):
        here.do(records("detector", {"instrument": "C", "id": 77, "full_name": "d3"}))


def test_records_that_are_there_can_be_skipped(here):
    new = {"instrument": "C", "id": 3, "full_name": "other"}, {"instrument": "C", "id": 9, "full_name": "d9"}
    assert here.do(records("detector", *new, on_conflict="skip")) == [1]
    with here.database.read() as connection:
        assert connection.fetchall("SELECT full_name FROM record_detector WHERE detector IN (3, 9)") == [
            ("d3",),
            ("d9",),
        ]


def test_records_that_are_there_can_be_replaced(here):
    here.do(records("detector", {"instrument": "C", "id": 3, "full_name": "other", "raft": "R"}, on_conflict="replace"))
    with here.database.read() as connection:
        sql = "SELECT full_name, raft FROM record_detector WHERE detector = 3"
        assert connection.fetchall(sql) == [("other", "R")]


def test_the_same_records_are_accepted_and_different_ones_are_told(here):
    same = {"instrument": "C", "id": 3, "full_name": "d3"}
    assert here.do(records("detector", same, on_conflict="same")) == [0]
    with pytest.raises(ConflictingDefinitionError, match="raft is None, not 'R'"):
        here.do(records("detector", {**same, "raft": "R"}, on_conflict="same"))


def test_elements_without_records_say_so(here):
    with pytest.raises(ConflictingDefinitionError, match="physical_filter"):
        here.do(InsertRecords(Records(UNIVERSE["band"], {"band": ["r"]})))


def test_caps_hold_the_regions(here):
    import numpy as np

    from bunter.geometry import caps

    regions = [Region.circle(10, 20, 1), None, Region.box(350, -80, 3, 3)]
    here.do(
        records("skymap", {"name": "s", "hash": b"x"}),
        records("tract", *({"skymap": "s", "id": n, "region": region} for n, region in enumerate(regions))),
    )
    with here.database.read() as connection:
        sql = "SELECT cap_x, cap_y, cap_z, cap_cos, cap_sin FROM record_tract ORDER BY tract"
        first, unknown, last = connection.fetchall(sql)
    assert unknown == (None,) * 5
    for row, region in [(first, regions[0]), (last, regions[2])]:
        *centre, angle = caps([region.encode()])[0]
        np.testing.assert_allclose(row, [*centre, np.cos(angle), np.sin(angle)], rtol=1e-15)


# Datasets


def test_datasets_are_found_by_data_id_in_order_of_collections(here):
    (first,) = here.add(RAW, "run/a", [("C", 0, 0)])
    (second,) = here.add(RAW, "run/b", [("C", 0, 0)])
    here.do(SetChain("chain", ("run/b", "run/a")))
    assert here.find(RAW, ("C", 0, 0), ("run/a", "run/b")) == (first, "run/a", "run/a")
    assert here.find(RAW, ("C", 0, 0), ("chain",)) == (second, "run/b", "run/b")
    assert here.find(RAW, ("C", 1, 0), ("chain",)) is None
    assert here.find(RAW, ("C", 1, 0), ()) is None


def test_many_are_found_as_one_by_one(here):
    rows = [("C", d, e) for d in range(8) for e in range(8)]
    here.add(RAW, "run/a", rows[::2])
    here.add(RAW, "run/b", rows[::3])
    with here.database.read() as connection:
        many = here.registry.find(connection, RAW, rows, ("run/b", "run/a"))
        assert many == [here.registry.find(connection, RAW, [row], ("run/b", "run/a"))[0] for row in rows]


def test_values_without_a_record_are_refused_and_named(here):
    with pytest.raises(DimensionValueError, match="no detector with instrument='C', detector=99"):
        here.add(RAW, "run/a", [("C", 99, 0)])
    with pytest.raises(DimensionValueError, match="no exposure with instrument='C', exposure=98"):
        here.add(RAW, "run/a", [("C", n % 8, n) for n in (0, 1, 2, 3, 4, 5, 98)])
    assert here.find(RAW, ("C", 0, 0), ("run/a",)) is None


def test_pixels_outside_the_sky_are_refused(here):
    refcat = DatasetType("refcat", UNIVERSE.conform(["htm7"]), "Table")
    here.do(RegisterDatasetType(refcat))
    here.add(refcat, "run/a", [(131072,), (262143,)])
    with pytest.raises(DimensionValueError, match="131072 to 262143"):
        here.add(refcat, "run/a", [(262144,)])


def test_a_band_must_be_that_of_a_filter(here):
    here.do(RegisterDatasetType(kind := DatasetType("transmission", UNIVERSE.conform(["band"]), "Table")))
    here.add(kind, "run/a", [("r",)])
    with pytest.raises(DimensionValueError, match="no band with band='rr'"):
        here.add(kind, "run/a", [("rr",)])


def test_one_run_holds_one_dataset_per_data_id(here):
    here.add(RAW, "run/a", [("C", 0, 0)])
    with pytest.raises(ConflictingDatasetError, match=r"'run/a' has a 'raw' for .*'exposure': 0"):
        here.add(RAW, "run/a", [("C", 1, 1), ("C", 0, 0)])
    with pytest.raises(ConflictingDatasetError, match="twice"):
        here.add(RAW, "run/a", [("C", 2, 2), ("C", 2, 2)])
    assert here.find(RAW, ("C", 1, 1), ("run/a",)) is None


def test_an_id_is_used_once(here):
    ids = here.add(RAW, "run/a", [("C", 0, 0)])
    columns = DatasetColumns(BIAS, "run/a", ids, {"instrument": ["C"], "detector": [0]})
    with pytest.raises(ConflictingDatasetError, match="is taken by another dataset"):
        here.do(AddDatasets(columns))
    with pytest.raises(ConflictingDatasetError, match="is taken by another dataset"):
        here.do(AddDatasets(columns, "skip"))


def test_an_id_has_sixteen_bytes(here):
    with pytest.raises(ConflictingDatasetError, match="16 bytes"):
        here.do(AddDatasets(DatasetColumns(BIAS, "run/a", [b"x"], {"instrument": ["C"], "detector": [0]})))


def test_datasets_that_are_there_can_be_skipped(here):
    ids = here.add(BIAS, "run/a", [("C", 0), ("C", 1)])
    ids += new_ids(1)
    columns = DatasetColumns(BIAS, "run/a", ids, {"instrument": ["C"] * 3, "detector": [0, 1, 2]})
    assert here.do(AddDatasets(columns, "skip")) == [ids[:2]]
    assert here.find(BIAS, ("C", 2), ("run/a",)) == (ids[2], "run/a", "run/a")
    other = DatasetColumns(BIAS, "run/a", new_ids(1), {"instrument": ["C"], "detector": [0]})
    with pytest.raises(ConflictingDatasetError, match="has a 'bias'"):
        here.do(AddDatasets(other, "skip"))


def test_datasets_go_to_runs_only(here):
    with pytest.raises(CollectionTypeError, match="TAGGED"):
        here.add(RAW, "tag", [("C", 0, 0)])


def test_datasets_without_dimensions_work_like_all_others(here):
    here.do(RegisterDatasetType(config := DatasetType("config", UNIVERSE.empty, "Config")))
    ids = new_ids(2)
    here.do(AddDatasets(DatasetColumns(config, "run/a", ids[:1], {})))
    assert here.find(config, (), ("run/b", "run/a")) == (ids[0], "run/a", "run/a")
    with pytest.raises(ConflictingDatasetError):
        here.do(AddDatasets(DatasetColumns(config, "run/a", ids[1:], {})))
    here.do(AddDatasets(DatasetColumns(config, "run/b", ids[1:], {})), Associate("tag", ids[1:]))
    with here.database.read() as connection:
        assert [ref.data_id.values for ref in here.registry.get_many(connection, ids)] == [(), ()]
        assert [f.id for f in here.registry.find(connection, config, [(), ()], ("tag",))] == [ids[1]] * 2


def test_references_are_found_by_id(here):
    ids = here.add(RAW, "run/a", [("C", 0, 0), ("C", 1, 0)]) + here.add(BIAS, "run/b", [("C", 1)])
    with here.database.read() as connection:
        refs = here.registry.get_many(connection, [*ids, b"\0" * 16])
        assert refs[-1] is None
        assert [ref.id.bytes for ref in refs[:3]] == ids
        assert [(ref.dataset_type, ref.run, ref.data_id.required_values) for ref in refs[1:3]] == [
            (RAW, "run/a", ("C", 1, 0)),
            (BIAS, "run/b", ("C", 1)),
        ]
        assert [here.registry.get_many(connection, [id_])[0] for id_ in ids] == refs[:3]
        assert list(here.registry.members(connection, ["run/a"])) == ids[:2]


def test_removed_datasets_are_gone_from_everywhere_and_remembered(here):
    raws, biases = here.add(RAW, "run/a", [("C", 0, 0), ("C", 1, 0)]), here.add(BIAS, "run/b", [("C", 1)])
    here.do(Associate("tag", raws), Certify("calib", biases, Timespan(0, 10)))
    assert here.do(RemoveDatasets([raws[0], biases[0], b"\1" * 16])) == [2]
    assert here.find(RAW, ("C", 0, 0), ("run/a", "tag")) is None
    assert here.find(RAW, ("C", 1, 0), ("tag",)) is not None
    assert here.find(BIAS, ("C", 1), ("run/b", "calib")) is None
    with here.database.read() as connection:
        assert here.registry.removed(connection, [*raws, *biases]) == [raws[0], biases[0]]
    here.add(RAW, "run/a", [("C", 0, 0)])


# Tags


def test_a_tag_holds_one_dataset_per_data_id(here):
    (first,), (second,) = here.add(RAW, "run/a", [("C", 0, 0)]), here.add(RAW, "run/b", [("C", 0, 0)])
    here.do(Associate("tag", [first]))
    here.do(Associate("tag", [first]))
    with pytest.raises(ConflictingDefinitionError, match="cannot hold two 'raw'"):
        here.do(Associate("tag", [second]))
    with pytest.raises(ConflictingDefinitionError, match="cannot hold two 'raw'"):
        here.do(Disassociate("tag", [first]), Associate("tag", [first, second]))
    assert here.find(RAW, ("C", 0, 0), ("tag",)) == (first, "run/a", "tag")
    here.do(Disassociate("tag", [first]), Associate("tag", [second]), Disassociate("tag", [first]))
    assert here.find(RAW, ("C", 0, 0), ("tag",)) == (second, "run/b", "tag")


def test_tags_hold_datasets_that_exist_and_only_tags_do(here):
    ids = here.add(RAW, "run/a", [("C", 0, 0)])
    with pytest.raises(CollectionTypeError, match="needs a TAGGED one"):
        here.do(Associate("run/b", ids))
    with pytest.raises(DatasetNotFoundError, match="may have been removed"):
        here.do(Associate("tag", new_ids(1)))


# Calibrations


def test_the_calibration_of_the_time_is_found(here):
    early, late = here.add(BIAS, "run/a", [("C", 0)]) + here.add(BIAS, "run/b", [("C", 0)])
    here.do(Certify("calib", [early], Timespan(None, 100)), Certify("calib", [late], Timespan(100, None)))
    assert here.find(BIAS, ("C", 0), ("calib",), Timespan(99, 100)) == (early, "run/a", "calib")
    assert here.find(BIAS, ("C", 0), ("calib",), Timespan(100, 101)) == (late, "run/b", "calib")
    with pytest.raises(CalibrationLookupError, match="say when"):
        here.find(BIAS, ("C", 0), ("calib",), Timespan(50, 150))
    with pytest.raises(CalibrationLookupError, match="say when"):
        here.find(BIAS, ("C", 0), ("calib",))
    assert here.find(BIAS, ("C", 0), ("run/b", "calib")) == (late, "run/b", "run/b")
    with here.database.read() as connection:
        times = [Timespan(1, 2), None, Timespan(150, 160)]
        rows = [("C", 0), ("C", 1), ("C", 0)]
        found = here.registry.find(connection, BIAS, rows, ("calib",), times)
    assert [f and f.id for f in found] == [early, None, late]


def test_overlapping_certifications_are_refused_and_told(here):
    early, late = here.add(BIAS, "run/a", [("C", 0)]) + here.add(BIAS, "run/b", [("C", 0)])
    here.do(Certify("calib", [early], Timespan(0, 100)))
    here.do(Certify("calib", [early], Timespan(0, 100)))
    with pytest.raises(ConflictingDefinitionError, match=r"1970-01-01T00:00:00, 1970-01-01T00:00:00.0000001\) TAI"):
        here.do(Certify("calib", [late], Timespan(99, 200)))
    with pytest.raises(ConflictingDefinitionError, match="Decertify"):
        here.do(Certify("calib", [early], Timespan(50, 60)))
    with pytest.raises(ConflictingDefinitionError, match="cannot be valid at once"):
        here.do(Certify("calib", [early, late], Timespan(200, 300)))
    with pytest.raises(ConflictingDefinitionError, match="empty"):
        here.do(Certify("calib", [early], Timespan.EMPTY))


def test_only_calibrations_are_certified_and_only_in_calibration_collections(here):
    raws, biases = here.add(RAW, "run/a", [("C", 0, 0)]), here.add(BIAS, "run/a", [("C", 0)])
    with pytest.raises(CollectionTypeError, match="is not a calibration"):
        here.do(Certify("calib", raws, Timespan(0, 1)))
    with pytest.raises(CollectionTypeError, match="needs a CALIBRATION one"):
        here.do(Certify("tag", biases, Timespan(0, 1)))


def validity(here, collections=("calib",)):
    with here.database.read() as connection:
        table = here.registry.associations(connection, BIAS, collections)
    rows = table.to_pylist()
    return [(row["detector"], row["timespan_begin"], row["timespan_end"], row["collection"]) for row in rows]


def test_decertifying_cuts_splits_and_removes_ranges(here):
    ids = here.add(BIAS, "run/a", [("C", n) for n in range(4)])
    here.do(
        *(
            Certify("calib", [id_], Timespan(*span))
            for id_, span in zip(ids, [(0, 30), (15, 18), (0, 15), (40, 50)], strict=True)
        )
    )
    here.do(Decertify("calib", "bias", Timespan(10, 20)))
    assert validity(here) == [(0, 0, 10, "calib"), (0, 20, 30, "calib"), (2, 0, 10, "calib"), (3, 40, 50, "calib")]
    here.do(Decertify("calib", "bias", Timespan(), [("C", 0), ("C", 7)]))
    assert validity(here) == [(2, 0, 10, "calib"), (3, 40, 50, "calib")]
    here.do(Certify("calib", ids[:1], Timespan(0, 30)), Decertify("calib", "bias", Timespan(0, 5)))
    assert validity(here)[0] == (0, 5, 30, "calib")


def test_associations_tell_of_runs_and_tags_without_times(here):
    ids = here.add(BIAS, "run/a", [("C", 0)])
    here.do(Associate("tag", ids), Certify("calib", ids, Timespan(1, None)))
    from bunter.values import MAX_NS

    assert validity(here, ("calib", "tag", "run/*")) == [
        (0, 1, MAX_NS, "calib"),
        (0, None, None, "tag"),
        (0, None, None, "run/a"),
    ]


def test_retired_rows_say_from_when_to_when_they_held(here):
    ids = here.add(BIAS, "run/a", [("C", 0)])
    here.do(Associate("tag", ids), Certify("calib", ids, Timespan(0, 9)))
    here.do(Disassociate("tag", ids), Decertify("calib", "bias", Timespan(5, 9)))
    with here.database.read() as connection:
        (number,) = connection.fetchone("SELECT dimension_group FROM dataset_type WHERE name = 'bias'")
        assert len(connection.fetchall(f"SELECT 1 FROM tag_{number} WHERE added < retired")) == 1
        columns = "timespan_begin, timespan_end, retired > (SELECT max(n) FROM change)"
        rows = connection.fetchall(f"SELECT {columns} FROM calibration_{number} ORDER BY retired")
    assert rows == [(0, 9, 0), (0, 5, 1)]


# Cost


def test_the_number_of_statements_does_not_grow_with_the_rows(here):
    def cost(begin, count):
        counts = []

        def do(*changes):
            before = here.database.statements
            here.do(*changes)
            counts.append(here.database.statements - before)

        numbers = range(begin, begin + count)
        do(exposures(numbers))
        do(records("detector", *({"instrument": "C", "id": n, "full_name": f"d{n}"} for n in numbers)))
        ids, values = (
            new_ids(count),
            {"instrument": ["C"] * count, "detector": list(numbers), "exposure": list(numbers)},
        )
        do(AddDatasets(DatasetColumns(RAW, "run/a", ids, values)))
        do(AddDatasets(DatasetColumns(RAW, "run/a", ids, values), "skip"))
        do(Associate("tag", ids))
        do(Disassociate("tag", ids))
        del values["exposure"]
        biases = new_ids(count)
        do(AddDatasets(DatasetColumns(BIAS, "run/a", biases, values)))
        do(Certify("calib", biases, Timespan(0, 10)))
        do(Decertify("calib", "bias", Timespan(2, 3)))
        do(RemoveDatasets([*ids, *biases]))
        return counts

    cost(100, 10)
    assert cost(1000, 10) == cost(2000, 500)


def test_an_unknown_change_is_a_mistake_of_the_caller(here):
    with pytest.raises(TypeError, match="no change str"):
        here.do("something")
