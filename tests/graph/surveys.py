"""Random small surveys, pipelines and selections, as plain rows and as the builder's columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, product

import numpy as np
from hypothesis import strategies as st

from bunter.dimensions import Universe
from bunter.graph.conditions import listed
from bunter.graph.conjuncts import Conjunct
from bunter.graph.decisions import Decision, Decisions
from bunter.graph.relation import Pairs
from bunter.graph.sources import Sources
from bunter.pipeline import Connection, TaskNode
from bunter.query.bound import KeyColumn

UNIVERSE = Universe.default()
BANDS = {"g1": "g", "r1": "r", "r2": "r"}
SKY = ("visit", "visit_detector_region", "tract", "patch", "htm7")
TASKS = [
    ("exposure", "detector"), ("exposure",), ("visit", "detector"), ("visit",), ("visit", "tract", "patch"),
    ("tract", "patch", "band"), ("tract",), ("tract", "patch"), ("visit", "tract"), ("instrument",), ("day_obs", "detector"),
    ("instrument", "htm7"), ("visit", "detector", "tract", "patch"),
]  # fmt: skip
INPUTS = {
    "raw": ("exposure", "detector"), "old_src": ("visit", "detector"), "old_sum": ("visit",), "template": ("tract", "patch", "band"),
}  # fmt: skip
PREREQUISITES = {
    "bias": ("detector",),
    "flat": ("detector", "physical_filter"),
    "refcat": ("htm7",),
    "mask": ("exposure",),
}
CALIBRATIONS = ("bias", "flat")
SAID = {
    "instrument": ["A", "B"], "skymap": ["s"], "exposure": [1, 2, 3], "visit": [1, 2, 3], "detector": [0, 1], "tract": [0, 1],
    "patch": [0, 1], "htm7": [131072, 131073], "band": ["g", "r"], "physical_filter": ["g1", "r1"], "day_obs": [20260101],
}  # fmt: skip


@dataclass
class Survey:
    records: dict
    datasets: dict = field(default_factory=dict)
    calibrations: dict = field(default_factory=dict)
    overlaps: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Condition:
    """Some dimensions have values of some sets; one of them suffices."""

    terms: tuple

    @property
    def text(self):
        return " OR ".join(f"{name} IN {sorted(values)}" for name, values in self.terms)

    @property
    def dimensions(self):
        return UNIVERSE.conform([name for name, _ in self.terms])

    def holds(self, data_id):
        return any(data_id[name] in values for name, values in self.terms)

    def conjunct(self):
        columns = {name: KeyColumn(name, UNIVERSE.key_column(name).kind) for name, _ in self.terms}

        def test(values, rows):
            return np.any([np.isin(values[columns[name]].data, list(wanted)) for name, wanted in self.terms], axis=0)

        return Conjunct(self.text, self.dimensions, tuple(columns.values()), test)


@dataclass(frozen=True)
class Listed:
    """Some dimensions have values of a row of a table."""

    names: tuple
    rows: tuple

    @property
    def text(self):
        return f"{self.names} in {self.rows}"

    @property
    def dimensions(self):
        return UNIVERSE.conform(self.names)

    def holds(self, data_id):
        return tuple(data_id[name] for name in self.names) in self.rows

    def conjunct(self):
        return listed({name: [row[i] for row in self.rows] for i, name in enumerate(self.names)}, UNIVERSE)


def some(draw, items, at_least=0):
    items = list(items)
    return draw(st.lists(st.sampled_from(items), unique=True, min_size=min(at_least, len(items)))) if items else []


def most(draw, items):
    items = list(items)
    gone = draw(st.lists(st.sampled_from(items), max_size=1 + len(items) // 3)) if items and draw(st.booleans()) else []
    return [item for item in items if item not in gone]


def draw_instrument(draw, name, records):
    records["instrument"].append({"instrument": name})
    filters = some(draw, BANDS, 1)
    days = [20260101, 20260102][: draw(st.integers(1, 2))]
    records["physical_filter"] += [{"instrument": name, "physical_filter": f, "band": BANDS[f]} for f in filters]
    records["day_obs"] += [{"instrument": name, "day_obs": d, "timespan": (d, d + 1000)} for d in days]
    records["group"] += [{"instrument": name, "group": "x"}]
    detectors = range(draw(st.integers(1, 2)))
    records["detector"] += [{"instrument": name, "detector": d} for d in detectors]
    facts = st.tuples(st.sampled_from(filters), st.sampled_from(days), st.integers(0, 20), st.integers(1, 5))
    exposures = draw(st.lists(facts, min_size=1, max_size=3))
    for number, (f, day, begin, length) in enumerate(exposures, 1):
        span = (begin * 10, (begin + length) * 10)
        common = {"instrument": name, "physical_filter": f, "day_obs": day, "timespan": span}
        records["exposure"].append({**common, "exposure": number, "group": "x"})
        visit = {**common, "visit": number}
        if draw(st.booleans()):
            visit["physical_filter"] = draw(st.sampled_from(filters))
        records["visit"].append(visit)
    visits = range(1, len(exposures) + 1)
    records["visit_definition"] += [
        {"instrument": name, "exposure": e, "visit": v}
        for e, v in sorted({*most(draw, zip(visits, visits, strict=True)), *some(draw, product(visits, visits))[:1]})
    ]
    records["visit_detector_region"] += [
        {"instrument": name, "visit": v, "detector": d} for v, d in most(draw, product(visits, detectors))
    ]


@st.composite
def surveys(draw):
    names = ["instrument", "physical_filter", "day_obs", "group", "detector", "exposure", "visit", "visit_definition"]
    records = {name: [] for name in [*names, "visit_detector_region", "skymap", "tract", "patch", "htm7"]}
    for name in ["A", "B"][: draw(st.integers(1, 2))]:
        draw_instrument(draw, name, records)
    records["skymap"] = [{"skymap": "s"}]
    records["tract"] = [{"skymap": "s", "tract": t} for t in range(draw(st.integers(1, 2)))]
    records["patch"] = [{**tract, "patch": p} for tract in records["tract"] for p in range(draw(st.integers(1, 2)))]
    records["htm7"] = [{"htm7": 131072 + i} for i in range(2)]
    survey = Survey(records)
    for a, b in product(SKY, SKY):
        if UNIVERSE[a].spatial != UNIVERSE[b].spatial and (b, a) not in survey.overlaps:
            pairs = set(most(draw, product(keys_of(survey, a), keys_of(survey, b))))
            survey.overlaps[a, b], survey.overlaps[b, a] = pairs, {(y, x) for x, y in pairs}
    draw_datasets(draw, survey)
    return survey


def keys_of(survey, element):
    return [tuple(row[d] for d in UNIVERSE[element].required) for row in survey.records[element]]


def identity(number):
    return number.to_bytes(16, "big")


def draw_datasets(draw, survey):
    from brute_force import BruteForce

    domain = BruteForce(UNIVERSE, survey, []).domain
    number = 0
    for name, dimensions in {**INPUTS, **PREREQUISITES}.items():
        group = UNIVERSE.conform(dimensions)
        every = [{d: data_id[d] for d in group.required} for data_id in domain(group)]
        chosen = [every[i] for i in most(draw, range(len(every)))]
        found = []
        for data_id in chosen:
            number += 1
            found.append((data_id, identity(number)))
        if name in CALIBRATIONS:
            survey.calibrations[name] = [one for item in found for one in draw_validity(draw, *item)]
        else:
            survey.datasets[name] = found


def draw_validity(draw, data_id, id_):
    edges = [0, *sorted(draw(st.sets(st.integers(1, 26), max_size=2))), 30]
    ranges = [(a * 10 - 1, b * 10 - 1) for a, b in pairwise(edges)]
    other = id_[:8] + b"\1" + id_[9:]
    for i, (begin, end) in enumerate(ranges):
        if draw(st.integers(0, 3)) or i == 0:
            yield data_id, (id_, other)[i % 2], begin, end, 0
    if draw(st.booleans()):
        yield data_id, id_[:8] + b"\2" + id_[9:], -(2**63), 2**63 - 1, 1


@st.composite
def pipelines(draw):
    tasks, made = [], {}
    restrictions = {}
    for i in range(draw(st.integers(1, 6))):
        label, group = f"t{i}", UNIVERSE.conform(draw(st.sampled_from(TASKS)))
        sources = {**INPUTS, **made}
        # Lean towards what was made before, so that tasks hang together.
        names = some(draw, made, 1)[:2] if made and draw(st.integers(0, 4)) else some(draw, sources, 1)[:2]
        connections = [
            connect(draw, f"in_{name}", "input", name, sources[name], whole=not draw(st.integers(0, 5)))
            for name in names
        ]
        before = some(draw, PREREQUISITES)[:1]
        connections += [connect(draw, f"pre_{name}", "prerequisite", name, PREREQUISITES[name]) for name in before]
        for connection in connections:
            if draw(st.integers(0, 9)) == 0 and (said := [d for d in SAID if d in connection.dimensions]):
                restrictions[label, connection.name] = draw_condition(draw, [draw(st.sampled_from(said))])
        connections.append(Connection("out", "output", f"o{i}", None, group, "X"))
        made[f"o{i}"] = group.required
        if "exposure" in group and "detector" not in group and draw(st.booleans()):
            finer = ("exposure", "detector")
            connections.append(Connection("more", "output", f"m{i}", None, UNIVERSE.conform(finer), "X", multiple=True))
            made[f"m{i}"] = finer
        tasks.append(TaskNode(label, "x.Y", {}, group, tuple(connections)))
    return tasks, restrictions


def connect(draw, name, kind, dataset_type, dimensions, *, whole=False):
    minimum = draw(st.sampled_from([1, 1, 1, 1, 0, 0, 2]))
    group = UNIVERSE.conform(dimensions)
    calibration = dataset_type in CALIBRATIONS
    return Connection(name, kind, dataset_type, None, group, "X", True, minimum, calibration, whole=whole)


def draw_condition(draw, names):
    return Condition(tuple((name, frozenset(most(draw, SAID[name]) or SAID[name])) for name in names))


@st.composite
def conditions(draw):
    count = draw(st.sampled_from([0, 1, 1, 1, 2, 2, 3]))
    every = st.lists(st.sampled_from(list(SAID)), unique=True, min_size=1, max_size=2)
    found = [draw_condition(draw, draw(every)[: draw(st.sampled_from([1, 1, 2]))]) for _ in range(count)]
    return found + ([draw_table(draw)] if draw(st.integers(0, 5)) == 0 else [])


def draw_table(draw):
    names = tuple(draw(st.lists(st.sampled_from(list(SAID)), unique=True, min_size=1, max_size=3)))
    rows = draw(st.lists(st.tuples(*(st.sampled_from(SAID[name]) for name in names)), min_size=1, max_size=3))
    return Listed(names, tuple(rows))


@dataclass
class Said:
    """What operators and tasks say beside the selection; see `BruteForce`."""

    vetoes: list = field(default_factory=list)
    overrides: list = field(default_factory=list)
    awaited: set = field(default_factory=set)

    def decisions(self):
        tests = {Decision(subject, w.text, str(i), "ann"): w for i, (subject, w) in enumerate(self.vetoes)}
        tests |= {Decision(name, w.text, "", "ann", f"c{i}"): w for i, (name, w, _) in enumerate(self.overrides)}
        return Decisions({one: w.conjunct() for one, w in tests.items()}, dict.fromkeys(tests, 0))

    def alternatives(self):
        return {(name, f"c{i}"): rows for i, (name, _, rows) in enumerate(self.overrides)}


@st.composite
def sayings(draw, survey, tasks):
    """Vetoes on tasks, on what there is and on what is made; overrides of what there is; inputs that are waited for."""
    said = Said()
    groups = {task.label: task.dimensions for task in tasks}
    groups |= {c.dataset_type: c.dimensions for task in tasks for c in task.connections}
    for subject in some(draw, groups)[:2]:
        if names := [name for name in SAID if name in groups[subject]]:
            said.vetoes.append((subject, draw_condition(draw, [draw(st.sampled_from(names))])))
    read = {c.dataset_type: task for task in tasks for c in (*task.inputs, *task.prerequisites)}
    for name in some(draw, [name for name in read if name in {**INPUTS, **PREREQUISITES}])[:1]:
        if names := [each for each in SAID if each in read[name].dimensions]:
            condition = draw_condition(draw, [draw(st.sampled_from(names))])
            said.overrides.append((name, condition, draw_alternatives(draw, survey, groups[name])))
    overall = [(t.label, c.name) for t in tasks for c in (*t.inputs, *t.prerequisites)
               if c.minimum and c.dataset_type in {**INPUTS, **PREREQUISITES}]  # fmt: skip
    said.awaited = set(some(draw, overall)[:1])
    return said


def draw_alternatives(draw, survey, group):
    from brute_force import BruteForce

    every = [{d: data_id[d] for d in group.required} for data_id in BruteForce(UNIVERSE, survey, []).domain(group)]
    return [(every[i], identity(10_000 + i)) for i in most(draw, range(len(every)))]


def to_sources(survey, alternatives=None):
    """The survey as the builder's columns."""
    records = {}
    for name, rows in survey.records.items():
        element = UNIVERSE[name]
        columns = {d: [row[d] for row in rows] for d in (*element.required, *element.implies)}
        if element.temporal:
            spans = np.array([row["timespan"] for row in rows], np.int64).reshape(-1, 2)
            columns |= {"timespan_begin": spans[:, 0], "timespan_end": spans[:, 1]}
        records[name] = columns

    def overlap(a, b):
        wanted = survey.overlaps[a, b]
        found = [
            (i, j)
            for i, x in enumerate(keys_of(survey, a))
            for j, y in enumerate(keys_of(survey, b))
            if (x, y) in wanted
        ]
        pairs = np.array(found, np.int64).reshape(-1, 2)
        return Pairs(pairs[:, 0], pairs[:, 1])

    def columns_of(name, rows):
        group = UNIVERSE.conform({**INPUTS, **PREREQUISITES}[name])
        ids = np.frombuffer(b"".join(row[1] for row in rows), np.uint8).reshape(-1, 16)
        return {d: [row[0][d] for row in rows] for d in group.required}, ids, ["run"] * len(rows)

    return Sources.of(
        UNIVERSE,
        records=records,
        datasets={name: columns_of(name, rows) for name, rows in survey.datasets.items()},
        calibrations={
            name: (*columns_of(name, rows), *(np.array([row[k] for row in rows], np.int64) for k in (2, 3, 4)))
            for name, rows in survey.calibrations.items()
        },
        overlap=overlap,
        alternatives={key: columns_of(key[0], rows) for key, rows in (alternatives or {}).items()},
    )


def outcome(selection, sources):
    """Planned quanta and their inputs as plain values, in the form of ``BruteForce.outcome``."""
    frontier = selection.frontier
    made = {c.dataset_type: label for label, rows in frontier.tasks.items() for c in rows.task.outputs}

    def name(label, row):
        keys = frontier.tasks[label].keys
        return label, tuple(sorted((d, sources.vocabulary.value(d, int(c[row]))) for d, c in keys.columns.items()))

    planned = {}
    for label, role in selection.roles.items():
        rows = frontier.tasks[label]
        for row in np.flatnonzero(role):
            inputs = {}
            for c in (*rows.task.inputs, *rows.task.prerequisites):
                datasets, pairs = frontier.datasets[c.dataset_type], rows.edges[c.name]
                found = pairs.right[pairs.left == row]
                if c.dataset_type in made:
                    inputs[c.name] = sorted(str(name(made[c.dataset_type], int(datasets.maker[d]))) for d in found)
                else:
                    inputs[c.name] = sorted(bytes(datasets.existing.ids[datasets.source[d]]).hex() for d in found)
            planned[name(label, row)] = inputs
    return planned
