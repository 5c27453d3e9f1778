"""Finding the class of a task, and which classes may be imported.

A name without a dot is an entry point in the group ``bunter.tasks``; any other is ``package.module.Class``. Classes in
installed entry points, and all classes of a package that provides one, may always be imported. A pipeline that the user
names on this machine is the user's own; one that comes from elsewhere (a repository, a graph) may name other classes
only if the user says so.
"""

from __future__ import annotations

import pkgutil
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from bunter.errors import PipelineError, near
from bunter.pipeline.pipeline_task import PipelineTask

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["GROUP", "class_name_of", "find_task", "split_name"]

GROUP = "bunter.tasks"


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def split_name(name: str) -> tuple[str, str]:
    """Return module and qualified name of a task's name; an entry point is looked up.

    Raises
    ------
    PipelineError
        If it is neither an entry point nor dotted.
    """
    if name in _entry_points():
        name = _entry_points()[name].value
    module, _, qualified = name.partition(":") if ":" in name else name.rpartition(".")
    if not module:
        offer = near(name, _entry_points()) or "; write package.module.Class, or install the package that provides it"
        raise PipelineError(f"there is no task {name!r}{offer}")
    return module, qualified


def class_name_of(task: Any) -> str:
    """Return the name under which a task class, or a function declared as a task, is found again."""
    task = getattr(task, "task", task)
    if issubclass(task, PipelineTask):
        return f"{task.__module__}.{task.__qualname__}"
    raise PipelineError(f"{task!r} is no PipelineTask")


def _trusted_package(module: str, allowed: Collection[str]) -> bool:
    providers = {point.value.partition(":")[0].partition(".")[0] for point in _entry_points().values()}
    roots = {"bunter", *providers}
    return module.partition(".")[0] in roots or any(module == name or module.startswith(f"{name}.") for name in allowed)


def find_task(name: str, *, trust: bool | Collection[str] = True) -> type[PipelineTask[Any]]:
    """Import and return the class of a task.

    Parameters
    ----------
    name : str
        Entry point, or ``package.module.Class``; a function declared as a task counts as its class.
    trust : bool or collection of str
        Whether to import classes outside installed entry points, or the packages from which one may.

    Raises
    ------
    PipelineError
        If there is no such class, it is no task, it may not be imported, or importing it fails.
    """
    module_name, qualified = split_name(name)
    allowed = () if isinstance(trust, bool) else trust
    if trust is not True and not _trusted_package(module_name, allowed):
        raise PipelineError(
            f"{name} would be imported from a pipeline that comes from elsewhere; if you trust it, add"
            f" --trust {module_name.partition('.')[0]}"
        )
    found: Any = _imported(module_name, name)
    for part in qualified.split("."):
        if not hasattr(found, part):
            raise PipelineError(f"module {module_name!r} has no task {qualified!r}{near(part, _tasks_in(found))}")
        found = getattr(found, part)
    found = getattr(found, "task", found)
    if not (isinstance(found, type) and issubclass(found, PipelineTask)):
        raise PipelineError(f"{name} is no task; derive it from bunter.pipeline.PipelineTask")
    return found


def _imported(module_name: str, name: str) -> Any:
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise PipelineError(
                f"there is no module {error.name!r}{near(error.name, _siblings(error.name))}; "
                "tasks are found in what is installed, in PYTHONPATH and in the current folder"
            ) from error
        raise PipelineError(f"importing {name} needs a module {error.name!r} that is not installed") from error
    except Exception as error:
        raise PipelineError(f"importing {name} fails with {type(error).__name__}: {error}") from error


def _siblings(module_name: str) -> list[str]:
    """Names of the modules beside one, for a near name."""
    parent, _, _ = module_name.rpartition(".")
    if not parent:
        return [module.name for module in pkgutil.iter_modules()]
    places = getattr(sys.modules.get(parent), "__path__", [])
    return [f"{parent}.{module.name}" for module in pkgutil.iter_modules(places)]


def _tasks_in(module: Any) -> list[str]:
    classes = {name: getattr(value, "task", value) for name, value in vars(module).items()}
    return [name for name, one in classes.items() if isinstance(one, type) and issubclass(one, PipelineTask)]
