"""Where the registry of a repository is: a file in its folder, or a schema on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.database import ServerOptions, is_server

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler.config import RegistryConfig

__all__ = ["options_of", "place_of"]


def place_of(root: Path, registry: RegistryConfig) -> str | Path:
    """Return what `Database` takes to open the registry of the repository in a folder."""
    return registry.database if is_server(registry.database) else root / registry.database


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
