"""Which collections there are, as they stood at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bunter.dataset import CollectionInfo, CollectionType, is_glob
from bunter.errors import MissingCollectionError, near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["CollectionCatalog", "CollectionRow"]


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A collection with its number in the database."""

    number: int
    name: str
    type: CollectionType
    doc: str
    children: tuple[str, ...] = ()


class CollectionCatalog:
    """All collections of a repository at one moment; it does not change.

    Parameters
    ----------
    rows : iterable of CollectionRow
        The collections.
    when : str
        Says of which time, in messages; empty for now.
    """

    def __init__(self, rows: Iterable[CollectionRow], when: str = "") -> None:
        self._when = when
        self._rows = {row.name: row for row in rows}
        self._names = {row.number: row.name for row in self._rows.values()}
        self._flat: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._parents: dict[str, tuple[str, ...]] | None = None

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, name: str) -> CollectionRow:
        """Return a collection with its number.

        Raises
        ------
        MissingCollectionError
            If there is none of this name; offers the nearest.
        """
        try:
            return self._rows[name]
        except KeyError:
            raise MissingCollectionError(
                f"no collection {name!r}{self._when}{near(name, self._rows)}; `bunter query-collections REPO` lists all"
            ) from None

    def name(self, number: int) -> str:
        """Return the name of a collection from its number in the database."""
        return self._names[number]

    def info(self, name: str) -> CollectionInfo:
        """Return type, documentation, children and parents of a collection."""
        row = self.row(name)
        return CollectionInfo(name, row.type, row.doc, row.children, self.parents(name))

    def parents(self, name: str) -> tuple[str, ...]:
        """Return the chains that have this collection as a member, sorted."""
        if self._parents is None:
            found: dict[str, list[str]] = {}
            for row in self._rows.values():
                for child in row.children:
                    found.setdefault(child, []).append(row.name)
            self._parents = {child: tuple(sorted(names)) for child, names in found.items()}
        return self._parents.get(name, ())

    def match(self, pattern: str) -> tuple[str, ...]:
        """Return the names that match a pattern with ``*``, ``?`` and ``[...]``, sorted; ``*`` matches ``/`` as well."""
        return tuple(sorted(name for name in self._rows if fnmatchcase(name, pattern)))

    def newest_first(self) -> tuple[str, ...]:
        """Return all collections but chains, the one made last first."""
        rows = (row for row in self._rows.values() if row.type is not CollectionType.CHAINED)
        return tuple(row.name for row in sorted(rows, key=lambda row: -row.number))

    def flatten(self, names: str | Sequence[str]) -> tuple[str, ...]:
        """Return the collections to search: patterns replaced by what matches, chains by their members.

        Parameters
        ----------
        names : str or sequence of str
            Names and patterns in order of search.

        Returns
        -------
        tuple of str
            RUN, TAGGED and CALIBRATION collections, chains taken depth first, each at its first place only.

        Raises
        ------
        MissingCollectionError
            If a name, or all a pattern asks for, is missing.
        """
        asked = (names,) if isinstance(names, str) else tuple(names)
        flat = self._flat.get(asked)
        if flat is None:
            flat = self._flat[asked] = tuple(dict.fromkeys(self._walk(asked)))
        return flat

    def _walk(self, asked: Iterable[str]) -> Iterator[str]:
        pending = [name for pattern in reversed(tuple(asked)) for name in reversed(self.expand(pattern))]
        while pending:
            row = self.row(pending.pop())
            if row.type is CollectionType.CHAINED:
                pending.extend(reversed(row.children))
            else:
                yield row.name

    def reached(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Return what names and patterns lead to, depth first, chains among them, each at its first place only."""
        found: dict[str, None] = {}
        pending = [name for pattern in reversed(tuple(asked)) for name in reversed(self.expand(pattern))]
        while pending:
            name = pending.pop()
            if name not in found:
                found[name] = None
                pending += reversed(self.row(name).children)
        return tuple(found)

    def expand(self, pattern: str) -> tuple[str, ...]:
        """Return what a pattern matches, sorted; a name stands for itself, whether there is such a collection or not."""
        if pattern in self._rows or not is_glob(pattern):
            return (pattern,)
        return self.match(pattern)

    def below(self, name: str) -> set[str]:
        """Return the name and all that is reached from it through chains."""
        found: set[str] = set()
        pending = [name]
        while pending:
            current = pending.pop()
            if current not in found:
                found.add(current)
                pending.extend(self.row(current).children)
        return found

    def __repr__(self) -> str:
        return f"<{len(self)} collections>"
