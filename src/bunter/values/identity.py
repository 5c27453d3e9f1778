"""Identifiers: of datasets (UUIDs), and of artifacts (nonces)."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import time
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The namespace of repeatable dataset ids in the Rubin Data Butler: equal raws get equal ids at every site.
DATASET_NAMESPACE = uuid.UUID("840b31d9-05cd-5161-b2c8-00d32b280d0f")

_VERSION_BITS = 0x7 << 76
_VARIANT_BITS = 0x2 << 62
_LOW = (1 << 62) - 1
_HALF = (1 << 64) - 1
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)


class _Ascending:
    """Source of UUIDv7 integers, ascending within the process; a block of them is consecutive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def take(self, count: int) -> int:
        """First of ``count`` consecutive UUIDv7 values."""
        with self._lock:
            first = self._first(time.time_ns() // 1_000_000)
            if (first & _LOW) + count > _LOW:
                first = self._first((self._last >> 80) + 1)
            self._last = first + count - 1
            return first

    def _first(self, now_ms: int) -> int:
        # Within a millisecond, or if the clock went back, go on counting where the last block ended.
        if now_ms <= self._last >> 80:
            return self._last + 1
        bits = int.from_bytes(os.urandom(10), "big")
        head = now_ms << 80 | _VERSION_BITS | (bits >> 62 & 0xFFF) << 64 | _VARIANT_BITS
        return head | (bits & _LOW >> 1)


_ascending = _Ascending()


def _forget() -> None:
    # A child process must not continue the counter that its parent continues as well.
    global _ascending  # noqa: PLW0603 - the one process-wide counter
    _ascending = _Ascending()


os.register_at_fork(after_in_child=_forget)


def new_id() -> uuid.UUID:
    """Draw a UUIDv7: starts with the time, is greater than all drawn before in this process."""
    return uuid.UUID(int=_ascending.take(1))


def new_ids(count: int) -> list[bytes]:
    """Draw many UUIDv7 at once.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    list[bytes]
        16 bytes each, big-endian, ascending and consecutive.
    """
    if count <= 0:
        return []
    first = _ascending.take(count)
    high = (first >> 64).to_bytes(8, "big")  # a block never carries beyond the lower half
    low = struct.pack(f"!{count}Q", *range(first & _HALF, (first & _HALF) + count))
    return [high + low[place : place + 8] for place in range(0, 8 * count, 8)]


def deterministic_id(dataset_type: str, data_id: Mapping[str, object], run: str | None = None) -> uuid.UUID:
    """Derive a dataset id from what the dataset is.

    Parameters
    ----------
    dataset_type : str
        Name of the dataset type.
    data_id : Mapping[str, object]
        Required dimensions and their values.
    run : str, optional
        The run; None for datasets that are the same in every run.

    Returns
    -------
    uuid.UUID
        The UUIDv5 that the Rubin Data Butler gives to such a dataset.
    """
    parts = [f"dataset_type={dataset_type}"]
    if run is not None:
        parts.append(f"run={run}")
    parts.extend(f"{name}={data_id[name]}" for name in sorted(data_id))
    return uuid.uuid5(DATASET_NAMESPACE, ",".join(parts))


def new_nonce() -> str:
    """Draw 64 random bits as 13 lower-case base32 characters (a-z, 2-7)."""
    return _spell(os.urandom(8))


def new_nonces(count: int) -> list[str]:
    """Draw many, as `new_nonce` does."""
    bits = os.urandom(8 * count)
    return [_spell(bits[begin : begin + 8]) for begin in range(0, 8 * count, 8)]


def derive_nonce(*parts: object) -> str:
    """Nonce that is a function of its arguments, taken as texts; in the form of `new_nonce`."""
    hashed = hashlib.sha256()
    for part in parts:
        text = str(part).encode()
        hashed.update(len(text).to_bytes(8, "big") + text)
    return _spell(hashed.digest()[:8])


def _spell(bits: bytes) -> str:
    """Write 64 bits in base32, as `base64.b32encode` does but for the padding and the case."""
    number, pairs = int.from_bytes(bits, "big") << 1, _PAIRS
    return (
        _DIGITS[number >> 60]
        + pairs[number >> 50 & 1023]
        + pairs[number >> 40 & 1023]
        + pairs[number >> 30 & 1023]
        + pairs[number >> 20 & 1023]
        + pairs[number >> 10 & 1023]
        + pairs[number & 1023]
    )
