"""Positions of objects by their names: only where a resolver is configured, since names may have to be looked up elsewhere."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bunter.butler.position import Position, as_position, looks_like_position
from bunter.errors import ConfigurationError, PositionError, near

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Resolver", "Sesame", "TableResolver", "open_resolver", "place_of", "position_of"]

GROUP = "bunter.resolvers"
_TABLES = (".ecsv", ".csv")


class Resolver(Protocol):
    """Knows where objects are."""

    def find(self, name: str) -> Position | None:
        """Return the position of an object, None if there is none of that name; OSError if nobody can be asked."""

    def names(self) -> list[str]:
        """Return the names that are known here, to offer those that are near; none if they are not."""


class TableResolver:
    """Objects of a local table, ECSV or CSV, with columns ``name``, ``ra`` and ``dec`` (ICRS degrees).

    Upper and lower case, and spaces, make no difference.

    Parameters
    ----------
    argument : str
        The file, relative to the folder of the repository.
    folder : Path
        That folder.
    """

    def __init__(self, argument: str, folder: Path) -> None:
        self._path = folder / argument
        self._rows = self._read()

    def _read(self) -> dict[str, tuple[str, Position]]:
        from astropy.table import Table

        try:
            table = Table.read(self._path, format="ascii.csv" if self._path.suffix == ".csv" else "ascii.ecsv")
        except Exception as exc:
            raise ConfigurationError(
                f"cannot read the objects of {self._path}: {' '.join(str(exc).split())[:200]}"
            ) from exc
        if missing := {"name", "ra", "dec"} - set(table.colnames):
            raise ConfigurationError(
                f"{self._path} has no column {', '.join(sorted(missing))}; objects need name, ra and dec"
            )
        return {_plain(str(row["name"])): (str(row["name"]), as_position(row["ra"], row["dec"])) for row in table}

    def find(self, name: str) -> Position | None:
        """See `Resolver`."""
        found = self._rows.get(_plain(name))
        return None if found is None else found[1]

    def names(self) -> list[str]:
        """See `Resolver`."""
        return [name for name, _ in self._rows.values()]


class Sesame:
    """Names that CDS's Sesame service knows, asked through astropy over the network."""

    def __init__(self, argument: str, folder: Path) -> None:
        del argument, folder

    def find(self, name: str) -> Position | None:
        """See `Resolver`."""
        from astropy.coordinates import SkyCoord
        from astropy.coordinates.name_resolve import NameResolveError

        try:
            return as_position(SkyCoord.from_name(name))
        except NameResolveError as exc:
            if "Unable to find coordinates" in str(exc):
                return None
            raise OSError(f"Sesame cannot be asked: {' '.join(str(exc).split())}") from exc

    def names(self) -> list[str]:
        """See `Resolver`."""
        return []


_BUILT_IN: dict[str, Callable[[str, Path], Resolver]] = {"table": TableResolver, "sesame": Sesame}


def open_resolver(setting: str, folder: Path) -> Resolver:
    """Make the resolver that is configured.

    Parameters
    ----------
    setting : str
        ``sesame``, a table's file, or ``name:argument`` of a resolver that a package offers under ``bunter.resolvers``.
    folder : Path
        What relative files are relative to.

    Raises
    ------
    ConfigurationError
        If there is no such resolver, or its table cannot be read.
    """
    name, _, argument = setting.partition(":")
    if setting.endswith(_TABLES) and name not in _BUILT_IN:
        name, argument = "table", setting
    known: dict[str, Any] = {point.name: point.load for point in entry_points(group=GROUP)}
    if name not in _BUILT_IN and name not in known:
        raise ConfigurationError(
            f"no resolver {name!r}{near(name, [*_BUILT_IN, *known])}; use sesame, a .ecsv or .csv file with name, ra and dec, or "
            f"one that a package offers under the entry point {GROUP}"
        )
    make = _BUILT_IN[name] if name in _BUILT_IN else known[name]()
    resolver: Resolver = make(argument, folder)
    return resolver


def place_of(ra: Any, dec: Any, root: Path | None) -> Position:
    """Read a position: two angles, one coordinate, or the name of an object.

    Parameters
    ----------
    ra, dec : object
        See `as_position`; a text alone is the name of an object, or both angles.
    root : Path, optional
        Folder of the repository, whose configuration names the resolver.
    """
    if dec is not None or not isinstance(ra, str):
        return as_position(ra, dec)
    words = ra.split()
    if len(words) == 2 and all(map(looks_like_position, words)):
        return as_position(*words)
    from bunter.butler.config import CONFIG_NAME, load_configuration

    setting = load_configuration(None if root is None else root / CONFIG_NAME).model.resolver
    return position_of(ra, setting, root)


def position_of(name: str, setting: str | None, folder: Path | None) -> Position:
    """Look up the position of an object.

    Parameters
    ----------
    name : str
        The object.
    setting : str, optional
        The resolver that is configured.
    folder : Path, optional
        Folder of the repository.

    Raises
    ------
    PositionError
        If no resolver is configured, or it does not know the object.
    """
    if setting is None:
        raise PositionError(
            f"{name!r} is no position, and names of objects are not looked up here; give right ascension and declination, or "
            "configure a resolver: `resolver: sesame`, or `resolver: objects.ecsv` with columns name, ra, dec"
        )
    resolver = open_resolver(setting, Path() if folder is None else folder)
    found = resolver.find(name)
    if found is None:
        raise PositionError(f"the resolver {setting!r} knows no {name!r}{near(name, resolver.names())}")
    return found


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()
