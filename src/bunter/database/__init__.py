"""The database: connections, the queue of writers, transactions. It knows no astronomy."""

from __future__ import annotations

from bunter.database.connection import Connection, IntegrityError, Transaction
from bunter.database.database import Database

__all__ = ["Connection", "Database", "IntegrityError", "Transaction"]
