"""Limits of a connection to a database server."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ServerOptions"]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How long a server is waited for, and how much of it one process takes.

    Parameters
    ----------
    schema : str, optional
        Schema for addresses that name none.
    connect_timeout_s : float
        Longest wait for a connection, in seconds.
    statement_timeout_s : float
        Longest time for one statement, in seconds; 0 for no limit.
    idle_timeout_s : float
        After so many seconds without use the server ends a connection, in seconds; the next use opens another.
    pool_size : int
        Most connections of one process to one repository.
    """

    schema: str | None = None
    connect_timeout_s: float = 10.0
    statement_timeout_s: float = 0.0
    idle_timeout_s: float = 60.0
    pool_size: int = 16
