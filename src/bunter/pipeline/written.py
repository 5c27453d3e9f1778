"""A pipeline as the plain data of a pipeline file, its imports merged; what is written reads back the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from bunter.errors import PipelineError
from bunter.pipeline.document import PythonText

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.pipeline.document import Assignment, Contract, Subset, TaskEntry
    from bunter.pipeline.pipeline import Pipeline

__all__ = ["plain_pipeline", "yaml_of"]


def plain_pipeline(pipeline: Pipeline) -> dict[str, Any]:
    """Return a pipeline as plain data with the keys of a pipeline file; empty ones are left out.

    Raises
    ------
    PipelineError
        If parts of the pipeline are chosen: a file says that after ``#``.
    """
    if pipeline.chosen or pipeline.selected:
        raise PipelineError("a pipeline of which a part is chosen is not written; write the whole, or remove tasks")
    found = {
        "description": pipeline.description,
        "instrument": pipeline.instrument,
        "parameters": {name: one.value for name, one in pipeline.parameters.items()},
        "tasks": {label: _task(entry) for label, entry in pipeline.tasks.items()},
        "subsets": {name: _subset(one) for name, one in pipeline.subsets.items()},
        "steps": [{"label": one.label, "dimensions": list(one.dimensions)} for one in pipeline.steps],
        "contracts": [_contract(one) for one in pipeline.contracts],
    }
    return {key: value for key, value in found.items() if value or key == "tasks"}


def _task(entry: TaskEntry) -> Any:
    config = _blocks(entry.assignments)
    if not config and not entry.resources:
        return entry.class_name
    found: dict[str, Any] = {"class": entry.class_name}
    if config:
        found["config"] = config[0] if len(config) == 1 else config
    return {**found, "resources": dict(entry.resources)} if entry.resources else found


def _blocks(assignments: Iterable[Assignment]) -> list[dict[str, Any]]:
    """Return assignments as mappings in order, a new one where a key comes again: the later wins in both."""
    blocks: list[dict[str, Any]] = []
    for one in assignments:
        key, value = _entry(one)
        if not blocks or key in blocks[-1]:
            blocks.append({})
        blocks[-1][key] = value
    return blocks


def _entry(one: Assignment) -> tuple[str, Any]:
    if isinstance(one.value, PythonText):
        return ("file", one.value.file) if one.value.whole else ("python", one.value.text)
    return one.field, one.value


def _subset(one: Subset) -> Any:
    labels = list(one.labels)
    return {"subset": labels, "description": one.description} if one.description else labels


def _contract(one: Contract) -> Any:
    return {"contract": one.expression, "msg": one.message} if one.message else one.expression


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes no aliases, and marks as text what either version of YAML would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out, each where it stands."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    from bunter.pipeline.located import scalar_of

    if "\n" in value:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    style = None if scalar_of(value) == value else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def yaml_of(plain: dict[str, Any]) -> str:
    """Return plain data as YAML text, keys in their order."""
    text: str = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text
