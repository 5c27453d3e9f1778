"""Configuration files that a package provides for an instrument: they come before what a pipeline says.

An entry point in the group ``bunter.instrument_configs``, named as the instrument, leads to a package; in its folder a file
``IsrTask.yaml`` (or ``IsrTask.py``, which is read as data) holds values for every task of the class ``IsrTask`` in pipelines of this
instrument. Nothing is imported.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from bunter.pipeline.importing import find_package_file, read_assignments
from bunter.pipeline.located import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.pipeline.document import Assignment, TaskEntry

__all__ = ["GROUP", "with_instrument_files"]

GROUP = "bunter.instrument_configs"


@cache
def _packages() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point.value)
    return found


def with_instrument_files(tasks: Mapping[str, TaskEntry], instrument: str | None) -> dict[str, TaskEntry]:
    """Return tasks with the values that an instrument's files give them, before those of the pipeline.

    Parameters
    ----------
    tasks : Mapping[str, TaskEntry]
        By label.
    instrument : str or None
        Name of the pipeline's instrument.

    Raises
    ------
    PipelineError
        If a file cannot be read.
    """
    packages = _packages().get(instrument or "", ())
    if not packages:
        return dict(tasks)
    return {
        label: replace(one, assignments=(*_provided(packages, one), *one.assignments)) for label, one in tasks.items()
    }


def _provided(packages: list[str] | tuple[str, ...], entry: TaskEntry) -> list[Assignment]:
    name = entry.class_name.replace(":", ".").rpartition(".")[2]
    found: list[Assignment] = []
    for package in packages:
        for ending in (".yaml", ".py"):
            path = find_package_file(package, f"{name}{ending}")
            found += read_assignments(str(path), path.parent, Source(str(path))) if path else []
    return found
