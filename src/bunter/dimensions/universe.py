"""The dimension universe: which dimensions there are and how they hang together."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bunter.dimensions.definition import Definition
from bunter.dimensions.element import Element
from bunter.dimensions.group import DimensionGroup
from bunter.dimensions.sources import read_content
from bunter.errors import DimensionNameError, UniverseError, near

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from bunter.dimensions.column import Column


class Universe:
    """All dimensions and their relations, as one YAML file defines them.

    Made by `default` or `load`; equal definitions give the same object.

    Attributes
    ----------
    namespace : str
        Whose universe it is.
    version : int
        Number of the definition within the namespace.
    elements : Mapping[str, Element]
        Dimensions without sky pixels, each after those it depends on, then combinations.
    dimensions : tuple[str, ...]
        Names of the dimensions among them.
    combinations : tuple[Element, ...]
        The other elements.
    common_skypix : str
        The pixelization that overlaps are kept in by default.
    packers : Mapping[str, Recipe]
        How data IDs become numbers, by name of the packer.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self.namespace, self.version = definition.namespace, definition.version
        self.common_skypix = definition.common_skypix
        self.packers = definition.packers
        built = definition.build(functools.partial(Element, universe=self))
        self._all: dict[str, Element] = built
        self.elements: Mapping[str, Element] = {name: each for name, each in built.items() if not each.skypix}
        self.dimensions = tuple(name for name, each in self.elements.items() if each.is_dimension)
        self.combinations = tuple(each for each in self.elements.values() if not each.is_dimension)
        self._rank = {name: rank for rank, name in enumerate(built)}
        self._key_columns = definition.key_columns()
        for element in built.values():
            element.complete(self.key_column)
        self._groups: dict[frozenset[str], DimensionGroup] = {}
        self.empty = self.conform(())

    @classmethod
    def default(cls) -> Universe:
        """Universe that comes with Bunter."""
        return _default()

    @classmethod
    def load(
        cls, source: str | PathLike[str] | Mapping[str, Any] | Universe, *, repository: Mapping[str, Any] | None = None
    ) -> Universe:
        """Read a universe.

        Parameters
        ----------
        source : str, PathLike, Mapping or Universe
            A YAML file, the name of a universe that comes with Bunter (``default``, ``fibre-spectrograph``,
            ``spectral-survey``), or the content. What begins with ``extends: default`` adds to another universe.
        repository : Mapping, optional
            Definition of a living repository, which ``extends: repository`` adds to.

        Returns
        -------
        Universe
            The same object for the same definition.

        Raises
        ------
        UniverseError
            If the definition contradicts itself; says in which line of which file.
        ConfigurationError
            If the file cannot be read.
        """
        if isinstance(source, Universe):
            return source
        if repository is None and isinstance(source, Mapping) and (known := _known_by_content(source)) is not None:
            return known
        content = read_content(source, repository)
        try:
            return _interned(Definition.parse(content.tree).canonical)
        except UniverseError as error:
            raise content.placed(error) from None

    def to_dict(self) -> dict[str, Any]:
        """Definition as plain values that `load` takes."""
        import json

        content: dict[str, Any] = json.loads(self._definition.canonical)
        return content

    def __getitem__(self, name: str) -> Element:
        try:
            return self._all[name]
        except KeyError:
            hint = near(name, self.elements)
            known = ", ".join(self.dimensions)
            raise DimensionNameError(f"there is no dimension {name!r}{hint} (known: {known}, and sky pixels)") from None

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def get(self, name: str) -> Element | None:
        """Element of that name, or None."""
        return self._all.get(name)

    @property
    def skypix(self) -> tuple[str, ...]:
        """Names of the dimensions that are pixelizations of the sky."""
        return tuple(name for name, each in self._all.items() if each.skypix)

    @property
    def spatial_families(self) -> dict[str, tuple[str, ...]]:
        """Families of regions, each from fine to coarse; without sky pixels."""
        return {family: names for family, names in self._definition.spatial.items() if names[0] in self.elements}

    @property
    def temporal_families(self) -> dict[str, tuple[str, ...]]:
        """Families of timespans, each from fine to coarse."""
        return dict(self._definition.temporal)

    def key_column(self, name: str) -> Column:
        """Column that holds a dimension's values in tables and data IDs; it has the dimension's name."""
        return self._key_columns[name]

    def spatial_family(self, family: str) -> tuple[str, ...]:
        """Members of a spatial family or system of sky pixels, from fine to coarse."""
        return self._definition.spatial[family]

    def temporal_family(self, family: str) -> tuple[str, ...]:
        """Members of a temporal family, from fine to coarse."""
        return self._definition.temporal[family]

    def sorted(self, names: Iterable[str]) -> tuple[str, ...]:
        """Put names of elements into the order of the universe."""
        return tuple(sorted(names, key=self._rank.__getitem__))

    def conform(self, names: Iterable[str] | DimensionGroup) -> DimensionGroup:
        """Close a set of dimensions over what they require and imply.

        Parameters
        ----------
        names : Iterable[str]
            Dimensions in any order.

        Returns
        -------
        DimensionGroup
            One and the same object whenever the closure is the same.

        Raises
        ------
        DimensionNameError
            If a name is not a dimension of this universe.
        """
        if isinstance(names, DimensionGroup) and names.universe is self:
            return names
        asked = frozenset([names] if isinstance(names, str) else names)
        found = self._groups.get(asked)
        if found is None:
            closed = frozenset(self._closure(asked))
            found = self._groups.get(closed) or self._groups.setdefault(closed, DimensionGroup(self, closed))
            self._groups[asked] = found
        return found

    def _closure(self, names: Iterable[str]) -> set[str]:
        closed: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            element = self[name]
            if not element.is_dimension:
                raise DimensionNameError(
                    f"{name!r} is not a dimension but a combination of {', '.join(element.requires)}; name these"
                )
            if name not in closed:
                closed.add(name)
                todo += [*element.requires, *element.implies]
        return closed

    def __repr__(self) -> str:
        return f"<Universe {self.namespace} version {self.version}, {len(self.dimensions)} dimensions>"

    def __reduce__(self) -> tuple[object, ...]:
        return _interned, (self._definition.canonical,)


@functools.cache
def _default() -> Universe:
    return Universe.load("default")


_known: dict[str, Universe] = {}


def _interned(canonical: str) -> Universe:
    import json

    if canonical not in _known:
        _known.setdefault(canonical, Universe(Definition.parse(json.loads(canonical))))
    return _known[canonical]


def _known_by_content(content: Mapping[str, Any]) -> Universe | None:
    """Return the universe of a definition that was checked before, as repositories and exports repeat the same one."""
    import json

    try:
        return _known.get(json.dumps(content, separators=(",", ":")))
    except (TypeError, ValueError, RecursionError):
        return None
