"""Content that was compressed as a whole, with a limit to what it may become."""

from __future__ import annotations

import zlib

from bunter.errors import FormatError
from bunter.values import sized

__all__ = ["GZIP", "check_growth", "inflated"]

GZIP = b"\x1f\x8b"
_ALWAYS = 64 << 20
_RATIO = 200
_STEP = 16 << 20


def check_growth(packed: int, plain: int, always: int = _ALWAYS) -> None:
    """Refuse content that grows more than real data do: 200 times, and to more than ``always`` bytes.

    Raises
    ------
    FormatError
        If ``packed`` bytes become ``plain`` bytes, more than is allowed.
    """
    if plain > max(always, _RATIO * packed):
        raise FormatError(
            f"{sized(packed)} of compressed content become {sized(plain)} or more, which looks like an attack on the memory; "
            "unpack it by hand if you trust it"
        )


def inflated(data: bytes) -> bytes:
    """Return what was compressed by gzip; FormatError if it is damaged or grows beyond measure."""
    parts: list[bytes] = []
    size, rest = 0, data
    try:
        while rest[:2] == GZIP:
            one = zlib.decompressobj(wbits=31)
            while not one.eof:
                piece = one.decompress(rest, _STEP)
                rest = one.unconsumed_tail
                if not piece and not rest and not one.eof:
                    raise FormatError(
                        "the file is cut short or damaged: the compressed content has no end; fetch it again"
                    )
                parts.append(piece)
                size += len(piece)
                check_growth(len(data), size)
            rest = one.unused_data
    except zlib.error as exc:
        raise FormatError(f"the file is cut short or damaged: {exc}; fetch it again") from exc
    return b"".join(parts)
