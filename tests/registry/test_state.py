"""Collections, tags and validity ranges against plain dictionaries, step by step."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bunter.database import Database
from bunter.dataset import CollectionType, DatasetColumns, DatasetType
from bunter.dataset.changes import (
    AddDatasets,
    Associate,
    Certify,
    Decertify,
    Disassociate,
    InsertRecords,
    RegisterCollection,
    RegisterDatasetType,
    RemoveCollection,
    RemoveDatasets,
    SetChain,
)
from bunter.dimensions import Records, Universe
from bunter.errors import ButlerError
from bunter.registry import Registry
from bunter.values import Timespan, new_ids

UNIVERSE = Universe.default()
BIAS = DatasetType("bias", UNIVERSE.conform(["detector"]), "CCDData", is_calibration=True)
DETECTORS = range(3)
NAMES = ["r0", "r1", "t0", "t1", "c0", "c1", "k0", "k1"]
KINDS = {
    "r": CollectionType.RUN,
    "t": CollectionType.TAGGED,
    "c": CollectionType.CHAINED,
    "k": CollectionType.CALIBRATION,
}
names = st.sampled_from(NAMES)
some = st.lists(st.integers(0, 20), max_size=3)
spans = st.tuples(st.integers(0, 8), st.integers(1, 4)).map(lambda pair: Timespan(pair[0], sum(pair)))


class RegistryMachine(RuleBasedStateMachine):
    """Does the same to a registry and to a model; a change that the model forbids must be refused and change nothing."""

    @initialize()
    def start(self):
        self.database = Database.memory()
        self.registry = Registry.create(self.database, UNIVERSE)
        detectors = [{"instrument": "C", "id": n, "full_name": f"d{n}"} for n in DETECTORS]
        for element, rows in [("instrument", [{"name": "C"}]), ("detector", detectors)]:
            self.apply(InsertRecords(Records.from_rows(UNIVERSE[element], rows)))
        self.apply(RegisterDatasetType(BIAS))
        self.types = {}
        self.chains = {}
        self.datasets = {}  # id -> (run, detector), in order of creation
        self.tags = {}  # tag -> {detector: id}
        self.valid = {}  # collection -> {(detector, begin, end): id}

    def apply(self, *changes):
        with self.database.write() as tx:
            for change in changes:
                self.registry.apply(tx, change)

    def attempt(self, allowed, *changes):
        try:
            self.apply(*changes)
        except ButlerError:
            assert not allowed
            return False
        assert allowed
        return True

    def chosen(self, numbers):
        ids = list(self.datasets)
        return list(dict.fromkeys(ids[n % len(ids)] for n in numbers)) if ids else []

    @rule(name=names)
    def register(self, name):
        self.apply(RegisterCollection(name, KINDS[name[0]]))
        self.types.setdefault(name, KINDS[name[0]])
        if name[0] == "c":
            self.chains.setdefault(name, [])
        if name[0] == "t":
            self.tags.setdefault(name, {})
        if name[0] == "k":
            self.valid.setdefault(name, {})

    @rule(name=names, unlink=st.booleans())
    def remove(self, name, unlink):
        parents = [chain for chain, children in self.chains.items() if name in children]
        filled = any(run == name for run, _ in self.datasets.values())
        if self.attempt(name in self.types and not filled and (unlink or not parents), RemoveCollection(name, unlink)):
            del self.types[name]
            for store in (self.chains, self.tags, self.valid):
                store.pop(name, None)
            for parent in parents:
                if parent in self.chains:
                    self.chains[parent].remove(name)

    def below(self, name):
        return {name}.union(*(self.below(child) for child in self.chains.get(name, [])))

    @rule(name=st.sampled_from(["c0", "c1", "r0"]), children=st.lists(names, max_size=4, unique=True))
    def set_chain(self, name, children):
        known = name in self.chains and all(child in self.types for child in children)
        allowed = known and not any(name in self.below(child) for child in children)
        if self.attempt(allowed, SetChain(name, tuple(children))):
            self.chains[name] = list(children)

    @rule(
        name=st.sampled_from(["r0", "r1", "t0"]),
        detectors=st.lists(st.sampled_from([*DETECTORS, 9]), min_size=1, max_size=3),
    )
    def add(self, name, detectors):
        ids = new_ids(len(detectors))
        columns = DatasetColumns(BIAS, name, ids, {"instrument": ["C"] * len(ids), "detector": detectors})
        free = not {(name, detector) for detector in detectors} & set(self.datasets.values())
        allowed = self.types.get(name) is CollectionType.RUN and len(set(detectors)) == len(detectors) and free
        if self.attempt(allowed and 9 not in detectors, AddDatasets(columns)):
            self.datasets |= {id_: (name, detector) for id_, detector in zip(ids, detectors, strict=True)}

    @rule(numbers=some)
    def remove_datasets(self, numbers):
        gone = self.chosen(numbers)
        self.apply(RemoveDatasets(gone))
        for id_ in gone:
            del self.datasets[id_]
        for store in (*self.tags.values(), *self.valid.values()):
            for key in [key for key, id_ in store.items() if id_ in gone]:
                del store[key]

    @rule(name=st.sampled_from(["t0", "t1", "r0"]), numbers=some)
    def associate(self, name, numbers):
        ids = self.chosen(numbers)
        new = {}
        clash = any(new.setdefault(self.datasets[id_][1], id_) != id_ for id_ in ids)
        clash |= any(self.tags.get(name, {}).get(detector, id_) != id_ for detector, id_ in new.items())
        if self.attempt(name in self.tags and not clash, Associate(name, ids)):
            self.tags[name] |= new

    @rule(name=st.sampled_from(["t0", "t1"]), numbers=some)
    def disassociate(self, name, numbers):
        ids = self.chosen(numbers)
        if self.attempt(name in self.tags, Disassociate(name, ids)):
            self.tags[name] = {detector: id_ for detector, id_ in self.tags[name].items() if id_ not in ids}

    @rule(name=st.sampled_from(["k0", "k1", "t0"]), numbers=some, span=spans)
    def certify(self, name, numbers, span):
        ids = self.chosen(numbers)
        there = self.valid.get(name, {})
        new = {}
        clash = any(new.setdefault((self.datasets[id_][1], *span.bounds), id_) != id_ for id_ in ids)
        for detector, begin, end in new:
            for old, id_ in there.items():
                same = old == (detector, begin, end) and id_ == new[old]
                clash |= old[0] == detector and old[1] < end and begin < old[2] and not same
        if self.attempt(name in self.valid and not clash, Certify(name, ids, span)):
            there.update(new)

    @rule(
        name=st.sampled_from(["k0", "k1"]),
        span=spans,
        only=st.none() | st.lists(st.sampled_from(DETECTORS), max_size=2),
    )
    def decertify(self, name, span, only):
        rows = None if only is None else [("C", detector) for detector in only]
        if self.attempt(name in self.valid, Decertify(name, "bias", span, rows)):
            left = {}
            for (detector, begin, end), id_ in self.valid[name].items():
                touched = only is None or detector in only
                pieces = Timespan(begin, end).difference(span) if touched else (Timespan(begin, end),)
                left |= {(detector, *piece.bounds): id_ for piece in pieces}
            self.valid[name] = left

    @invariant()
    def agrees(self):
        if not hasattr(self, "types"):
            return
        with self.database.read() as connection:
            catalog = self.registry.collections(connection)
            assert {name: catalog.info(name).type for name in catalog} == self.types
            assert {name: list(catalog.info(name).children) for name in self.chains} == self.chains
            table = self.registry.associations(connection, BIAS, sorted(self.types)).to_pylist()
        runs = {row["id"]: (row["run"], row["detector"]) for row in table if row["collection"][0] == "r"}
        assert runs == self.datasets
        for name, members in self.tags.items():
            assert {row["detector"]: row["id"] for row in table if row["collection"] == name} == members
        for name, members in self.valid.items():
            ranges = [row for row in table if row["collection"] == name]
            found = {(row["detector"], row["timespan_begin"], row["timespan_end"]): row["id"] for row in ranges}
            assert len(found) == len(ranges)
            assert found == members

    def teardown(self):
        if hasattr(self, "database"):
            self.database.close()


TestRegistry = RegistryMachine.TestCase
TestRegistry.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
