"""Identifiers that a graph knows before its datasets exist."""

from __future__ import annotations

import os
import time

from bunter.values.identity import derive_nonce

__all__ = ["ROW_BITS", "dataset_nonce", "new_base", "predicted_id"]

ROW_BITS = 32


def new_base() -> bytes:
    """Draw the id of row 0 of a new graph.

    Returns
    -------
    bytes
        A UUIDv7 with the time in milliseconds, 42 random bits, and zeros in the lowest 32 bits for the row.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(6), "big")
    head = milliseconds << 80 | 0x7 << 76 | (random & 0xFFF) << 64
    tail = 0x2 << 62 | (random >> 12 & 0x3FFFFFFF) << ROW_BITS
    return (head | tail).to_bytes(16, "big")


def predicted_id(base: bytes, row: int) -> bytes:
    """Id of the predicted dataset in a row of the graph: base + row.

    Parameters
    ----------
    base : bytes
        Id of row 0.
    row : int
        Number of the dataset over all dataset types of the graph.
    """
    return (int.from_bytes(base, "big") + row).to_bytes(16, "big")


def dataset_nonce(graph_id: str, row: int, attempt: int = 0) -> str:
    """Nonce of the artifact that an attempt at a quantum writes for the dataset in a row: known before it runs."""
    return derive_nonce(graph_id, row, attempt)
