"""One pipeline file, parsed: the values that its keys stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bunter.errors import PipelineError, near
from bunter.pipeline.located import Located, Source
from bunter.pipeline.resources import plain_resources

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Assignment",
    "Contract",
    "Document",
    "Import",
    "PythonText",
    "Step",
    "Subset",
    "TaskEntry",
    "check_label",
    "parse_document",
]

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}$")
_SUBSET = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}$")
_REFERENCE_SPELLING = {
    "importContracts": "import_contracts",
    "importSteps": "import_steps",
    "labeledSubsetModifyMode": "subset_mode",
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value for one field of a configuration, by dotted name, and who set it.

    The fields ``file`` and ``python`` stand for several: a file of them, or a text in Python.
    """

    field: str
    value: Any
    source: Source


@dataclass(frozen=True, slots=True)
class PythonText:
    """Overrides as written in Python.

    Parameters
    ----------
    text : str
        The statements.
    file : str
        File that holds them; relative names in it start from its folder.
    line : int
        Line of the file on which the text begins.
    whole : bool
        Whether it is the whole file, so that a pipeline names the file.
    """

    text: str
    file: str
    line: int = 1
    whole: bool = False


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """A labelled task: its class by name (or itself), what its configuration is told, and what its quanta may take."""

    label: str
    class_name: str
    assignments: tuple[Assignment, ...]
    source: Source
    task_class: Any = None
    resources: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Subset:
    """Labels under one name."""

    name: str
    labels: tuple[str, ...]
    description: str
    source: Source


@dataclass(frozen=True, slots=True)
class Step:
    """A subset that is run at a time, and the dimensions over which a campaign may shard it."""

    label: str
    dimensions: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Contract:
    """An expression over the tasks' configurations that must hold."""

    expression: str
    message: str
    source: Source


@dataclass(frozen=True, slots=True)
class Import:
    """Another pipeline file and what is taken from it."""

    location: str
    source: Source
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    contracts: bool = True
    steps: bool = True
    edit_subsets: bool = False
    keep_instrument: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """One file's own content, before its imports."""

    file: str
    description: str = ""
    instrument: str | None = None
    imports: tuple[Import, ...] = ()
    parameters: Mapping[str, Assignment] = field(default_factory=dict)
    tasks: Mapping[str, TaskEntry] = field(default_factory=dict)
    subsets: Mapping[str, Subset] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    contracts: tuple[Contract, ...] = ()


def parse_document(root: Located) -> Document:
    """Parse the content of a pipeline file.

    Raises
    ------
    PipelineError
        With file and line, for an unknown key or a value that cannot be meant.
    """
    keys = root.mapping("a pipeline")
    _refuse_unknown_keys(keys, _TOP_KEYS, "a pipeline")
    if "tasks" not in keys and "imports" not in keys:
        raise root.source.error("a pipeline needs 'tasks' or 'imports'")
    absent = Located(None, root.source)
    tasks = keys.get("tasks", absent).mapping("'tasks'")
    subsets = keys.get("subsets", absent).mapping("'subsets'")
    parameters = keys.get("parameters", absent).mapping("'parameters'")
    return Document(
        file=root.source.file,
        description=keys["description"].text("'description'").strip() if "description" in keys else "",
        instrument=keys["instrument"].text("'instrument'") if "instrument" in keys else None,
        imports=tuple(_import(item) for item in _one_or_many(keys.get("imports", absent))),
        parameters={name: Assignment(name, value.plain(), value.source) for name, value in parameters.items()},
        tasks={label: _task(label, value) for label, value in tasks.items()},
        subsets={name: _subset(name, value) for name, value in subsets.items()},
        steps=tuple(_step(item) for item in keys.get("steps", absent).items("'steps'")),
        contracts=tuple(_contract(item) for item in keys.get("contracts", absent).items("'contracts'")),
    )


_TOP_KEYS = ("description", "instrument", "imports", "parameters", "tasks", "subsets", "steps", "contracts")
_IMPORT_KEYS = (
    "location", "include", "exclude", "rename", "import_contracts", "import_steps", "subset_mode", "instrument",
)  # fmt: skip


def _one_or_many(located: Located) -> list[Located]:
    return [located] if isinstance(located.value, dict) else located.items("this")


def _keys(located: Located, known: tuple[str, ...], what: str) -> dict[str, Located]:
    """Return the entries of a mapping whose keys are known; the reference system's spellings are read too."""
    found = {_REFERENCE_SPELLING.get(key, key): value for key, value in located.mapping(what).items()}
    _refuse_unknown_keys(found, known, what)
    return found


def _refuse_unknown_keys(keys: Mapping[str, Located], known: tuple[str, ...], what: str) -> None:
    for key, value in keys.items():
        if key not in known:
            offer = near(key, known) or f"; it has: {', '.join(known)}"
            raise value.source.error(f"{what} has no key {key!r}{offer}")


def check_label(label: str, source: Source) -> str:
    """Return a label, or refuse one that cannot be: it begins the names of dataset types."""
    if not _LABEL.match(label) or label == "parameters":
        raise source.error(f"{label!r} cannot be a label; use letters, digits and '_', and not 'parameters'")
    return label


def _import(item: Located) -> Import:
    if isinstance(item.value, str):
        return Import(item.value, item.source)
    keys = _keys(item, _IMPORT_KEYS, "an import")
    if "location" not in keys:
        raise item.source.error("an import needs 'location'")
    if "include" in keys and "exclude" in keys:
        raise keys["exclude"].source.error("an import takes 'include' or 'exclude', not both")
    absent = Located(None, item.source)
    renames = keys.get("rename", absent).mapping("'rename'")
    return Import(
        keys["location"].text("'location'"),
        item.source,
        include=keys["include"].texts("'include'") if "include" in keys else None,
        exclude=keys.get("exclude", absent).texts("'exclude'"),
        rename={old: check_label(new.text("a new label"), new.source) for old, new in renames.items()},
        contracts=keys["import_contracts"].flag("'import_contracts'") if "import_contracts" in keys else True,
        steps=keys["import_steps"].flag("'import_steps'") if "import_steps" in keys else True,
        edit_subsets=_edits(keys["subset_mode"]) if "subset_mode" in keys else False,
        keep_instrument=keys["instrument"].value not in {None, "None"} if "instrument" in keys else True,
    )


def _edits(mode: Located) -> bool:
    word = mode.text("'subset_mode'").lower()
    if word not in {"drop", "edit"}:
        raise mode.source.error(f"'subset_mode' is 'drop' or 'edit', not {word!r}")
    return word == "edit"


def _task(label: str, value: Located) -> TaskEntry:
    check_label(label, value.source)
    if isinstance(value.value, str):
        return TaskEntry(label, value.value, (), value.source)
    keys = _keys(value, ("class", "config", "resources"), f"task {label!r}")
    name = keys["class"].text(f"the class of {label!r}") if "class" in keys else ""
    blocks = _one_or_many(keys["config"]) if "config" in keys else []
    assignments = tuple(assignment for block in blocks for assignment in _assignments(label, block))
    resources = _resources(label, keys["resources"]) if "resources" in keys else {}
    return TaskEntry(label, name, assignments, value.source, resources=resources)


def _resources(label: str, value: Located) -> dict[str, Any]:
    told = {name: one.plain() for name, one in value.mapping(f"the resources of {label!r}").items()}
    try:
        return plain_resources(told)
    except PipelineError as error:
        raise value.source.error(f"task {label!r}: {error}") from error


def _assignments(label: str, block: Located) -> list[Assignment]:
    found = []
    for key, value in block.mapping(f"the config of {label!r}").items():
        if key == "dataId":
            raise value.source.error("'dataId' is not a key of a config; import one pipeline per camera instead")
        if key == "python":
            found.append(Assignment(key, _python(value), value.source))
        elif key == "file":
            found += [Assignment("file", name, value.source) for name in value.texts("'file'")]
        else:
            found.append(Assignment(key, value.plain(), value.source))
    return found


def _python(value: Located) -> PythonText:
    """Return the text of a block; one of several lines begins below its key."""
    text = value.text("'python'")
    return PythonText(text, value.source.file, (value.source.line or 1) + ("\n" in text))


def _subset(name: str, value: Located) -> Subset:
    if not _SUBSET.match(name):
        raise value.source.error(f"{name!r} cannot be the name of a subset; use letters, digits, '_' and '-'")
    if not isinstance(value.value, dict):
        return Subset(name, value.texts(f"subset {name!r}"), "", value.source)
    keys = _keys(value, ("subset", "description"), f"subset {name!r}")
    if "subset" not in keys:
        raise value.source.error(f"subset {name!r} needs 'subset', the list of its labels")
    description = keys["description"].text("'description'").strip() if "description" in keys else ""
    return Subset(name, keys["subset"].texts(f"subset {name!r}"), description, value.source)


def _step(item: Located) -> Step:
    if isinstance(item.value, str):
        return Step(item.value, (), item.source)
    keys = _keys(item, ("label", "dimensions"), "a step")
    if "label" not in keys:
        raise item.source.error("a step needs 'label', the name of a subset")
    dimensions = keys["dimensions"].texts("'dimensions'") if "dimensions" in keys else ()
    words = tuple(word.strip() for text in dimensions for word in text.split(",") if word.strip())
    return Step(keys["label"].text("'label'"), words, item.source)


def _contract(item: Located) -> Contract:
    if isinstance(item.value, str):
        return Contract(item.value, "", item.source)
    keys = _keys(item, ("contract", "msg"), "a contract")
    if "contract" not in keys:
        raise item.source.error("a contract needs 'contract', an expression")
    message = keys["msg"].text("'msg'") if "msg" in keys else ""
    return Contract(keys["contract"].text("'contract'"), message, item.source)
