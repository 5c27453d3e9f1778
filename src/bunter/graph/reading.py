"""Reads what a graph is built from out of a repository: as columns, once, as little as the selection allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.graph.arrow import identities, key_column, value_column
from bunter.graph.conjuncts import satisfied
from bunter.graph.joins import Joins
from bunter.graph.keys import Dictionary
from bunter.graph.links import ties
from bunter.graph.overlaps import Overlaps
from bunter.graph.relation import Relation
from bunter.graph.sources import Existing, Sources
from bunter.query import bind_predicate
from bunter.query.bound import ElementColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from bunter.butler import Butler
    from bunter.dimensions import DimensionGroup, Element
    from bunter.graph.conjuncts import Conjunct
    from bunter.graph.keys import Array
    from bunter.graph.sources import PlainColumns
    from bunter.pipeline import Connection, PipelineGraph

__all__ = ["Reading", "with_written_once"]

_OPEN_BEGIN, _OPEN_END = -(2**63), 2**63 - 1


class Reading:
    """Reads the sources of one graph.

    Parameters
    ----------
    butler : Butler
        The repository.
    pipeline : PipelineGraph
        The pipeline.
    inputs : sequence of str
        Collections in which inputs are searched, in order.
    conjuncts : sequence of Conjunct
        The user's conditions.
    restrictions : iterable of Conjunct
        Other conditions, of connections and decisions.
    alternatives : iterable of (str, str)
        Dataset types and the collections from which operators want them.
    joint : iterable of DimensionGroup
        Dimensions that are joined as a whole, beyond those of tasks and links.

    Attributes
    ----------
    governors : dict of str to list
        Values of the governors that the selection leaves.
    vain : dict of str to str
        Elements of which no record satisfies the conditions on it, and these conditions.
    """

    def __init__(
        self,
        butler: Butler,
        pipeline: PipelineGraph,
        inputs: Sequence[str],
        conjuncts: Sequence[Conjunct],
        *,
        restrictions: Iterable[Conjunct] = (),
        alternatives: Iterable[tuple[str, str]] = (),
        joint: Iterable[DimensionGroup] = (),
    ) -> None:
        self.butler, self.pipeline, self.universe = butler, pipeline, pipeline.universe
        self.inputs = tuple(inputs)
        systems = [w for w in conjuncts if _is_visit_system(w)]
        self.conjuncts = [w for w in conjuncts if w not in systems]
        self.restrictions = tuple(restrictions)
        self.alternatives = tuple(alternatives)
        self._joint = tuple(joint)
        self.connections = [c for task in pipeline.tasks for c in task.connections]
        self.elements = self._elements()
        self.governors: dict[str, list[object]] = {}
        self.vain: dict[str, str] = {}
        self._tables: dict[str, pa.Table] = {}
        self._systems = systems
        self._fix_governors()

    # Which elements.

    def _elements(self) -> list[str]:
        """Elements whose records links and conditions need, in the order of the universe."""
        names: set[str] = set().union(*(self._needed(group, ()) for group in self._joint))
        for group in [task.dimensions for task in self.pipeline.tasks] + [w.dimensions for w in self.conjuncts]:
            names |= self._needed(group, ())
        for task in self.pipeline.tasks:
            for connection in task.connections:
                if not connection.is_init:
                    via = task.connection(connection.through) if connection.through else task
                    sides = (via.dimensions, connection.dimensions)
                    names |= self._needed(sides[0] | sides[1], sides)
            for conjunct in self.conjuncts:
                sides = (task.dimensions, conjunct.dimensions)
                names |= self._needed(sides[0] | sides[1], sides)
        for conjunct in [*self.conjuncts, *self.restrictions]:
            names |= {column.element for column in conjunct.columns if isinstance(column, ElementColumn)}
        targets = {target for name in names if (target := self.universe[name].implied_union_target) is not None}
        return list(self.universe.sorted(names | targets))

    @staticmethod
    def _needed(group: DimensionGroup, sides: Sequence[DimensionGroup]) -> set[str]:
        return {*group.names}.union(*({tie.first, tie.second} for tie in ties(group, sides)))

    # Records.

    def _fix_governors(self) -> None:
        """Find the values of governors that the selection leaves."""
        for name in self.elements:
            element = self.universe[name]
            if element.governor:
                table = self._query(element, {})
                mine = [w for w in self.conjuncts if w.dimensions.names == (name,)]
                if mine and table.num_rows:
                    keys = {name: key_column(table, name)}
                    sources = Sources.of(
                        self.universe,
                        records={name: keys | self._metadata(table, element)},
                        datasets={},
                        calibrations={},
                        overlap=_no_overlap,
                    )
                    joins = Joins(sources)
                    masks = [satisfied(w, sources.records[name].keys, joins) for w in mine]
                    table = table.filter(np.all(masks, axis=0))
                self._tables[name] = table
                self.governors[name] = table.column(name).to_pylist()

    def _query(self, element: Element, data_id: Mapping[str, object], where: str = "") -> pa.Table:
        if element.always_join:
            # Data IDs keep to the default visit system unless a question names another; records do not.
            return self.butler.query_data_ids(element.required, where=where, data_id=data_id).to_arrow()
        return self.butler.query_dimension_records(element.name, where=where, data_id=data_id).to_arrow()

    def _fixed(self, group: DimensionGroup | Sequence[str]) -> dict[str, object]:
        """Find the data ID values that hold for all quanta, of the governors among some dimensions."""
        return {name: values[0] for name, values in self.governors.items() if name in group and len(values) == 1}

    def _where(self, element: Element) -> str:
        """Conditions that may be applied where records are read.

        A condition on an element's own dimensions filters every task and input that has them, unless a prerequisite or
        whole input has them too, which selections leave alone.
        """
        group = self.universe.conform(element.required)
        if element.always_join:
            return " AND ".join(f"({w.text})" for w in self._systems)
        if any(self._spared(connection, group) for connection in self.connections) or self._leads_to_spared(group):
            return ""
        texts = [w.text for w in self.conjuncts if w.dimensions <= group and self._means_the_same(w, group)]
        return " AND ".join(f"({text})" for text in texts)

    @staticmethod
    def _spared(connection: Connection, group: DimensionGroup) -> bool:
        spared = connection.kind == "prerequisite" or connection.whole
        return spared and set(group.required) <= set(connection.dimensions.names)

    def _leads_to_spared(self, group: DimensionGroup) -> bool:
        """Whether an element joins a task with a prerequisite or whole input, being within neither."""
        required = set(group.required)
        return any(
            required <= {*task.dimensions.names, *connection.dimensions.names}
            and not required <= {*task.dimensions.names}
            for task in self.pipeline.tasks
            for connection in task.connections
            if connection.kind == "prerequisite" or connection.whole
        )

    @staticmethod
    def _means_the_same(conjunct: Conjunct, group: DimensionGroup) -> bool:
        try:
            return bind_predicate(conjunct.text, dimensions=group) == conjunct.predicate
        except ValueError:
            return False

    def _records(self, name: str) -> PlainColumns:
        element = self.universe[name]
        if name not in self._tables:
            where = self._where(element)
            self._tables[name] = self._query(element, self._fixed(element.required), where)
            if where and not self._tables[name].num_rows:
                self.vain[name] = where
        table = self._tables[name]
        keys = {key: key_column(table, key) for key in (*element.required, *element.implies)}
        return {**keys, **self._metadata(table, element)}

    def _metadata(self, table: pa.Table, element: Element) -> dict[str, Any]:
        asked = {
            column.column
            for conjunct in [*self.conjuncts, *self.restrictions, *self._systems]
            for column in conjunct.columns
            if isinstance(column, ElementColumn) and column.element == element.name
        }
        names = [name for name in asked if name != "timespan"]
        if element.temporal is not None:
            names += ["timespan_begin", "timespan_end"]
        return {name: value_column(table, name) for name in names}

    # Datasets.

    def _dataset_where(self, connections: Sequence[Connection]) -> str:
        """Conditions that may be applied where datasets are searched: those on every connection that reads them."""
        if any(c.kind != "input" or c.whole for c in connections):
            return ""
        group = connections[0].dimensions
        texts = [w.text for w in self.conjuncts if w.dimensions <= group and self._means_the_same(w, group)]
        return " AND ".join(f"({text})" for text in texts)

    def _datasets(self, name: str, connections: Sequence[Connection]) -> tuple[PlainColumns, Array, Dictionary]:
        group = connections[0].dimensions
        table = self.butler.query_datasets(
            name, self.inputs, find_first=True, where=self._dataset_where(connections), data_id=self._fixed(group.names)
        ).to_arrow()
        return {key: key_column(table, key) for key in group.required}, identities(table), _texts(table, "run")

    def _alternative(self, name: str, collection: str) -> tuple[PlainColumns, Array, Dictionary]:
        group = self.pipeline.dataset_types[name].dimensions
        table = self.butler.query_datasets(
            name, collection, find_first=True, data_id=self._fixed(group.names)
        ).to_arrow()
        return {key: key_column(table, key) for key in group.required}, identities(table), _texts(table, "run")

    def _certified(
        self, name: str, connections: Sequence[Connection]
    ) -> tuple[PlainColumns, Array, Dictionary, Array, Array, Array]:
        group = connections[0].dimensions
        table = self.butler.calibrations(name, self.inputs)
        fixed = [np.asarray(table.column(key).to_numpy() == value) for key, value in self._fixed(group.names).items()
                 if key in group.required]  # fmt: skip
        if fixed:
            table = table.filter(np.all(fixed, axis=0))
        searched = self.butler.collections.query(self.inputs, flatten_chains=True)
        ranks = {collection: rank for rank, collection in enumerate(searched)}
        rank = np.fromiter((ranks[one] for one in table.column("collection").to_pylist()), np.int64, table.num_rows)
        begin, end = (
            np.asarray(table.column(f"timespan_{which}").fill_null(open_).to_numpy(), np.int64)
            for which, open_ in (("begin", _OPEN_BEGIN), ("end", _OPEN_END))
        )
        run = _texts(table, "run" if "run" in table.column_names else "collection")
        return {key: key_column(table, key) for key in group.required}, identities(table), run, begin, end, rank

    def _overall(self) -> dict[str, list[Connection]]:
        """Group connections by the overall input that they read."""
        found: dict[str, list[Connection]] = {}
        for connection in self.connections:
            if connection.is_input and connection.dataset_type in self.pipeline.overall_inputs:
                found.setdefault(connection.dataset_type, []).append(connection)
        return found

    def sources(self) -> Sources:
        """Read everything."""
        overall = self._overall()
        known = {kind.name for kind in self.butler.dataset_types}
        certified = {
            name for name, connections in overall.items()
            if self.pipeline.dataset_types[name].is_calibration and all(c.kind == "prerequisite" for c in connections)
        }  # fmt: skip
        calibrations = {n: self._certified(n, c) for n, c in overall.items() if n in known and n in certified}
        datasets = {n: self._datasets(n, c) for n, c in overall.items() if n in known and n not in certified}
        records = {name: self._records(name) for name in self.elements if self.universe[name].has_table}
        regions = {
            name: self._tables[name].column("region").to_pylist()
            for name in records
            if self.universe[name].spatial is not None
        }
        overlaps = Overlaps(self.universe, regions)
        for name in self.elements:
            if self.universe[name].skypix:
                found = [*(part[0] for part in datasets.values()), *(part[0] for part in calibrations.values())]
                given = [np.asarray(keys[name]) for keys in found if name in keys]
                makes = any(name in task.dimensions for task in self.pipeline.tasks)
                records[name] = {name: overlaps.add_pixels(name, given, everywhere=makes)}
        return Sources.of(
            self.universe,
            records=records,
            datasets=datasets,
            calibrations=calibrations,
            overlap=overlaps,
            alternatives={one: self._alternative(*one) for one in self.alternatives},
        )


def with_written_once(butler: Butler, pipeline: PipelineGraph, sources: Sources, run: str) -> Sources:
    """Add what the tasks have written once into a run: configurations, and what they give when constructed."""
    names = {c.dataset_type for task in pipeline.tasks for c in task.of_kind("init_output")}
    found = dict(sources.datasets)
    for name in sorted(names & {kind.name for kind in butler.dataset_types}):
        table = butler.query_datasets(name, run).to_arrow()
        if table.num_rows:
            found[name] = Existing(Relation.unit(), identities(table), (run,), np.zeros(1, np.int64))
    return replace(sources, datasets=found)


def _is_visit_system(conjunct: Conjunct) -> bool:
    return "visit_system" in conjunct.dimensions and set(conjunct.dimensions.names) <= {"visit_system", "instrument"}


def _no_overlap(first: str, second: str) -> Any:
    raise AssertionError(f"nothing joins {first} and {second} here")


def _texts(table: pa.Table, name: str) -> Dictionary:
    column = key_column(table, name)
    assert isinstance(column, Dictionary)
    return column
