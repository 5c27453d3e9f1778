"""One pipeline given to both graph builders, and their graphs in one form."""

from __future__ import annotations

import contextlib
import logging
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import skies
from asking import Refusal, at_most, quiet
from hypothesis import strategies as st
from lsst.pipe import base
from lsst.pipe.base import connectionTypes
from lsst.pipe.base.all_dimensions_quantum_graph_builder import AllDimensionsQuantumGraphBuilder
from lsst.pipe.base.pipeline_graph import PipelineGraph as TheirPipelineGraph
from lsst.pipe.base.quantum_graph_skeleton import QuantumGraphSkeleton

from bunter.dataset import DatasetType
from bunter.errors import EmptyGraphError, GraphError, UserError
from bunter.graph import build_graph
from bunter.pipeline import Connection, PipelineGraph, TaskNode

if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = "StructuredDataDict"
PATIENCE_S = 15
SHARE = 0.2
TASKS = [
    ("instrument", "exposure", "detector"), ("instrument", "exposure"), ("instrument", "visit", "detector"),
    ("instrument", "visit"), ("instrument", "visit", "skymap", "tract", "patch"), ("skymap", "tract", "patch", "band"),
    ("skymap", "tract"), ("instrument", "visit", "skymap", "tract"), ("instrument",), ("instrument", "physical_filter"),
    ("instrument", "day_obs", "detector"), ("instrument", "visit", "detector", "skymap", "tract", "patch"),
]  # fmt: skip
OVERALL = ("raw", "exposure_log", "nightly", "calexp", "src", "coadd", "objects", "crosstalk", "config")
PREREQUISITES = ("bias", "flat", "camera", "crosstalk", "refcat")
SAID = [
    "detector = 1", "detector IN (0, 2)", "exposure IN (1..6)", "visit < 8", "visit IN (1, 2, 6, 101)", "band = 'r'",
    "physical_filter IN ('A-r1', 'A-g')", "tract = 1", "tract IN (0, 1) AND patch > 0", "day_obs = 20240102",
    "exposure.observation_type = 'science'", "visit < 8 AND tract = 0", "detector = 1 OR visit = 2", "detector.raft = 'R0'",
]  # fmt: skip


@dataclass(frozen=True)
class Link:
    """A connection in the words of both systems."""

    name: str
    kind: str
    dataset_type: str
    dimensions: tuple[str, ...]
    multiple: bool = True
    minimum: int = 1

    @property
    def is_calibration(self) -> bool:
        return self.dataset_type in skies.TYPES and skies.TYPES[self.dataset_type][1]


@dataclass(frozen=True)
class Step:
    """A task in the words of both systems."""

    label: str
    dimensions: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Plan:
    """What is asked of both builders."""

    steps: tuple[Step, ...]
    where: str
    inputs: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.inputs} {self.where!r}"]
        for step in self.steps:
            links = "; ".join(f"{x.kind} {x.dataset_type}({', '.join(x.dimensions)})>={x.minimum}" for x in step.links)
            lines.append(f"  {step.label} {step.dimensions}: {links}")
        return "\n".join(lines)


@st.composite
def plans(draw: Any) -> Plan:
    """Up to four tasks that lean on each other, and a selection."""
    made: dict[str, tuple[str, ...]] = {}
    steps = []
    for number in range(draw(st.integers(1, 4))):
        dimensions = draw(st.sampled_from(TASKS))
        known = {name: skies.TYPES[name][0] for name in OVERALL}
        sources = made if made and draw(st.integers(0, 3)) else {**known, **made}
        names = draw(st.lists(st.sampled_from(sorted(sources)), min_size=1, max_size=2, unique=True))
        links = [_link(draw, "input", name, sources[name]) for name in names]
        if draw(st.booleans()):
            name = draw(st.sampled_from([each for each in PREREQUISITES if each not in names]))
            links.append(Link(f"pre_{name}", "prerequisite", name, skies.TYPES[name][0], True, 0))
        links.append(Link("out", "output", f"made{number}", dimensions, False))
        made[f"made{number}"] = dimensions
        steps.append(Step(f"task{number}", dimensions, tuple(links)))
    governors = "instrument = 'CamA' AND skymap = 'map1'"
    said = draw(st.lists(st.sampled_from(SAID), max_size=2, unique=True))
    inputs = draw(st.sampled_from([("chain/all",), ("raws", "chain/calib", "r1", "r2"), ("chain/b", "calib1", "r3")]))
    return Plan(tuple(steps), " AND ".join([governors, *(f"({each})" for each in said)]), inputs)


def _link(draw: Any, kind: str, name: str, dimensions: tuple[str, ...]) -> Link:
    return Link(f"in_{name}", kind, name, dimensions, True, draw(st.sampled_from([1, 1, 1, 0, 2])))


Graph = dict[str, dict[tuple[Any, ...], dict[str, frozenset[Any]]]]
"""By task and data ID, what is read and written through each connection: ids of what exists, else type and data ID."""


def our_graph(butler: Any, plan: Plan) -> Graph | Refusal:
    """Bunter's graph; one without quanta is empty."""
    universe = butler.universe
    tasks, found = [], {}
    for step in plan.steps:
        connections = []
        for x in step.links:
            group = universe.conform(x.dimensions)
            found[x.dataset_type] = DatasetType(x.dataset_type, group, KIND, x.is_calibration)
            options = {"multiple": x.multiple, "minimum": x.minimum, "is_calibration": x.is_calibration}
            connections.append(Connection(x.name, x.kind, x.dataset_type, None, group, KIND, **options))
        tasks.append(TaskNode(step.label, "x.Y", {}, universe.conform(step.dimensions), tuple(connections)))
    pipeline = PipelineGraph(tuple(tasks), found, universe)
    options = {"where": plan.where, "inputs": plan.inputs, "output_run": "u/run", "select": "strict"}
    try:
        graph = build_graph(butler, pipeline, artifacts=False, max_growth=None, **options)
    except EmptyGraphError:
        return {}
    except (GraphError, UserError) as error:
        return Refusal(type(error).__name__, str(error))
    return {label: _our_quanta(graph, label) for label, count in graph.counts.items() if count}


def _our_quanta(graph: Any, label: str) -> dict[tuple[Any, ...], dict[str, frozenset[Any]]]:
    required = graph.tasks[label].keys.required
    found = {}
    for quantum in graph.quanta(label):
        ends = {**quantum.inputs, **quantum.outputs}
        found[_key(quantum.data_id, required)] = {
            name: frozenset(_our_end(graph, ref) for ref in refs) for name, refs in ends.items()
        }
    return found


def _our_end(graph: Any, ref: Any) -> Any:
    required = graph.datasets[ref.dataset_type].keys.required
    return ref.id.hex() if ref.exists else (ref.dataset_type, _key(ref.data_id, required))


def _key(mapping: Any, required: Any) -> tuple[Any, ...]:
    return tuple(sorted((name, mapping[name]) for name in required))


def their_graph(butler: Any, plan: Plan) -> Graph | Refusal:
    """Give the reference system's graph."""
    logging.getLogger("lsst").setLevel(logging.CRITICAL)
    with quiet(), at_most(PATIENCE_S):
        try:
            graph = TheirPipelineGraph()
            for step in plan.steps:
                graph.add_task(step.label, _their_task(step))
            builder = AllDimensionsQuantumGraphBuilder(
                graph, butler, where=plan.where, input_collections=plan.inputs, output_run="u/run"
            )
            with _records_may_be_missing():
                skeleton = builder._build_skeleton(attach_datastore_records=False)
            return _their_quanta(skeleton, plan)
        except Exception as error:
            return Refusal(type(error).__name__, " ".join(str(error).split())[:300])


@contextlib.contextmanager
def _records_may_be_missing() -> Iterator[None]:
    """Exception by name: it attaches records when the graph is complete and fails at a data ID without an optional one."""
    attach = QuantumGraphSkeleton.attach_dimension_records

    def attempt(*args: Any) -> None:
        with contextlib.suppress(KeyError):
            attach(*args)

    QuantumGraphSkeleton.attach_dimension_records = attempt
    try:
        yield
    finally:
        QuantumGraphSkeleton.attach_dimension_records = attach


def _their_quanta(skeleton: Any, plan: Plan) -> Graph:
    found: Graph = {}
    for step in plan.steps:
        if not skeleton.has_task(step.label):
            continue
        names = {x.dataset_type: x.name for x in step.links}
        quanta = {}
        for key in skeleton.get_quanta(step.label):
            node = skeleton[key]
            ends: dict[str, frozenset[Any]] = dict.fromkeys(names.values(), frozenset())
            for refs in (node["inputs"], node["outputs"]):
                for kind, some in refs.items():
                    if kind.name in names:
                        ends[names[kind.name]] = frozenset(map(_their_end, some))
            quanta[tuple(sorted(node["data_id"].required.items()))] = ends
        if quanta:
            found[step.label] = quanta
    return found


def _their_end(ref: Any) -> Any:
    key = tuple(sorted(ref.dataId.required.items()))
    return (ref.datasetType.name, key) if ref.run == "u/run" else ref.id.hex


_KINDS = {
    "input": connectionTypes.Input,
    "prerequisite": connectionTypes.PrerequisiteInput,
    "output": connectionTypes.Output,
}


def _their_task(step: Step) -> type:
    body = {}
    for x in step.links:
        options: dict[str, Any] = {"name": x.dataset_type, "storageClass": KIND, "dimensions": x.dimensions}
        options |= {"multiple": x.multiple, "isCalibration": x.is_calibration}
        if x.kind != "output":
            options["minimum"] = x.minimum
        if x.kind == "input":
            options["deferGraphConstraint"] = x.minimum == 0
        body[x.name] = _KINDS[x.kind](doc="", **options)
    connections = types.new_class(
        f"{step.label}Connections", (base.PipelineTaskConnections,), {"dimensions": step.dimensions},
        lambda namespace: namespace.update(body),
    )  # fmt: skip
    config = types.new_class(
        f"{step.label}Config", (base.PipelineTaskConfig,), {"pipelineConnections": connections},
        lambda namespace: namespace.update(__module__=__name__),
    )  # fmt: skip
    return type(f"{step.label}Task", (base.PipelineTask,), {"ConfigClass": config, "_DefaultName": step.label})


def timeless(world: Any) -> set[tuple[str, Any]]:
    """Exposures, visits and days without a timespan: the reference finds no calibration for them, be there but one."""
    if world.name not in _TIMELESS:
        rows = [row for name in ("exposure", "visit", "day_obs") for row in world.ours.query_dimension_records(name)]
        _TIMELESS[world.name] = {(row.element.name, row.id) for row in rows if row.timespan is None}
    return _TIMELESS[world.name]


_TIMELESS: dict[Any, set[tuple[str, Any]]] = {}


def is_of_another_camera(plan: Plan, label: str, name: str) -> bool:
    """Whether a task without a camera reads prerequisites that have one: the reference does not apply the selection."""
    (step,) = (one for one in plan.steps if one.label == label)
    (link,) = (one for one in step.links if one.name == name)
    return link.kind == "prerequisite" and "instrument" in link.dimensions and "instrument" not in step.dimensions


def are_of_bands_of_other_cameras(plan: Plan, label: str, keys: list[tuple[Any, ...]]) -> bool:
    """Whether quanta have bands that the selected camera has no filter for: Bunter takes them for none of the selection's."""
    (step,) = (one for one in plan.steps if one.label == label)
    own = {skies.BANDS[name] for name in skies.FILTERS["CamA"]}
    return "instrument" not in step.dimensions and all(dict(key).get("band", "r") not in own for key in keys)


def compare(world: Any, plan: Plan) -> str:
    """Build with both; say how it went.

    Raises
    ------
    AssertionError
        If the graphs differ, or Bunter refuses what the reference system builds.
    """
    left, right = our_graph(world.ours, plan), their_graph(world.theirs, plan)
    if isinstance(right, Refusal):
        return "neither builds" if isinstance(left, Refusal) else f"only Bunter builds: {right.name}"
    assert not isinstance(left, Refusal), f"{plan}\n  Bunter refuses: {left}"
    others = set(right) - set(left)
    if (
        others
        and not set(left) - set(right)
        and all(are_of_bands_of_other_cameras(plan, label, list(right[label])) for label in others)
    ):
        return "same but for bands that only other cameras have, where only the camera is selected"
    assert set(left) == set(right), f"{plan}\n  {sorted(left)}, not {sorted(right)}"
    for label, quanta in right.items():
        more, fewer = sorted(set(left[label]) - set(quanta)), sorted(set(quanta) - set(left[label]))
        if fewer and not more and are_of_bands_of_other_cameras(plan, label, fewer):
            return "same but for bands that only other cameras have, where only the camera is selected"
        assert more == fewer == [], f"{plan}\n  {label}: only Bunter {more[:3]}, only reference {fewer[:3]}"
        for key, ends in quanta.items():
            for name, refs in ends.items():
                mine = left[label][key].get(name, frozenset())
                if mine and not refs and name.startswith("pre_") and timeless(world) & set(key):
                    return "same but for a quantum without a time, whose only calibration Bunter takes"
                if mine < refs and is_of_another_camera(plan, label, name):
                    return "same but for prerequisites of other cameras, which the selection of a camera leaves out"
                assert mine == refs, (
                    f"{plan}\n  {label} {key} {name}: only Bunter {sorted(mine - refs, key=str)[:3]}, "
                    f"only reference {sorted(refs - mine, key=str)[:3]}"
                )
    return "same" if right else "same, empty"
