"""Frozen values that every room shares: times, identifiers, digests, who is asking."""

from __future__ import annotations

from bunter.values.arrow import pyarrow
from bunter.values.content import ByteRange, Digesting, Digests, Durability, Pieces, digest, quick_digest
from bunter.values.identity import derive_nonce, deterministic_id, new_id, new_ids, new_nonce
from bunter.values.instant import clock_text, format_instant, parse_instant
from bunter.values.principal import Principal
from bunter.values.timespan import MAX_NS, MIN_NS, Timespan
from bunter.values.wording import counted, listed, sized

__all__ = [
    "MAX_NS",
    "MIN_NS",
    "ByteRange",
    "Digesting",
    "Digests",
    "Durability",
    "Pieces",
    "Principal",
    "Timespan",
    "clock_text",
    "counted",
    "derive_nonce",
    "deterministic_id",
    "digest",
    "format_instant",
    "listed",
    "new_id",
    "new_ids",
    "new_nonce",
    "parse_instant",
    "pyarrow",
    "quick_digest",
    "sized",
]
