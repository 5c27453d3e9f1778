"""Packers of a repository: numbers for data IDs, with layouts that are kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bunter.butler.data_ids import DataIds
from bunter.butler.queries import Queries
from bunter.dataset.inquiries import Packers as KeptPackers
from bunter.dataset.repository_changes import DefinePacker
from bunter.dimensions import Layout, Packer
from bunter.dimensions.recipes import Recipe
from bunter.errors import DimensionNameError, DimensionValueError, near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bunter.butler.session import Session

__all__ = ["Packers"]


class Packers:
    """Defines and finds packers.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._data_ids = DataIds(session)
        self._queries = Queries(session, self._data_ids)

    def layout(self, name: str, fields: Sequence[Mapping[str, Any]] | None = None, **fixed: str | int) -> Layout:
        """Work out a layout and keep nothing; see `define`."""
        recipe = self._recipe(name) if fields is None else Recipe.simple(name, sorted(fixed), fields)
        given = {key: value for key, value in self._data_ids.defaults().items() if key in recipe.per} | fixed
        return recipe.layout(given, self._look(given))  # type: ignore[arg-type]

    def define(self, name: str, fields: Sequence[Mapping[str, Any]] | None = None, **fixed: str | int) -> Packer:
        """Keep the layout of a packer; the same again changes nothing.

        Parameters
        ----------
        name : str
            Name of the packer; one that the universe has a recipe for needs no fields.
        fields : sequence of mapping, optional
            Parts of the number, the most significant first: ``dimension`` and ``size`` (how many values), ``greatest``
            (value), ``bits``, or ``values`` (a list of them); ``base`` is the least value. Numbers may be read from
            the records of fixed dimensions, as ``"instrument.detector_max"``.
        **fixed
            Dimensions that are not in the number, with their values, such as ``instrument="HSC"``.

        Returns
        -------
        Packer
            As it is kept now.

        Raises
        ------
        ConflictingDefinitionError
            If it is kept with a layout in which numbers mean something else.
        """
        layout = self.layout(name, fields, **fixed)
        packer = Packer(layout, self._session.facts.universe)
        self._session.commit([DefinePacker(layout.to_dict())])
        return packer

    def get(self, name: str, **fixed: str | int) -> Packer:
        """Return a packer.

        Raises
        ------
        DimensionNameError
            If there is none of that name.
        DimensionValueError
            If there are several, for different values of the fixed dimensions, or none for those given.
        """
        known = [each for each in self._kept(name) if fixed.items() <= dict(each.fixed).items()]
        if len(known) > 1:  # only what was left open may be a default
            default = self._data_ids.defaults()
            known = [each for each in known if all(default.get(key, value) == value for key, value in each.fixed)]
        if len(known) == 1:
            return Packer(known[0], self._session.facts.universe)
        raise self._missing(name, fixed, known)

    def __iter__(self) -> Iterator[Packer]:
        universe = self._session.facts.universe
        return (Packer(each, universe) for each in self._kept())

    def _kept(self, name: str = "") -> list[Layout]:
        rows = self._session.repository.answer(self._session.principal, KeptPackers(name)).column("layout").to_pylist()
        return [Layout.from_dict(json.loads(row)) for row in rows]

    def _missing(self, name: str, fixed: Mapping[str, object], known: Sequence[Layout]) -> Exception:
        if known:
            said = " or ".join(", ".join(f"{key}={value!r}" for key, value in each.fixed) for each in known)
            return DimensionValueError(f"there are {len(known)} packers {name!r}; say which one by {said}")
        names = {each.name for each in self._kept()}
        if name in names:
            said = ", ".join(f"{key}={value!r}" for key, value in fixed.items())
            return DimensionValueError(f"there is no packer {name!r} for {said}; `bunter packer list REPO` lists all")
        recipes = self._session.facts.universe.packers
        if name in recipes:
            per = "".join(f" {key}=..." for key in recipes[name].per)
            return DimensionNameError(
                f"packer {name!r} is not defined yet; `bunter packer define REPO {name}{per}` lays it out"
            )
        return DimensionNameError(
            f"there is no packer {name!r}{near(name, {*names, *recipes})}; `bunter packer list REPO` lists all"
        )

    def _recipe(self, name: str) -> Recipe:
        recipes = self._session.facts.universe.packers
        if name not in recipes:
            raise DimensionNameError(
                f"the universe has no recipe for a packer {name!r}{near(name, recipes)}; "
                f"it has {', '.join(recipes) or 'none'}. Give the fields"
            )
        return recipes[name]

    def _look(self, fixed: Mapping[str, object]) -> Callable[[str, str], Any]:
        def look(element: str, column: str) -> Any:
            universe = self._session.facts.universe
            named = universe[element]
            keys = {name: fixed[name] for name in named.required if name in fixed}
            found = self._queries.records(element, data_id=keys).limit(2)
            rows = list(found)
            if len(rows) != 1:
                said = ", ".join(f"{name}={value!r}" for name, value in keys.items())
                raise DimensionValueError(
                    f"{'no' if not rows else 'more than one'} {element} record has {said or 'nothing fixed'}; "
                    f"see `bunter query-dimension-records REPO {element}`"
                )
            return rows[0][column]

        return look

    def __repr__(self) -> str:
        names = ", ".join(each.name for each in self._kept()) or "none yet"
        recipes = ", ".join(self._session.facts.universe.packers)
        return f"Packers: {names}; recipes for {recipes}. .define(name, **governors), .get(name, **governors)"
