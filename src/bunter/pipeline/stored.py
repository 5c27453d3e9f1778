"""A pipeline graph as plain data: what a graph file keeps, and what reads back without the tasks' code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset import DatasetType
from bunter.errors import PipelineError
from bunter.pipeline.task_node import Connection, TaskNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.dimensions import Universe

__all__ = ["graph_parts", "plain_graph"]


def plain_graph(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a graph is made of, by the names of its fields, as what JSON can hold."""
    universe: Universe = parts["universe"]
    return {
        "version": 1,
        "description": parts["description"],
        "instrument": parts["instrument"],
        "universe": {"namespace": universe.namespace, "version": universe.version},
        "tasks": [_task_to_dict(task) for task in parts["tasks"]],
        "dataset_types": {name: _type_to_dict(kind) for name, kind in parts["dataset_types"].items()},
        "subsets": {name: list(labels) for name, labels in parts["subsets"].items()},
        "steps": [{"label": label, "dimensions": list(names)} for label, names in parts["steps"]],
        "contracts": [{"contract": expression, "msg": message} for expression, message in parts["contracts"]],
    }


def graph_parts(data: Mapping[str, Any], universe: Universe) -> dict[str, Any]:
    """Return what a graph is made of from its plain data: the reverse of `plain_graph`.

    Raises
    ------
    PipelineError
        If the data have another version or belong to another universe.
    """
    _refuse_foreign(data, universe)
    return {
        "tasks": tuple(_task_from_dict(task, universe) for task in data["tasks"]),
        "dataset_types": {name: _type_from_dict(name, kind, universe) for name, kind in data["dataset_types"].items()},
        "universe": universe,
        "description": data["description"],
        "instrument": data["instrument"],
        "subsets": {name: tuple(labels) for name, labels in data["subsets"].items()},
        "steps": tuple((step["label"], tuple(step["dimensions"])) for step in data["steps"]),
        "contracts": tuple((one["contract"], one["msg"]) for one in data["contracts"]),
    }


def _refuse_foreign(data: Mapping[str, Any], universe: Universe) -> None:
    if data.get("version") != 1:
        raise PipelineError(f"the stored pipeline has version {data.get('version')!r}, and this Bunter reads version 1")
    stored = data["universe"]
    if (stored["namespace"], stored["version"]) != (universe.namespace, universe.version):
        raise PipelineError(
            f"the stored pipeline belongs to universe {stored['namespace']} {stored['version']},"
            f" not to {universe.namespace} {universe.version}; pass its universe"
        )


def _task_to_dict(task: TaskNode) -> dict[str, Any]:
    return {
        "label": task.label,
        "class": task.class_name,
        "config": task.config_dict,
        "dimensions": list(task.dimensions.required),
        "version": task.version,
        "adjusts_quanta": task.adjusts_quanta,
        "resources": dict(task.resources),
        "connections": [_connection_to_dict(connection) for connection in task.connections],
    }


def _connection_to_dict(connection: Connection) -> dict[str, Any]:
    plain = {name: getattr(connection, name) for name in Connection.__dataclass_fields__}
    return {**plain, "dimensions": list(connection.dimensions.required)}


def _task_from_dict(data: Mapping[str, Any], universe: Universe) -> TaskNode:
    return TaskNode(
        label=data["label"],
        class_name=data["class"],
        config=data["config"],
        dimensions=universe.conform(data["dimensions"]),
        connections=tuple(
            Connection(**{**connection, "dimensions": universe.conform(connection["dimensions"])})
            for connection in data["connections"]
        ),
        version=data["version"],
        adjusts_quanta=data["adjusts_quanta"],
        resources=data.get("resources", {}),
    )


def _type_to_dict(kind: DatasetType) -> dict[str, Any]:
    return {
        "dimensions": list(kind.dimensions.required),
        "storage_class": kind.storage_class,
        "is_calibration": kind.is_calibration,
    }


def _type_from_dict(name: str, data: Mapping[str, Any], universe: Universe) -> DatasetType:
    return DatasetType(name, universe.conform(data["dimensions"]), data["storage_class"], data["is_calibration"])
