"""Addresses of PostgreSQL databases: what may stand in a file, and what may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    import os

__all__ = ["SCHEMES", "ServerAddress", "is_server"]

SCHEMES = ("postgresql://", "postgres://")
_PASSWORD_PLACES = "a password file (~/.pgpass or PGPASSFILE), a service (PGSERVICE) or the environment (PGPASSWORD)"  # noqa: S105 - where to keep one, not one
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A schema of a database of a PostgreSQL server; it has no password in it.

    Parameters
    ----------
    url : str
        What libpq understands.
    schema : str
        Name of the schema that holds the tables.
    """

    url: str
    schema: str

    @classmethod
    def of(cls, text: str, schema: str | None = None) -> Self:
        """Read ``postgresql://user@host/database?schema=name``.

        Parameters
        ----------
        text : str
            The address.
        schema : str, optional
            Used if the address names none; ``bunter`` by default.

        Raises
        ------
        ConfigurationError
            If it holds a password, or cannot be read.
        """
        try:
            parts = urlsplit(text)
        except ValueError as exc:
            raise ConfigurationError(
                "a database address looks like postgresql://user@host/database?schema=name"
            ) from exc
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if ":" in parts.netloc.rpartition("@")[0] or {"password", "sslpassword"} & query.keys():
            raise ConfigurationError(
                f"the address of database {unquote(parts.path[1:])!r} has a password in it, which others would read; "
                f"leave it out and use {_PASSWORD_PLACES}"
            )
        name = query.pop("schema", None) or schema or "bunter"
        if "\0" in name or len(name.encode()) > _LONGEST_NAME or name.startswith("pg_"):
            raise ConfigurationError(f"{name!r} cannot be the name of a schema; use a short name such as 'dr1'")
        return cls(
            urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(query, quote_via=quote, safe="/"), "")), name
        )

    def __str__(self) -> str:
        sign = "&" if "?" in self.url else "?"
        return f"{self.url}{sign}schema={quote(self.schema)}"


def is_server(text: str | os.PathLike[str]) -> bool:
    """Whether an address names a PostgreSQL server."""
    return str(text).startswith(SCHEMES)
