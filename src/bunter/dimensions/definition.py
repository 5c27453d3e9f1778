"""The definition of a universe: read, checked, and turned into elements."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dimensions.element import Column, Element, Kind
from bunter.errors import UniverseError, near

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.dimensions.universe import Universe

_KINDS: dict[str, Kind] = {"string": "str", "int": "int", "float": "float", "bool": "bool", "hash": "hash"}
_ELEMENT_KEYS = {
    "doc", "keys", "requires", "implies", "metadata", "governor", "implied_union_target", "always_join", "populated_by",
    "is_cached", "storage",
}  # fmt: skip
_IGNORED = {"is_cached", "storage"}  # tuning that older definitions carry
_RESERVED = {"region", "timespan", "empty"}
_LEVELS = {"htm": 24, "healpix": 17}


@dataclass(frozen=True, slots=True)
class Definition:
    """Content of a universe file, checked for contradictions.

    Parameters
    ----------
    namespace, version, common_skypix
        As in `Universe`.
    elements : Mapping[str, Mapping[str, Any]]
        Element definitions by name.
    generations : tuple[str, ...]
        All names (sky pixels too) in the order of the universe.
    requires, implies : Mapping[str, tuple[str, ...]]
        Closed requirements without the element itself, and direct implications, both in that order.
    spatial, temporal : Mapping[str, tuple[str, ...]]
        Families, from fine to coarse; systems of sky pixels are spatial families.
    canonical : str
        The definition as JSON with a fixed order: equal definitions give equal texts.
    """

    namespace: str
    version: int
    common_skypix: str
    elements: Mapping[str, Mapping[str, Any]]
    generations: tuple[str, ...]
    requires: Mapping[str, tuple[str, ...]]
    implies: Mapping[str, tuple[str, ...]]
    spatial: Mapping[str, tuple[str, ...]]
    temporal: Mapping[str, tuple[str, ...]]
    canonical: str

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Definition:
        """Check a definition; raise UniverseError where it contradicts itself."""
        elements: dict[str, dict[str, Any]] = {
            name: dict(spec or {}) for name, spec in _mapping(content, "elements").items()
        }
        if not elements:
            raise UniverseError("a universe needs 'elements'")
        systems = _skypix_systems(content)
        pixels = [name for names in systems.values() for name in names]
        for name, spec in elements.items():
            _check_element(name, spec, elements)
        rank = {name: n for n, name in enumerate(_order(elements, pixels))}
        topology = _mapping(content, "topology")
        spatial = _families(topology, "spatial", elements)
        if taken := systems.keys() & spatial.keys():
            raise UniverseError(f"the spatial family {min(taken)!r} has the name of a system of sky pixels")
        common = _mapping(content, "skypix").get("common", "htm7")
        if common not in pixels:
            raise UniverseError(f"the common pixelization {common!r} is not among the levels of 'skypix'")
        return cls(
            namespace=str(content.get("namespace", "bunter")),
            version=int(content.get("version", 0)),
            common_skypix=common,
            elements=elements,
            generations=tuple(rank),
            requires={name: _in_order(_required(name, elements), rank) for name in elements},
            implies={name: _in_order(spec.get("implies", ()), rank) for name, spec in elements.items()},
            spatial=spatial | systems,
            temporal=_families(topology, "temporal", elements),
            canonical=json.dumps(content, separators=(",", ":")),
        )

    def key_columns(self) -> dict[str, Column]:
        """Column of each dimension's own values, named as the dimension."""
        columns = {name: _column(spec["keys"][0], name) for name, spec in self.elements.items() if spec.get("keys")}
        keys = {name: _key(column, name) for name, column in columns.items()}
        pixels = set(self.generations) - self.elements.keys()
        return keys | {name: Column(name, "int", None, False, "Pixel of the sky.") for name in pixels}

    def build(self, universe: Universe) -> dict[str, Element]:
        """Make the elements, in order; `Element.complete` is still to be called on each."""
        space = {name: family for family, names in self.spatial.items() for name in names}
        time = {name: family for family, names in self.temporal.items() for name in names}
        built: dict[str, Element] = {}
        for name in self.generations:
            spec = self.elements.get(name)
            families = {"spatial": space.get(name), "temporal": time.get(name)}
            if spec is None:
                key = Column("id", "int", None, False, "Pixel of the sky.")
                built[name] = Element(universe=universe, name=name, key=key, skypix=True, **families)  # type: ignore[arg-type]
                continue
            keys = [_key(_column(each, name), str(each["name"])) for each in spec.get("keys", ())]
            built[name] = Element(
                universe=universe,
                name=name,
                doc=str(spec.get("doc", "")).strip(),
                key=keys[0] if keys else None,
                alternate_keys=tuple(keys[1:]),
                requires=self.requires[name],
                implies=self.implies[name],
                metadata=tuple(_column(each, name) for each in spec.get("metadata", ())),
                spatial=families["spatial"],
                temporal=families["temporal"],
                implied_union_target=spec.get("implied_union_target"),
                populated_by=spec.get("populated_by"),
                governor=bool(spec.get("governor", False)),
                always_join=bool(spec.get("always_join", False)),
            )
        return built


def _mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = content.get(name) or {}
    if not isinstance(value, dict):
        raise UniverseError(f"{name!r} must be a mapping")
    return value


def _skypix_systems(content: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Dimensions of each system, from fine to coarse."""
    systems: dict[str, tuple[str, ...]] = {}
    spec = {name: each for name, each in _mapping(content, "skypix").items() if name != "common"}
    for name, each in (spec or {"htm": {}, "healpix": {}}).items():
        if name not in _LEVELS:
            raise UniverseError(
                f"unknown system of sky pixels {name!r}{near(name, _LEVELS)}; there are htm and healpix"
            )
        low, high = int(each.get("min_level", 1)), int(each.get("max_level") or _LEVELS[name])
        if not 0 <= low <= high <= _LEVELS[name]:
            raise UniverseError(f"levels of {name} lie between 0 and {_LEVELS[name]}, not {low} to {high}")
        systems[name] = tuple(f"{name}{level}" for level in range(high, low - 1, -1))
    return systems


def _check_element(name: str, spec: Mapping[str, Any], elements: Mapping[str, Mapping[str, Any]]) -> None:
    if not name.isidentifier() or name in _RESERVED:
        raise UniverseError(f"{name!r} cannot name an element; use letters, digits and underscores")
    if unknown := spec.keys() - _ELEMENT_KEYS:
        raise UniverseError(f"element {name!r} has an unknown key {min(unknown)!r}{near(min(unknown), _ELEMENT_KEYS)}")
    for role in ("requires", "implies"):
        for other in spec.get(role) or ():
            if other not in elements:
                raise UniverseError(f"element {name!r} {role} {other!r}, which is not defined{near(other, elements)}")
            if not elements[other].get("keys"):
                raise UniverseError(f"element {name!r} {role} {other!r}, which has no keys and so is no dimension")
    _check_columns(name, spec)
    if spec.get("keys"):
        _check_dimension(name, spec, elements)
    elif not spec.get("requires"):
        raise UniverseError(f"element {name!r} has neither keys of its own nor dimensions that it requires")
    elif spec.get("governor") or spec.get("implied_union_target"):
        raise UniverseError(
            f"element {name!r} has no keys, so it can be neither governor nor a union of implied values"
        )


def _check_dimension(name: str, spec: Mapping[str, Any], elements: Mapping[str, Mapping[str, Any]]) -> None:
    if _column(spec["keys"][0], name).kind not in {"int", "str"}:
        raise UniverseError(f"the first key of {name!r} must be an int or a string")
    for flag in ("always_join", "populated_by"):
        if spec.get(flag):
            raise UniverseError(f"{name!r} is a dimension; {flag!r} is for combinations without keys")
    target = spec.get("implied_union_target")
    if target is None:
        return
    if name not in (elements.get(target, {}).get("implies") or ()):
        raise UniverseError(f"{name!r} takes its values from {target!r}, which does not imply it")
    if len(spec["keys"]) > 1 or any(spec.get(part) for part in ("requires", "implies", "metadata")):
        raise UniverseError(f"{name!r} takes its values from {target!r}, so it can have one key and nothing else")


def _check_columns(name: str, spec: Mapping[str, Any]) -> None:
    seen: set[str] = set(spec.get("requires") or ()) | set(spec.get("implies") or ())
    for each in [*(spec.get("keys") or ()), *(spec.get("metadata") or ())]:
        column = _column(each, name)
        if column.name in seen or column.name in _RESERVED or not column.name.isidentifier():
            raise UniverseError(
                f"element {name!r} cannot have a column {column.name!r}; the name is taken or not allowed"
            )
        seen.add(column.name)


def _column(spec: Mapping[str, Any], element: str) -> Column:
    if not isinstance(spec, dict) or "name" not in spec or "type" not in spec:
        raise UniverseError(f"a column of {element!r} needs 'name' and 'type', not {spec!r}")
    kind = _KINDS.get(spec["type"])
    if kind is None:
        raise UniverseError(
            f"column {spec['name']!r} of {element!r} has unknown type {spec['type']!r}; use {', '.join(_KINDS)}"
        )
    length = spec.get("length") if kind == "str" else spec.get("nbytes") if kind == "hash" else None
    doc = str(spec.get("doc", "")).strip()
    return Column(
        str(spec["name"]), kind, None if length is None else int(length), bool(spec.get("nullable", True)), doc
    )


def _key(column: Column, name: str) -> Column:
    return Column(name, column.kind, column.length, False, column.doc)


def _required(name: str, elements: Mapping[str, Mapping[str, Any]]) -> set[str]:
    found: set[str] = set()
    todo = list(elements[name].get("requires") or ())
    while todo:
        other = todo.pop()
        if other not in found:
            found.add(other)
            todo += elements[other].get("requires") or ()
    return found


def _order(elements: Mapping[str, Mapping[str, Any]], pixels: list[str]) -> Iterator[str]:
    """Each dimension after those it depends on, by generation and then name; combinations last."""
    left = {name: {*(spec.get("requires") or ()), *(spec.get("implies") or ())} for name, spec in elements.items()}
    dimensions = {name for name in elements if elements[name].get("keys")}
    generation = sorted([name for name in dimensions if not left[name]] + pixels)
    done: set[str] = set()
    while generation:
        yield from generation
        done.update(generation)
        generation = sorted(name for name in dimensions - done if left[name] <= done)
    if stuck := dimensions - done:
        raise UniverseError(f"dimensions depend on each other in a circle: {', '.join(sorted(stuck))}")
    yield from sorted(elements.keys() - dimensions)


def _in_order(names: Any, rank: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(names or (), key=rank.__getitem__))


def _families(topology: Mapping[str, Any], kind: str, elements: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    families = {family: tuple(names) for family, names in _mapping(topology, kind).items()}
    seen: set[str] = set()
    for family, names in families.items():
        for name in names:
            if name not in elements:
                raise UniverseError(
                    f"the {kind} family {family!r} names {name!r}, which is not defined{near(name, elements)}"
                )
            if name in seen:
                raise UniverseError(f"{name!r} is in two {kind} families")
            seen.add(name)
    return families
