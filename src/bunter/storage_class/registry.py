"""All storage classes that are known: those of the package, and those of plug-ins."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bunter.errors import ConfigurationError, StorageClassError, near
from bunter.storage_class.storage_class import Conversion, StorageClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEYS = {"type", "doc", "components", "derived", "parameters", "converts_from"}


@functools.cache
def storage_classes() -> Mapping[str, StorageClass]:
    """All storage classes by name.

    They come from the package and from entry points of group ``bunter.storage_classes``: ``package:file.yaml``, a file
    of the same form as that in the package. A name counts where it is defined first, the package before plug-ins.
    """
    own, specs = _own(), dict(_own_specs())
    for package, name in _plugged_in():
        for each, spec in _read(package, name):
            specs.setdefault(each, spec)
    made = {name: _made(name, spec, specs) for name, spec in specs.items() if name not in own}
    return MappingProxyType({**own, **made})


@functools.cache
def _own() -> Mapping[str, StorageClass]:
    """Those of the package, which are enough for most: to look for plug-ins reads about every package that is installed."""
    specs = _own_specs()
    return {name: _made(name, spec, specs) for name, spec in specs.items()}


@functools.cache
def _own_specs() -> Mapping[str, Mapping[str, Any]]:
    return dict(_read("bunter.storage_class", "storage_classes.yaml"))


def storage_class(name: str) -> StorageClass:
    """Storage class of a name; StorageClassError, with the nearest name, if there is none."""
    if (own := _own().get(name)) is not None:
        return own
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


def _plugged_in() -> Iterator[tuple[str, str]]:
    from importlib.metadata import entry_points

    for point in entry_points(group="bunter.storage_classes"):
        package, _, name = point.value.partition(":")
        yield package.strip(), name.strip()


def _read(package: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
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
        yield each, spec


def _made(name: str, spec: Mapping[str, Any], all_specs: Mapping[str, Mapping[str, Any]]) -> StorageClass:
    ways = (spec.get("converts_from") or {}).items()
    return StorageClass(
        name=name,
        python_type=spec["type"],
        components=spec.get("components") or {},
        derived=spec.get("derived") or {},
        parameters=frozenset(spec.get("parameters") or ()),
        converts_from={
            source: Conversion(all_specs[source]["type"], function) for source, function in ways if source in all_specs
        },
        doc=spec.get("doc", ""),
    )
