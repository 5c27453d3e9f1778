"""Tasks, their configurations and connections, pipelines and their graphs.

A task module imports from here; names are loaded when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.at_need import at_need

if TYPE_CHECKING:
    from bunter.pipeline.choices import PluginChoice
    from bunter.pipeline.config import (
        ConfigChange,
        Field,
        TaskConfig,
        TaskPart,
        config_dict,
        config_diff,
        config_hash,
        config_schema,
    )
    from bunter.pipeline.connections import (
        Connections,
        Declaration,
        InitInput,
        InitOutput,
        Input,
        Output,
        PrerequisiteInput,
    )
    from bunter.pipeline.context import DeferredDataset, InMemoryDataset, LimitedButler, QuantumContext
    from bunter.pipeline.function_task import task
    from bunter.pipeline.kit import run_task
    from bunter.pipeline.pipeline import Pipeline
    from bunter.pipeline.pipeline_graph import PipelineGraph
    from bunter.pipeline.pipeline_task import PipelineTask
    from bunter.pipeline.signals import (
        AlgorithmError,
        InvalidQuantumError,
        NoWorkFound,
        PartialOutputsError,
        RepeatableError,
        UnprocessableDataError,
        UpstreamFailureNoWorkFound,
    )
    from bunter.pipeline.struct import Struct
    from bunter.pipeline.subtask import Subtask
    from bunter.pipeline.task_node import Connection, TaskNode

_HOMES = {
    "choices": ["PluginChoice"],
    "config": [
        "ConfigChange",
        "Field",
        "TaskConfig",
        "TaskPart",
        "config_dict",
        "config_diff",
        "config_hash",
        "config_schema",
    ],
    "connections": [
        "Connections",
        "Declaration",
        "InitInput",
        "InitOutput",
        "Input",
        "Output",
        "PrerequisiteInput",
    ],
    "context": ["DeferredDataset", "InMemoryDataset", "LimitedButler", "QuantumContext"],
    "function_task": ["task"],
    "kit": ["run_task"],
    "signals": [
        "AlgorithmError",
        "InvalidQuantumError",
        "NoWorkFound",
        "PartialOutputsError",
        "RepeatableError",
        "UnprocessableDataError",
        "UpstreamFailureNoWorkFound",
    ],
    "struct": ["Struct"],
    "subtask": ["Subtask"],
    "task_node": ["Connection", "TaskNode"],
    "pipeline": ["Pipeline"],
    "pipeline_graph": ["PipelineGraph"],
    "pipeline_task": ["PipelineTask"],
}

__all__ = [  # noqa: RUF022 - by topic
    "Connections",
    "Declaration",
    "InitInput",
    "InitOutput",
    "Input",
    "Output",
    "PrerequisiteInput",
    "Field",
    "TaskConfig",
    "TaskPart",
    "ConfigChange",
    "PluginChoice",
    "config_dict",
    "config_diff",
    "config_hash",
    "config_schema",
    "Connection",
    "Pipeline",
    "PipelineGraph",
    "TaskNode",
    "PipelineTask",
    "Struct",
    "Subtask",
    "task",
    "run_task",
    "DeferredDataset",
    "InMemoryDataset",
    "LimitedButler",
    "QuantumContext",
    "AlgorithmError",
    "InvalidQuantumError",
    "NoWorkFound",
    "PartialOutputsError",
    "RepeatableError",
    "UnprocessableDataError",
    "UpstreamFailureNoWorkFound",
]

__getattr__ = at_need(globals(), _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
