"""A capsule: one quantum with everything it reads, in a folder or zip file that runs elsewhere."""

from __future__ import annotations

import io
import json
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import check_key
from bunter.errors import RunError
from bunter.execution.site import Site
from bunter.execution.staging import stage_in

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.execution.run_directory import RunDirectory
    from bunter.graph import QuantumGraph

__all__ = ["is_capsule", "open_capsule", "pack_capsule"]

_MARK = "slice.json"
_FACTS = "capsule.json"
_README = """{title}

{problem}

To run it again, with the packages that capsule.json lists:

    bunter run-quanta {name} --job again
    bunter debug {name} {quantum}

The second stops in the debugger where the task fails. The inputs are in data/, the log of the failure in failure.log.
"""


def pack_capsule(butler: Butler, directory: RunDirectory, quantum: int, target: Path) -> Path:
    """Pack a quantum of a run, with all that it reads; the target is there when it is whole.

    Parameters
    ----------
    butler : Butler
        A butler of the repository.
    directory : RunDirectory
        Folder of the run.
    quantum : int
        Number of the quantum.
    target : Path
        A new folder, or a new zip file if the name ends in ``.zip``.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    RunError
        If the target exists, or the quantum waits for others.
    """
    if effects.stat(target) is not None:
        raise RunError(f"{target} is there already; choose another name for the capsule")
    folder = target.with_name(f".{target.name}.packing")
    _clear(folder)  # what a packing that was killed has left
    stage_in(directory, [quantum], folder, site=Site.of_run(butler, directory))
    _describe(directory, quantum, folder, target.stem if target.suffix == ".zip" else target.name)
    if target.suffix == ".zip":
        _zip(folder, target)
    else:
        effects.rename(folder, target)
    return target


def _describe(directory: RunDirectory, quantum: int, folder: Path, name: str) -> None:
    graph = directory.graph()
    failure = next((one for one in directory.told().failures if one.quantum == quantum), None)
    problem = failure.problem if failure is not None else None
    said = f"It failed: {problem}" if problem is not None else "It has not failed."
    facts = {
        "run": graph.header.output_run,
        "quantum": quantum,
        "label": graph.quantum(quantum).label,
        "data_id": dict(graph.quantum(quantum).data_id),
        "task": _class_of(graph, graph.quantum(quantum).label),
        "problem": str(problem) if problem is not None else None,
        "packages": {one.name: one.version for one in metadata.distributions()},
    }
    effects.write_new(folder / _FACTS, json.dumps(facts, indent=1, sort_keys=True).encode(), sync=False)
    text = _README.format(title=graph.quantum(quantum), problem=said, name=name, quantum=quantum)
    effects.write_new(folder / "README.txt", text.encode(), sync=False)
    if problem is not None and problem.log and effects.stat(problem.log) is not None:
        effects.write_new(folder / "failure.log", effects.read_bytes(problem.log), sync=False)


def _class_of(graph: QuantumGraph, label: str) -> str:
    return next(str(task["class"]) for task in graph.pipeline["tasks"] if task["label"] == label)


def _zip(folder: Path, target: Path) -> None:
    buffer = io.BytesIO()
    names = [name for name, _ in effects.walk(folder)]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), effects.read_bytes(folder / name))
    whole = folder / ".whole.zip"
    effects.write_new(whole, buffer.getvalue(), sync=True)
    effects.rename(whole, target)
    _clear(folder)


def _clear(folder: Path) -> None:
    """Remove a folder in which a capsule is packed."""
    if effects.stat(folder) is None:
        return
    for name, _ in list(effects.walk(folder)):
        effects.unlink(folder / name, missing_ok=True)
    folders = [path for path in folder.rglob("*") if path.is_dir()]
    for path in sorted([*folders, folder], key=lambda one: len(one.parts), reverse=True):
        effects.rmdir(path)


def is_capsule(path: Path) -> bool:
    """Whether a file is a capsule, and not a graph."""
    return path.is_file() and zipfile.is_zipfile(path) and _MARK in zipfile.ZipFile(path).namelist()


def open_capsule(path: Path) -> Path:
    """Unpack a capsule beside its file, unless that was done before, and return the folder.

    Raises
    ------
    RunError
        If a name in it would leave the folder.
    """
    folder = path.with_suffix("")
    if effects.stat(folder / _MARK) is not None:
        return folder
    with zipfile.ZipFile(path) as archive:
        # What makes a folder whole comes last, so that a folder cut short is unpacked again.
        for name in sorted(archive.namelist(), key=lambda one: one == _MARK):
            _unpack(archive, name, folder)
    return folder


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path) -> None:
    try:
        place = folder / check_key(name)
    except ValueError as error:
        raise RunError(f"the capsule has a file {name!r} that would lie outside of it; do not trust it") from error
    effects.mkdirs(place.parent)
    effects.unlink(place, missing_ok=True)
    effects.write_new(place, archive.read(name), sync=False)
