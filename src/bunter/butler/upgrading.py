"""Living repositories brought up: to the format of this code, and to a universe with more in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.butler.opening import Address, open_repository
from bunter.dataset.inquiries import Migrations
from bunter.dataset.repository_changes import ChangeUniverse
from bunter.dimensions import Universe
from bunter.dimensions.difference import universe_differences
from bunter.errors import UniverseError
from bunter.values import Principal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from bunter.butler.repository import Repository, RepositoryFacts
    from bunter.dimensions.difference import UniverseDifference
    from bunter.dimensions.sources import Source

__all__ = ["Upgrade", "upgrade_history", "upgrade_repository", "wanted_universe"]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did, or would do.

    Parameters
    ----------
    formats : tuple of str
        Steps of the format, in words.
    differences : tuple of UniverseDifference
        What the universe gains.
    fills : tuple of str
        ``element.column`` of what needs values where there are records; said by a dry run only.
    dry_run : bool
        Whether nothing was done.
    """

    formats: tuple[str, ...]
    differences: tuple[UniverseDifference, ...]
    fills: tuple[str, ...]
    dry_run: bool

    @property
    def sentences(self) -> list[str]:
        """Everything in words."""
        return [*self.formats, *(each.sentence for each in self.differences)]

    def __bool__(self) -> bool:
        return bool(self.formats or self.differences)


def upgrade_repository(
    repo: str | Path | Repository,
    *,
    dimensions: Source | None = None,
    fill: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> Upgrade:
    """Bring a repository to the format of this code and, if asked, give it a universe with more in it.

    Each of the two happens in one transaction: whatever ends the process, the repository is as before or as after.
    Processes that have the repository open notice before their next operation.

    Parameters
    ----------
    repo : str, Path or Repository
        The repository.
    dimensions : str, Path or Mapping, optional
        The universe that is wanted: a file, a name or the content. What says ``extends: repository`` adds to the one that
        the repository has.
    fill : mapping, optional
        Values for the records that are there, by ``element.column``: of new keys, implied dimensions, and columns that
        must have a value. In a text ``{name}`` stands for the record's value of another column.
    dry_run : bool
        Whether to say only what would be done.

    Returns
    -------
    Upgrade
        What was done.

    Raises
    ------
    UniverseError
        If the universe wanted lacks something that the repository has, with a sentence for each; nothing is changed.
    """
    address = Address.of(repo, writeable=not dry_run)
    formats = _format_steps(address, dry_run=dry_run)
    if dry_run and formats:  # it cannot be opened before
        return Upgrade(formats, (), (), dry_run=True)
    repository = open_repository(address)
    try:
        differences, fills = _universe_steps(repository, dimensions, dict(fill or {}), dry_run=dry_run)
    finally:
        if address.live is None and not address.text.startswith("memory://"):
            repository.close()
    return Upgrade(formats, differences, fills, dry_run)


def wanted_universe(dimensions: Source, facts: RepositoryFacts) -> Universe:
    """Read a universe that may extend the one of a repository."""
    return Universe.load(dimensions, repository=facts.universe.to_dict())


def upgrade_history(repository: Repository) -> pa.Table:
    """Return what was changed about a repository itself: change, time, user, kind, title and detail."""
    return repository.answer(Principal.current(), Migrations())


def _format_steps(address: Address, *, dry_run: bool) -> tuple[str, ...]:
    if address.live is not None or address.text.startswith("memory://"):
        return ()
    from bunter.butler.opening import configuration_at, existing_place
    from bunter.butler.own_database import migrate_database

    root = existing_place(address)
    return migrate_database(root, configuration_at(root), dry_run=dry_run)


def _universe_steps(
    repository: Repository, dimensions: Source | None, fill: dict[str, Any], *, dry_run: bool
) -> tuple[tuple[UniverseDifference, ...], tuple[str, ...]]:
    principal = Principal.current()
    facts = repository.facts(principal)
    if dimensions is None:
        if fill:
            raise UniverseError("values to fill in are given, and no universe; name its file with --dimensions")
        return (), ()
    from bunter.registry.universe_changes import fills_needed, refuse_what_is_not_additive

    wanted = wanted_universe(dimensions, facts)
    differences = universe_differences(facts.universe, wanted)
    refuse_what_is_not_additive(differences, facts.universe, wanted, facts.dataset_types.values())
    if not dry_run:
        if differences:
            repository.commit(principal, [ChangeUniverse(wanted.to_dict(), fill)])
        return tuple(differences), ()
    return tuple(differences), tuple(name for name in fills_needed(differences, wanted) if name not in fill)
