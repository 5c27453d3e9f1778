"""One storage class."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bunter.errors import MissingExtraError, StorageClassError, near

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Conversion:
    """A way from another Python type.

    Parameters
    ----------
    python_type : str
        The other type, ``module:qualified.name``.
    function : str
        What turns its objects into the own type, ``module:name``.
    """

    python_type: str
    function: str


@dataclass(frozen=True, slots=True)
class StorageClass:
    """Python type of a dataset and its readable parts.

    Parameters
    ----------
    name : str
        Short name, as dataset types hold it.
    python_type : str
        ``module:qualified.name``; imported when needed.
    components : Mapping[str, str]
        Storage class of each part that may be read alone.
    derived : Mapping[str, str]
        Storage class of each fact that is worked out from parts when read.
    parameters : frozenset[str]
        Names that may be given when reading.
    converts_from : Mapping[str, Conversion]
        For other storage classes the way from their objects to this type.
    doc : str
        What it is for.
    """

    name: str
    python_type: str
    components: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    converts_from: Mapping[str, Conversion] = field(default_factory=dict)
    doc: str = ""

    def pytype(self) -> type[Any]:
        """Import the Python type; MissingExtraError if its package is not installed."""
        found: type[Any] = _imported(self.python_type, f"storage class {self.name}")
        return found

    def component(self, name: str) -> str:
        """Name of a part's storage class; StorageClassError if there is no such part."""
        found = self.components.get(name) or self.derived.get(name)
        if found is None:
            known = [*self.components, *self.derived]
            listed = ", ".join(known) or "none"
            raise StorageClassError(f"{self.name} has no component {name!r}{near(name, known)} (it has {listed})")
        return found

    def accepts(self, obj: object) -> bool:
        """Whether an object has the Python type, without importing a package that is not imported yet."""
        return _is_one(obj, self.python_type, f"storage class {self.name}")

    def convert(self, obj: Any) -> Any:
        """Turn an object into the Python type.

        Parameters
        ----------
        obj : object
            Of the type itself, or of one that `converts_from` knows.

        Raises
        ------
        StorageClassError
            If it is of another type; the message names both.
        """
        if self.accepts(obj):
            return obj
        purpose = f"conversion to {self.name}"
        for way in self.converts_from.values():
            if _is_one(obj, way.python_type, purpose):
                return _imported(way.function, purpose)(obj)
        others = [_told(way.python_type) for way in self.converts_from.values()]
        also = f" (what can: {', '.join(others)})" if others else ""
        raise StorageClassError(
            f"{self.name} holds {_told(self.python_type)}, and {_named(type(obj))} cannot be turned into it{also}; "
            "put one of these, or name a dataset type with a storage class that holds what you have"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.name, self.python_type, dict(self.components), dict(self.derived), self.parameters)
        return StorageClass, (*parts, dict(self.converts_from), self.doc)


def _told(python_type: str) -> str:
    return python_type.replace(":", ".").removeprefix("builtins.")


def _named(kind: type[Any]) -> str:
    return _told(f"{kind.__module__}:{kind.__qualname__}")


def _is_one(obj: object, python_type: str, purpose: str) -> bool:
    module, _, _ = python_type.partition(":")
    if module not in sys.modules and module not in sys.stdlib_module_names:
        return any(f"{each.__module__}:{each.__qualname__}" == python_type for each in type(obj).__mro__)
    return isinstance(obj, _imported(python_type, purpose))


@lru_cache(maxsize=1024)
def _imported(path: str, purpose: str) -> Any:
    module, _, qualified = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(f"{purpose} needs {package}; install it with `pip install {package}`") from error
    for name in qualified.split("."):
        found = getattr(found, name)
    return found
