"""Fields of dimension records that names of files ask for: looked up once for a run, so that workers need no database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from bunter import effects
from bunter.execution.dataset_types import graph_dataset_type
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.execution.outlet import Outlet
    from bunter.graph import QuantumGraph

__all__ = ["FIELDS", "RecordFields", "keep_fields"]

FIELDS = "fields.json"
"""Name of the file in the folder of a run."""

_IN_ONE_QUESTION = 20_000


@dataclass(frozen=True, slots=True)
class RecordFields:
    """Values of fields of records.

    Parameters
    ----------
    keys : mapping of str to tuple of str
        For each element, the dimensions that identify its records.
    values : mapping of str to mapping
        For each element, the fields of each record by the values of its keys.
    """

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[tuple[Any, ...], Mapping[str, Any]]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read them from the folder of a run; there are none where no name asks for any."""
        if effects.stat(folder / FIELDS) is None:
            return cls()
        document = json.loads(effects.read_bytes(folder / FIELDS))
        return cls(
            {name: tuple(part["keys"]) for name, part in document.items()},
            {
                name: {tuple(key): dict(zip(part["fields"], row, strict=True)) for key, row in part["rows"]}
                for name, part in document.items()
            },
        )

    def of(self, names: Iterable[str], data_id: Mapping[str, object]) -> dict[str, object]:
        """Return values of fields such as ``exposure.obs_id`` for a data ID; those that are not known are left out."""
        found: dict[str, object] = {}
        for name in names:
            element, dot, column = name.partition(".")
            if dot and element in self.keys and all(key in data_id for key in self.keys[element]):
                record = self.values[element].get(tuple(data_id[key] for key in self.keys[element]), {})
                if record.get(column) is not None:
                    found[name] = record[column]
        return found


def keep_fields(butler: Butler, graph: QuantumGraph, outlet: Outlet, folder: Path) -> None:
    """Look up what the names of a graph's outputs ask for, and put it into the folder of the run."""
    document = {
        element: _looked_up(butler, graph, element, sorted(columns))
        for element, columns in _wanted(butler, graph, outlet).items()
    }
    if not document:
        return
    staged = folder / f".fields-{new_nonce()}"
    effects.write_new(staged, json.dumps(document, default=str).encode(), sync=True)
    effects.rename(staged, folder / FIELDS)
    effects.sync_dir(folder)


def _wanted(butler: Butler, graph: QuantumGraph, outlet: Outlet) -> dict[str, set[str]]:
    """Fields that templates of the graph's outputs ask for, by element."""
    wanted: dict[str, set[str]] = {}
    for name in sorted({edge.dataset_type for edge in graph.edges.values() if edge.kind == "output"}):
        dataset_type = graph_dataset_type(graph, name, butler.universe)
        table = graph.datasets[name]
        data_id = table.keys.data_id(0) if len(table) else {}
        for asked in outlet.route(dataset_type, data_id).choice.template.sought:
            element, dot, column = asked.partition(".")
            if dot and element in dataset_type.dimensions.names:
                wanted.setdefault(element, set()).add(column)
    return wanted


def _looked_up(butler: Butler, graph: QuantumGraph, element: str, columns: list[str]) -> dict[str, Any]:
    names = list(butler.universe[element].required)
    own = names[-1]
    values = sorted(
        {
            value
            for table in graph.datasets.values()
            if own in table.keys.codes and len(table)
            for value in set(table.keys.values(own).tolist())
        }
    )
    rows: list[list[Any]] = []
    for first in range(0, len(values), _IN_ONE_QUESTION):
        some = values[first : first + _IN_ONE_QUESTION]
        found = butler.query_dimension_records(element, where=f"{own} IN (:some)", bind={"some": some})
        table = found.to_arrow().select([*names, *columns]).to_pydict()
        rows += [
            [list(key), list(row)]
            for key, row in zip(
                zip(*(table[name] for name in names), strict=True),
                zip(*(table[name] for name in columns), strict=True),
                strict=True,
            )
        ]
    return {"keys": names, "fields": columns, "rows": rows}
