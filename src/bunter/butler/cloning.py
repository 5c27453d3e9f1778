"""A repository's database copied to another one, between SQLite and PostgreSQL either way; its files stay where they are."""

from __future__ import annotations

import secrets
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bunter import effects, safe_yaml
from bunter.butler.config import CONFIG_NAME
from bunter.butler.opening import Address, configuration_at, existing_place
from bunter.butler.registry_place import options_of, place_of
from bunter.butler.remote_root import configuration_file
from bunter.butler.seal_note import seal_sentence
from bunter.database import Database, ServerAddress, is_server
from bunter.errors import ConfigurationError, ReadOnlyError, RepositoryExistsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.butler.config import Configuration, RegistryConfig
    from bunter.database import Transaction
    from bunter.database.cloning import Copied
    from bunter.datastore.store_address import StoreAddress

__all__ = ["Clone", "clone_registry", "make_views"]


@dataclass(frozen=True, slots=True)
class Clone:
    """What was copied, or would be.

    Parameters
    ----------
    source, target : str
        The two databases.
    tables : tuple of (str, int)
        Every table with its number of rows.
    switched : bool
        Whether the repository uses the target from now on.
    dry_run : bool
        Whether nothing was done.
    """

    source: str
    target: str
    tables: tuple[tuple[str, int], ...]
    switched: bool
    dry_run: bool

    @property
    def rows(self) -> int:
        """Number of rows of all tables."""
        return sum(rows for _, rows in self.tables)


def clone_registry(
    repo: str | Path,
    to: str | Path,
    *,
    switch: bool = False,
    dry_run: bool = False,
    progress: Callable[[Copied], None] | None = None,
) -> Clone:
    """Copy the database of a repository to another one: every table and row as it is, numbers of changes included.

    Parameters
    ----------
    repo : str or Path
        The repository: a folder or a label.
    to : str or Path
        ``postgresql://user@host/database?schema=name``, or a file, relative to the repository's folder.
    switch : bool
        Whether the repository is to use the copy from then on. Writers wait meanwhile; afterwards the old database refuses
        all use, also by programs that have it open.
    dry_run : bool
        Whether only to look at what would be copied, and whether the target is free.
    progress : callable, optional
        Is told each table when it has been copied.

    A copy that is at the target already, and has just what the original has, is taken for done: the same call completes what
    was killed.

    Raises
    ------
    RepositoryExistsError
        If there is something else at the target.
    DatabaseDamagedError
        If the copy differs from the original; nothing of it is kept then.
    """
    root = existing_place(Address.of(repo))
    configuration = configuration_at(root)
    registry = configuration.model.registry
    target = _target(root, str(to), registry.server.schema_name)
    if switch:
        _check_switch(root, configuration)
    with Database.open(
        place_of(root, registry),
        read_only=not switch,
        lock_timeout_s=registry.lock_timeout_s,
        options=options_of(registry),
    ) as source:
        if switch and _has_moved(source, str(target)):
            tables = _completed(root, target, registry, dry_run=dry_run)
        elif dry_run:
            tables = _surveyed(source, str(target), configuration)
        else:
            tables = _cloned(source, target, configuration, root if switch else None, progress)
    return Clone(source.location, str(target), tables, switch and not dry_run, dry_run)


def _target(root: Path | StoreAddress, to: str, schema: str | None) -> ServerAddress | Path:
    if is_server(to):
        return ServerAddress.of(to, schema)
    return root / to if isinstance(root, Path) else Path(to).absolute()


def _check_switch(root: Path | StoreAddress, configuration: Configuration) -> None:
    if (sentence := seal_sentence(root, configuration)) is not None:
        raise ReadOnlyError(f"{sentence}; open it with `bunter seal --unseal` before it can use another database")
    if configuration.sources.get("registry.database") == "environment":
        raise ConfigurationError(
            "registry.database comes from the environment (BUNTER_CONFIG__REGISTRY__DATABASE), so the repository's own file "
            "cannot switch it; unset the variable"
        )


def _has_moved(source: Database, target: str) -> bool:
    """Whether all has been copied, and only the configuration does not say so, as the program was killed before."""
    from bunter.registry.living_universe import MOVED_TO

    with source.read() as connection:
        found = connection.fetchall("SELECT value FROM attribute WHERE name = ?", (MOVED_TO,))
    return found == [(target,)]


def _completed(
    root: Path | StoreAddress, target: ServerAddress | Path, registry: RegistryConfig, *, dry_run: bool
) -> tuple[tuple[str, int], ...]:
    """Let the configuration name a copy that is there."""
    from bunter.database.cloning import survey_tables

    with Database.open(str(target), read_only=True, options=options_of(registry)) as copy, copy.read() as connection:
        tables = tuple(survey_tables(connection))
    if not dry_run:
        _switch(root, target)
    return tables


def _surveyed(source: Database, target: str, configuration: Configuration) -> tuple[tuple[str, int], ...]:
    from bunter.database.cloning import survey_tables
    from bunter.registry import Registry

    Registry.open(source)
    Database.check_absent(target, options_of(configuration.model.registry))
    with source.read(snapshot=True) as connection:
        return tuple(survey_tables(connection))


def _cloned(
    source: Database,
    target: ServerAddress | Path,
    configuration: Configuration,
    switched: Path | StoreAddress | None,
    progress: Callable[[Copied], None] | None,
) -> tuple[tuple[str, int], ...]:
    from bunter.database.cloning import clone_database, same_copy
    from bunter.registry import Registry
    from bunter.registry.living_universe import MOVED_TO

    registry = Registry.open(source)
    options = options_of(configuration.model.registry)
    with source.write() if switched is not None else nullcontext() as held:
        try:
            done = clone_database(source, str(target), options=options, finish=make_views(registry), progress=progress)
        except RepositoryExistsError:
            if (found := same_copy(source, str(target), options)) is None:
                raise
            done = found
        if held is not None:
            held.bulk_insert("attribute", ["name", "value"], [(MOVED_TO, str(target))])
            held.touch()  # so that programs which have it open look again
    if switched is not None:
        _switch(switched, target)
    return tuple((copied.table, copied.rows) for copied in done)


def make_views(registry: Any) -> Callable[[Transaction], None]:
    """Return what makes all views of a registry in a database that has its tables, and says how to look into these."""
    from bunter.datastore.artifact_view import create_artifact_view
    from bunter.datastore.sink_views import make_sink_views
    from bunter.registry.schema import recommend_keys
    from bunter.registry.views import refresh_views

    def make(transaction: Transaction) -> None:
        with registry.database.read() as connection:
            roster = registry.roster(connection)
        for layout in roster.layouts.values():
            recommend_keys(transaction, layout)
        refresh_views(transaction, roster, roster.universe)
        create_artifact_view(transaction)
        make_sink_views(transaction)

    return make


def _switch(root: Path | StoreAddress, target: ServerAddress | Path) -> None:
    """Write the new place into the configuration file, which is the old or the new one at any moment."""
    inside = isinstance(root, Path) and isinstance(target, Path) and target.is_relative_to(root)
    place = str(target.relative_to(root)) if inside else str(target)  # type: ignore[arg-type, union-attr]
    if not isinstance(root, Path):
        there = configuration_file(str(root))
        there.write_text(_with_database(there.read_text(), place))
        return
    file = root / CONFIG_NAME
    text = _with_database(effects.read_bytes(file), place)
    temporary = root / f"{CONFIG_NAME}-{secrets.token_hex(4)}"
    effects.write_new(temporary, text.encode(), sync=True)
    effects.rename(temporary, file)
    effects.sync_dir(root)


def _with_database(text: str | bytes, place: str) -> str:
    tree: dict[str, Any] = safe_yaml.load(text) or {}
    tree["registry"] = {**(tree.get("registry") or {}), "database": place}
    return yaml.safe_dump(tree, sort_keys=False)
