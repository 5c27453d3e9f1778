"""Following a pipeline file's imports and merging what they bring."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bunter.errors import PipelineError, near
from bunter.pipeline.contracts import names_in, with_labels
from bunter.pipeline.document import Assignment, Contract, Document, Import, Step, Subset, TaskEntry, parse_document
from bunter.pipeline.located import Located, Source, read_yaml_file

if TYPE_CHECKING:
    import importlib.machinery
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Content", "find_module_file", "find_package_file", "gather", "locate"]

_PACKAGE_FILE = re.compile(r"([A-Za-z_][\w.]*):(.+)$")


@dataclass(slots=True)
class Content:
    """What a file and all its imports say together."""

    description: str = ""
    instrument: str | None = None
    parameters: dict[str, Assignment] = field(default_factory=dict)
    tasks: dict[str, TaskEntry] = field(default_factory=dict)
    subsets: dict[str, Subset] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)


def find_package_file(package: str, name: str) -> Path | None:
    """Return a file inside an installed package, without importing the package; None if it is not there."""
    places: list[str] | None = None
    full = ""
    for part in package.split("."):
        full = f"{full}.{part}" if full else part
        spec = _find_spec(full, places)
        if spec is None or spec.submodule_search_locations is None:
            return None
        places = list(spec.submodule_search_locations)
    return next((Path(place, name) for place in places or [] if Path(place, name).is_file()), None)


def find_module_file(name: str) -> Path | None:
    """Return the source file of a module, without importing it or its packages; None if it is not there."""
    places: list[str] | None = None
    spec = None
    parts = name.split(".")
    for i in range(len(parts)):
        spec = _find_spec(".".join(parts[: i + 1]), places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    found = Path(spec.origin) if spec and spec.origin else None
    return found if found and found.suffix == ".py" else None


def _find_spec(name: str, places: list[str] | None) -> importlib.machinery.ModuleSpec | None:
    """Ask every finder where a module is; none of them runs it."""
    for finder in sys.meta_path:
        if spec := getattr(finder, "find_spec", lambda *_: None)(name, places):
            return spec  # type: ignore[no-any-return]
    return None


def locate(location: str, base: Path, wrong: Callable[[str], PipelineError]) -> Path:
    """Return the path that a location means.

    Parameters
    ----------
    location : str
        A path, relative to ``base``, in which ``$NAME`` stands for an environment variable; or ``package:path``.
    base : Path
        Folder of the file that names it.
    wrong : callable
        Makes the error of a sentence.
    """
    expanded = os.path.expandvars(location)
    if missing := re.search(r"\$\{?(\w+)", expanded):
        raise wrong(f"the environment variable {missing[1]!r} in {location!r} is not set")
    if (match := _PACKAGE_FILE.match(expanded)) and not Path(expanded).exists():
        found = find_package_file(match[1], match[2])
        if found is None:
            raise wrong(f"the package {match[1]!r} has no file {match[2]!r}, or is not installed")
        return found
    path = base / Path(expanded).expanduser()
    if not path.is_file():
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise wrong(f"there is no file {str(path)!r}{near(path.name, names)}")
    return path


def gather(root: Located, base: Path, chain: tuple[Path, ...] = ()) -> Content:
    """Parse a pipeline file's content and merge its imports into it.

    Parameters
    ----------
    root : Located
        The file's content.
    base : Path
        Folder that relative locations start from.
    chain : tuple of Path
        Files that led here; a file that imports itself by way of others is refused.

    Raises
    ------
    PipelineError
        With file and line.
    """
    document = parse_document(root)
    content = Content()
    for one in document.imports:
        _merge_import(content, _imported(one, base, chain), one)
    _merge_own(content, document, base)
    _check_names(content)
    return content


def _imported(one: Import, base: Path, chain: tuple[Path, ...]) -> Content:
    location, _, labels = one.location.partition("#")
    path = locate(location, base, one.source.error).resolve()
    if path in chain:
        way = " -> ".join(step.name for step in (*chain[chain.index(path) :], path))
        raise one.source.error(f"these files import each other: {way}; break the circle")
    content = gather(read_yaml_file(path), path.parent, (*chain, path))
    include = tuple(label.strip() for label in labels.split(",")) if labels else one.include
    return _cut(content, replace(one, include=include))


def _cut(content: Content, one: Import) -> Content:
    """Take the included or leave the excluded labels, and give the rest their new names."""
    for name in (*(one.include or ()), *one.exclude):
        if name not in content.tasks and name not in content.subsets:
            offer = near(name, [*content.tasks, *content.subsets])
            raise one.source.error(f"{one.location} has no task or subset {name!r}{offer}")
    wanted = set(content.tasks) if one.include is None else _labels(one.include, content)
    wanted -= _labels(one.exclude, content)
    gone = content.tasks.keys() - wanted
    content.tasks = {label: entry for label, entry in content.tasks.items() if label in wanted}
    content.subsets = dict(_kept_subsets(content.subsets, wanted, edit=one.edit_subsets))
    content.steps = [step for step in content.steps if one.steps and step.label in content.subsets]
    content.contracts = [x for x in content.contracts if one.contracts and not names_in(x.expression) & gone]
    content.instrument = content.instrument if one.keep_instrument else None
    return _renamed(content, one) if one.rename else content


def _labels(names: Iterable[str], content: Content) -> set[str]:
    return {label for name in names for label in (content.subsets[name].labels if name in content.subsets else [name])}


def _kept_subsets(subsets: Mapping[str, Subset], wanted: set[str], *, edit: bool) -> list[tuple[str, Subset]]:
    """Keep subsets that lost no member; with ``edit`` all, without what they lost: the importing file may refill them."""
    kept = []
    for name, subset in subsets.items():
        left = tuple(label for label in subset.labels if label in wanted)
        if edit or (left and len(left) == len(subset.labels)):
            kept.append((name, replace(subset, labels=left)))
    return kept


def _renamed(content: Content, one: Import) -> Content:
    for old in one.rename:
        if old not in content.tasks:
            raise one.source.error(f"{one.location} has no task {old!r} to rename{near(old, content.tasks)}")
    names = {label: one.rename.get(label, label) for label in content.tasks}
    if len(set(names.values())) < len(names):
        raise one.source.error("two tasks would get the same label by 'rename'")
    content.tasks = {names[label]: replace(entry, label=names[label]) for label, entry in content.tasks.items()}
    content.subsets = {
        name: replace(subset, labels=tuple(names[label] for label in subset.labels))
        for name, subset in content.subsets.items()
    }
    content.contracts = [replace(one, expression=with_labels(one.expression, names)) for one in content.contracts]
    return content


def _merge_import(content: Content, brought: Content, one: Import) -> None:
    for label, entry in brought.tasks.items():
        if label in content.tasks:
            other = content.tasks[label].source
            raise one.source.error(
                f"the label {label!r} comes from two imports, {other} and {entry.source}; exclude or rename one"
            )
    content.tasks |= brought.tasks
    content.subsets |= brought.subsets
    content.parameters |= brought.parameters
    _add_steps(content, brought.steps)
    content.contracts += brought.contracts
    if content.instrument and brought.instrument and content.instrument != brought.instrument:
        raise one.source.error(f"imports name two instruments, {content.instrument!r} and {brought.instrument!r}")
    content.instrument = brought.instrument or content.instrument


def _merge_own(content: Content, document: Document, base: Path) -> None:
    """Lay the file's own entries over what was imported; they win."""
    content.description = document.description
    content.instrument = document.instrument or content.instrument
    content.parameters |= document.parameters
    for label, entry in document.tasks.items():
        content.tasks[label] = _over(content.tasks.get(label), _with_files(entry, base))
    content.subsets |= document.subsets
    _add_steps(content, document.steps)
    content.contracts += document.contracts


def _add_steps(content: Content, steps: Iterable[Step]) -> None:
    """Add steps; one that is there already must be cut in the same way."""
    known = {step.label: step for step in content.steps}
    for step in steps:
        other = known.setdefault(step.label, step)
        if other.dimensions != step.dimensions:
            raise step.source.error(f"step {step.label!r} has other dimensions at {other.source}; make them equal")
    content.steps = list(known.values())


def _over(imported: TaskEntry | None, own: TaskEntry) -> TaskEntry:
    """Add to an imported task of the same class; another class replaces it whole."""
    if imported is None:
        if not own.class_name:
            raise own.source.error(f"task {own.label!r} needs 'class': no import brings a task of this label")
        return own
    if own.class_name and own.class_name != imported.class_name:
        return own
    resources = {**imported.resources, **own.resources}
    return replace(imported, assignments=(*imported.assignments, *own.assignments), resources=resources)


def _with_files(entry: TaskEntry, base: Path) -> TaskEntry:
    """Put the assignments of configuration files in the place where they are named."""
    found: list[Assignment] = []
    for one in entry.assignments:
        named = one.field == "file" and isinstance(one.value, str)
        found += read_assignments(one.value, base, one.source) if named else [one]
    return replace(entry, assignments=tuple(found))


def read_assignments(location: str, base: Path, source: Source) -> list[Assignment]:
    """Read a YAML file of ``field: value``; one in Python stays text until its task is configured."""
    path = locate(location, base, source.error)
    if path.suffix == ".py":
        from bunter.pipeline.overrides import whole_file

        return [whole_file(path, source)]
    entries = read_yaml_file(path).mapping("a configuration file")
    return [Assignment(name, value.plain(), value.source) for name, value in entries.items()]


def _check_names(content: Content) -> None:
    if wrong := [*_wrong_names(content)]:
        raise PipelineError.together(wrong)


def _wrong_names(content: Content) -> Iterator[PipelineError]:
    for name, subset in content.subsets.items():
        if name in content.tasks:
            yield subset.source.error(f"{name!r} is a task and a subset; give the subset another name")
        for label in subset.labels:
            if label not in content.tasks:
                message = f"subset {name!r} names {label!r}, which is no task{near(label, content.tasks)}"
                yield subset.source.error(message)
    for step in content.steps:
        if step.label not in content.subsets:
            yield step.source.error(f"step {step.label!r} is no subset{near(step.label, content.subsets)}")
