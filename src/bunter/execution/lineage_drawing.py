"""A lineage for people and for other programs: a tree, a drawing, PROV-JSON."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from bunter.pipeline.drawing import Diagram, draw
from bunter.pipeline.drawing.diagram import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from bunter.execution.lineage import Lineage

__all__ = ["drawing_of", "prov_of", "tree_of"]


def tree_of(lineage: Lineage) -> str:
    """Lines of a tree: each dataset with the quantum that made it, or those that read it; what was shown before is a dot."""
    return "\n".join(_branch(lineage, lineage.root, "", set()))


def _branch(lineage: Lineage, dataset: UUID, indent: str, shown: set[UUID]) -> Iterator[str]:
    one = lineage.datasets[dataset]
    near, far = (lineage.used, lineage.made) if lineage.down else (lineage.made, lineage.used)
    works = [key for key, id_ in near if id_ == dataset]
    again = dataset in shown and bool(works)
    shown.add(dataset)
    yield f"{indent}{one}  {one.run}{' ...' if again else ''}"
    for quantum in [] if again else works:
        work = lineage.quanta[quantum]
        version = f" {work.version}" if work.version else ""
        yield f"{indent}  {'read by' if lineage.down else 'made by'} {work}{version}"
        yield from (f"{indent}    {text}" for text in work.decisions)
        for other in [id_ for key, id_ in far if key == quantum]:
            yield from _branch(lineage, other, indent + "    ", shown)


def drawing_of(lineage: Lineage, style: str) -> str:
    """Draw it as ``svg`` or ``mermaid``; arrows lead from what was read to what was made."""
    datasets = {id_: Box(f"D:{id_}", (one.dataset_type,), tuple(_values(one.data_id)), one.run)
                for id_, one in lineage.datasets.items()}  # fmt: skip
    quanta = {key: Box(f"T:{key}", (one.task,), tuple(_values(one.data_id)), f"{one.class_name} {one.version}")
              for key, one in lineage.quanta.items()}  # fmt: skip
    arrows = [(datasets[id_].key, quanta[key].key) for key, id_ in lineage.used]
    arrows += [(quanta[key].key, datasets[id_].key) for key, id_ in lineage.made]
    unique = tuple(dict.fromkeys(arrows))
    boxes = {box.key: box for box in [*datasets.values(), *quanta.values()]}
    title = f"Lineage of {lineage.datasets[lineage.root]}"
    return draw(Diagram(tuple(boxes[key] for key in _ordered(list(boxes), unique)), unique, description=title), style)


def _values(data_id: Any) -> Iterator[str]:
    return (f"{name}={value}" for name, value in data_id.items())


def _ordered(keys: list[str], arrows: tuple[tuple[str, str], ...]) -> Iterable[str]:
    """Keys such that arrows lead from earlier to later ones."""
    from graphlib import TopologicalSorter

    before: dict[str, set[str]] = {key: set() for key in keys}
    for tail, tip in arrows:
        before[tip].add(tail)
    return TopologicalSorter(before).static_order()


def prov_of(lineage: Lineage) -> dict[str, Any]:
    """PROV-JSON: datasets are entities, quanta activities (https://www.w3.org/submissions/prov-json/)."""
    plain = lineage.to_dict()
    activities = {}
    for one in plain["quanta"]:
        facts = {f"bunter:{name}": value for name, value in one.items() if name not in {"key", "data_id", "begin_ns"}}
        facts |= {f"bunter:{name}": value for name, value in one["data_id"].items()}
        activities[_activity(one["key"])] = facts | _times(one)
    entities = {
        f"dataset:{one['id']}": {
            "prov:type": one["dataset_type"],
            "bunter:run": one["run"],
            **{f"bunter:{name}": value for name, value in one["data_id"].items()},
        }
        for one in plain["datasets"]
    }
    return {
        "prefix": {"bunter": "urn:bunter:", "dataset": "urn:uuid:", "quantum": "urn:bunter:quantum:"},
        "entity": entities,
        "activity": activities,
        "used": {
            f"_:u{number}": {"prov:activity": _activity(quantum), "prov:entity": f"dataset:{dataset}"}
            for number, (quantum, dataset) in enumerate(plain["used"])
        },
        "wasGeneratedBy": {
            f"_:g{number}": {"prov:activity": _activity(quantum), "prov:entity": f"dataset:{dataset}"}
            for number, (quantum, dataset) in enumerate(plain["made"])
        },
    }


def _activity(key: str) -> str:
    from urllib.parse import quote

    return f"quantum:{quote(key, safe='')}"


def _times(one: dict[str, Any]) -> dict[str, str]:
    if "begin_ns" not in one:
        return {}
    begin = dt.datetime.fromtimestamp(one["begin_ns"] / 1e9, dt.UTC)
    end = begin + dt.timedelta(seconds=one["wall_s"])
    return {"prov:startTime": begin.isoformat(), "prov:endTime": end.isoformat()}
