"""The database: connections, the queue of writers, transactions. It knows no astronomy."""

from __future__ import annotations

from bunter.database.columns import Columns
from bunter.database.connection import Connection, IntegrityError, Transaction
from bunter.database.database import Database
from bunter.database.dialect import SQLITE, Dialect
from bunter.database.server_address import ServerAddress, is_server
from bunter.database.server_options import ServerOptions

__all__ = [
    "SQLITE",
    "Columns",
    "Connection",
    "Database",
    "Dialect",
    "IntegrityError",
    "ServerAddress",
    "ServerOptions",
    "Transaction",
    "is_server",
]
