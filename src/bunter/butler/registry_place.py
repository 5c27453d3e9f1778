"""Where the registry of a repository is: a file in its folder, or a schema on a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.butler.remote_root import check_database
from bunter.database import ServerAddress, ServerOptions, is_server
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from bunter.butler.config import RegistryConfig
    from bunter.datastore.store_address import StoreAddress

__all__ = ["folder_and_database", "make_folder_of", "options_of", "place_of"]


def place_of(root: Path | StoreAddress, registry: RegistryConfig) -> str | Path:
    """Return what `Database` takes to open the registry of the repository at a root."""
    if is_server(registry.database):
        return registry.database
    if "://" in registry.database:
        raise ConfigurationError(
            f"the registry cannot be at {registry.database}; registry.database is a file, or postgresql://user@host/database"
        )
    if isinstance(root, Path):
        return root / registry.database
    check_database(root, registry.database)
    return Path(registry.database)


def make_folder_of(database: Path) -> None:
    """Make the folder of a database file, where it is not there.

    Raises
    ------
    ConfigurationError
        If it cannot be made.
    """
    try:
        effects.mkdirs(database.parent)
    except OSError as exc:
        raise ConfigurationError(
            f"the folder {database.parent} for the registry cannot be made ({exc.strerror}); name a file elsewhere"
        ) from exc


def options_of(registry: RegistryConfig) -> ServerOptions:
    """Return the limits of connections to a server."""
    server = registry.server
    return ServerOptions(
        server.schema_name,
        connect_timeout_s=server.connect_timeout_s,
        statement_timeout_s=server.statement_timeout_s,
        idle_timeout_s=server.idle_timeout_s,
        pool_size=server.pool_size,
    )


def folder_and_database(root: str | Path, database: str | None) -> tuple[str | Path, str | None]:
    """Return the folder and the database that a new repository is to have.

    A server's address in place of a folder stands for the folder of the schema's name in the current one: files need a
    place as well.

    Raises
    ------
    ConfigurationError
        If two databases are named.
    """
    if not is_server(root):
        return root, database
    if database is not None:
        raise ConfigurationError(
            f"two databases are named, {ServerAddress.of(str(root))} and another one; name a folder"
        )
    return ServerAddress.of(str(root)).schema, str(root)
