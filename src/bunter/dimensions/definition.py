"""The definition of a universe: read, checked, and turned into elements."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bunter.dimensions.column import Column, Kind
from bunter.dimensions.recipes import Recipe
from bunter.errors import UniverseError, near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_KINDS: dict[str, Kind] = {"string": "str", "int": "int", "float": "float", "bool": "bool", "hash": "hash"}
_ELEMENT_KEYS = {
    "doc", "keys", "requires", "implies", "metadata", "governor", "implied_union_target", "always_join", "populated_by",
    "is_cached", "storage",
}  # fmt: skip
_IGNORED = {"is_cached", "storage"}  # tuning that older definitions carry
_COLUMN_KEYS = {"name", "type", "length", "nbytes", "nullable", "doc", "primaryKey"}
_TOP_KEYS = {"namespace", "version", "skypix", "elements", "topology", "packers", "doc"}
_PIXELS = re.compile(r"(htm|healpix)\d+")
_RESERVED = {"region", "timespan", "empty", "timespan_begin", "timespan_end"}
_LEVELS = {"htm": 24, "healpix": 17}

_Element = TypeVar("_Element")


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
    packers : Mapping[str, Recipe]
        How data IDs become numbers.
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
    packers: Mapping[str, Recipe]
    canonical: str

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Definition:
        """Check a definition; raise UniverseError where it contradicts itself."""
        if unknown := sorted(content.keys() - _TOP_KEYS):
            raise UniverseError(
                f"a universe has no part {unknown[0]!r}{near(str(unknown[0]), _TOP_KEYS)}; "
                f"it has {', '.join(sorted(_TOP_KEYS))}",
                place=(str(unknown[0]),),
            )
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
            raise UniverseError(
                f"the spatial family {min(taken)!r} has the name of a system of sky pixels",
                place=("topology", "spatial", min(taken)),
            )
        common = _mapping(content, "skypix").get("common", "htm7")
        if common not in pixels:
            raise UniverseError(
                f"the common pixelization {common!r} is not among the levels of 'skypix'{near(common, pixels)}",
                place=("skypix", "common"),
            )
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
            packers=_recipes(content, elements),
            canonical=json.dumps(content, separators=(",", ":")),
        )

    def key_columns(self) -> dict[str, Column]:
        """Column of each dimension's own values, named as the dimension."""
        columns = {name: _column(spec["keys"][0], name) for name, spec in self.elements.items() if spec.get("keys")}
        keys = {name: _key(column, name) for name, column in columns.items()}
        pixels = set(self.generations) - self.elements.keys()
        return keys | {name: Column(name, "int", None, False, "Pixel of the sky.") for name in pixels}

    def build(self, element: Callable[..., _Element]) -> dict[str, _Element]:
        """Make the elements, in order, given what makes one of its facts; `Element.complete` is still to be called on each."""
        space = {name: family for family, names in self.spatial.items() for name in names}
        time = {name: family for family, names in self.temporal.items() for name in names}
        built: dict[str, _Element] = {}
        for name in self.generations:
            spec = self.elements.get(name)
            families = {"spatial": space.get(name), "temporal": time.get(name)}
            if spec is None:
                key = Column("id", "int", None, False, "Pixel of the sky.")
                built[name] = element(name=name, key=key, skypix=True, **families)
                continue
            keys = [_key(_column(each, name), str(each["name"])) for each in spec.get("keys", ())]
            built[name] = element(
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
        raise UniverseError(f"{name!r} must be a mapping", place=(name,))
    return value


def _recipes(content: Mapping[str, Any], elements: Mapping[str, Any]) -> dict[str, Recipe]:
    found = {name: Recipe.parse(name, spec, elements) for name, spec in _mapping(content, "packers").items()}
    return {name: recipe for name, recipe in found.items() if recipe is not None}


def _skypix_systems(content: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Dimensions of each system, from fine to coarse."""
    systems: dict[str, tuple[str, ...]] = {}
    spec = {name: each for name, each in _mapping(content, "skypix").items() if name != "common"}
    for name, each in (spec or {"htm": {}, "healpix": {}}).items():
        if name not in _LEVELS:
            raise UniverseError(
                f"unknown system of sky pixels {name!r}{near(name, _LEVELS)}; there are htm and healpix",
                place=("skypix", name),
            )
        low, high = int(each.get("min_level", 1)), int(each.get("max_level") or _LEVELS[name])
        if not 0 <= low <= high <= _LEVELS[name]:
            raise UniverseError(
                f"levels of {name} lie between 0 and {_LEVELS[name]}, not {low} to {high}", place=("skypix", name)
            )
        systems[name] = tuple(f"{name}{level}" for level in range(high, low - 1, -1))
    return systems


def _check_element(name: str, spec: Mapping[str, Any], elements: Mapping[str, Mapping[str, Any]]) -> None:
    if not name.isidentifier() or name in _RESERVED:
        raise _wrong(f"{name!r} cannot name an element; use letters, digits and underscores", name)
    if _PIXELS.fullmatch(name):
        raise _wrong(f"{name!r} cannot name an element, it names sky pixels", name)
    if unknown := sorted(spec.keys() - _ELEMENT_KEYS):
        raise _wrong(
            f"element {name!r} has an unknown key {unknown[0]!r}{near(unknown[0], _ELEMENT_KEYS)}", name, unknown[0]
        )
    for role in ("requires", "implies"):
        _check_role(name, role, spec, elements)
    _check_columns(name, spec)
    if spec.get("keys"):
        _check_dimension(name, spec, elements)
    elif not spec.get("requires"):
        raise _wrong(f"element {name!r} has neither keys of its own nor dimensions that it requires", name)
    elif spec.get("governor") or spec.get("implied_union_target"):
        raise _wrong(f"element {name!r} has no keys, so it can be neither governor nor a union of implied values", name)
    elif (other := spec.get("populated_by")) is not None and other not in spec["requires"]:
        raise _wrong(
            f"element {name!r} is populated by {other!r}, which it does not require{near(other, spec['requires'])}",
            name, "populated_by",
        )  # fmt: skip


def _check_role(name: str, role: str, spec: Mapping[str, Any], elements: Mapping[str, Mapping[str, Any]]) -> None:
    others = spec.get(role) or ()
    if isinstance(others, str):
        raise _wrong(f"{role!r} of {name!r} must be a list such as [{others}]", name, role)
    for other in others:
        if other not in elements:
            raise _wrong(
                f"element {name!r} {role} {other!r}, which is not defined{near(str(other), elements)}",
                name,
                role,
                other,
            )
        if not (elements[other] or {}).get("keys"):
            raise _wrong(
                f"element {name!r} {role} {other!r}, which has no keys and so is no dimension", name, role, other
            )


def _check_dimension(name: str, spec: Mapping[str, Any], elements: Mapping[str, Mapping[str, Any]]) -> None:
    if _column(spec["keys"][0], name).kind not in {"int", "str"}:
        raise _wrong(f"the first key of {name!r} must be an int or a string", name, "keys", spec["keys"][0]["name"])
    for flag in ("always_join", "populated_by"):
        if spec.get(flag):
            raise _wrong(f"{name!r} is a dimension; {flag!r} is for combinations without keys", name, flag)
    if spec.get("governor") and spec.get("requires"):
        raise _wrong(f"{name!r} is a governor, so it can require no other dimension", name, "requires")
    target = spec.get("implied_union_target")
    if target is None:
        return
    if name not in ((elements.get(target) or {}).get("implies") or ()):
        raise _wrong(
            f"{name!r} takes its values from {target!r}, which does not imply it{near(str(target), elements)}",
            name, "implied_union_target",
        )  # fmt: skip
    if len(spec["keys"]) > 1 or any(spec.get(part) for part in ("requires", "implies", "metadata")):
        raise _wrong(f"{name!r} takes its values from {target!r}, so it can have one key and nothing else", name)


def _check_columns(name: str, spec: Mapping[str, Any]) -> None:
    seen: set[str] = {*(spec.get("requires") or ()), *(spec.get("implies") or ()), name}
    for part in ("keys", "metadata"):
        for place, each in enumerate(spec.get(part) or ()):
            column = _column(each, name, part)
            primary = part == "keys" and place == 0
            if (column.name in seen and not primary) or column.name in _RESERVED or not column.name.isidentifier():
                raise _wrong(
                    f"element {name!r} cannot have a column {column.name!r}; the name is taken or not allowed",
                    name, part, column.name,
                )  # fmt: skip
            seen.add(column.name)


def _column(spec: Mapping[str, Any], element: str, part: str = "metadata") -> Column:
    if not isinstance(spec, dict) or "name" not in spec or "type" not in spec:
        raise _wrong(f"a column of {element!r} needs 'name' and 'type', not {spec!r}", element)
    name = str(spec["name"])
    if unknown := sorted(spec.keys() - _COLUMN_KEYS):
        raise _wrong(
            f"column {name!r} of {element!r} has an unknown key {unknown[0]!r}{near(unknown[0], _COLUMN_KEYS)}",
            element, part, name,
        )  # fmt: skip
    kind = _KINDS.get(spec["type"])
    if kind is None:
        raise _wrong(
            f"column {name!r} of {element!r} has unknown type {spec['type']!r}{near(str(spec['type']), _KINDS)}; "
            f"use {', '.join(_KINDS)}",
            element, part, name,
        )  # fmt: skip
    length = spec.get("length") if kind == "str" else spec.get("nbytes") if kind == "hash" else None
    doc = str(spec.get("doc", "")).strip()
    return Column(name, kind, None if length is None else int(length), bool(spec.get("nullable", True)), doc)


def _wrong(message: str, *place: str) -> UniverseError:
    return UniverseError(message, place=("elements", *map(str, place)))


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
        raise _wrong(f"dimensions depend on each other in a circle: {', '.join(sorted(stuck))}", min(stuck))
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
                    f"the {kind} family {family!r} names {name!r}, which is not defined{near(name, elements)}",
                    place=("topology", kind, family, str(name)),
                )
            if name in seen:
                raise UniverseError(f"{name!r} is in two {kind} families", place=("topology", kind, family))
            seen.add(name)
    return families
