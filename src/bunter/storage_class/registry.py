"""All storage classes that are known: those of the package, and those of plug-ins."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bunter.errors import ConfigurationError, StorageClassError, near
from bunter.storage_class.storage_class import StorageClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEYS = {"type", "doc", "components", "derived", "parameters", "converts_from"}


@functools.cache
def storage_classes() -> Mapping[str, StorageClass]:
    """All storage classes by name.

    They come from the package and from entry points of group ``bunter.storage_classes``: ``package:file.yaml``, a file
    of the same form as that in the package. A name counts where it is defined first, the package before plug-ins.
    """
    found: dict[str, StorageClass] = {}
    for package, name in _files():
        for each in _read(package, name):
            found.setdefault(each.name, each)
    return MappingProxyType(found)


def storage_class(name: str) -> StorageClass:
    """Storage class of a name; StorageClassError, with the nearest name, if there is none."""
    known = storage_classes()
    try:
        return known[name]
    except KeyError:
        raise StorageClassError(
            f"there is no storage class {name!r}{near(name, known)} (known: {', '.join(sorted(known))})"
        ) from None


def storage_class_of(obj: object) -> StorageClass:
    """Storage class that fits an object best: the first defined of those with the nearest of its types.

    Raises
    ------
    StorageClassError
        If none fits.
    """
    by_type: dict[str, StorageClass] = {}
    for each in storage_classes().values():
        by_type.setdefault(each.python_type, each)
    for kind in type(obj).__mro__:
        found = by_type.get(f"{kind.__module__}:{kind.__qualname__}") or by_type.get(_public(kind))
        if found is not None:
            return found
    if isinstance(obj, int | float | complex):
        return storage_classes()["Number"]
    kind = type(obj)
    raise StorageClassError(f"no storage class holds {kind.__module__}.{kind.__qualname__}; name one explicitly")


def _public(kind: type[Any]) -> str:
    """Where users find a class whose module is an inner one, such as astropy.table.table.Table."""
    import sys

    parts = kind.__module__.split(".")
    for length in range(1, len(parts)):
        module = ".".join(parts[:length])
        if getattr(sys.modules.get(module), kind.__qualname__, None) is kind:
            path = f"{module}:{kind.__qualname__}"
            if any(each.python_type == path for each in storage_classes().values()):
                return path
    return ""


def _files() -> Iterator[tuple[str, str]]:
    from importlib.metadata import entry_points

    yield "bunter.storage_class", "storage_classes.yaml"
    for point in entry_points(group="bunter.storage_classes"):
        package, _, name = point.value.partition(":")
        yield package.strip(), name.strip()


def _read(package: str, name: str) -> Iterator[StorageClass]:
    from importlib.resources import files

    import yaml

    from bunter import safe_yaml

    try:
        content = safe_yaml.load(files(package).joinpath(name).read_bytes())
    except (OSError, ImportError, yaml.YAMLError) as error:
        raise ConfigurationError(f"cannot read the storage classes of {package}:{name}: {error}") from error
    for each, spec in content.items():
        if not isinstance(spec, dict) or "type" not in spec or spec.keys() - _KEYS:
            raise ConfigurationError(
                f"storage class {each!r} in {package}:{name} needs 'type', and at most {sorted(_KEYS)}"
            )
        yield StorageClass(
            name=each,
            python_type=spec["type"],
            components=spec.get("components") or {},
            derived=spec.get("derived") or {},
            parameters=frozenset(spec.get("parameters") or ()),
            converts_from=spec.get("converts_from") or {},
            doc=spec.get("doc", ""),
        )
