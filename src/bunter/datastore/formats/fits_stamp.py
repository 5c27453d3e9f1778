"""Stamps put into the first header of FITS files as they are written, and read from there."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from bunter import effects
from bunter.dataset.stamp import Stamp, is_stamp_card
from bunter.datastore.formats.fits_cards import parse_cards
from bunter.errors import FormatError
from bunter.values import Pieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["read_stamp", "stamped", "stamped_header"]

_CARD, _BLOCK = 80, 2880
_TEXT = 67  # characters of a long text in one card, between the quote and the ampersand
_MOST_BLOCKS = 1000


def stamped(data: bytes | Pieces, stamp: Stamp) -> bytes | Pieces:
    """Return a file with a stamp in its first header, in place of any that was there; the pixels are not touched."""
    if isinstance(data, Pieces):
        return Pieces(lambda: _stamped_pieces(data, stamp))
    return stamped_header(data, stamp)


def _stamped_pieces(data: Pieces, stamp: Stamp) -> Iterator[bytes | memoryview]:
    pieces = iter(data)
    yield from chain([stamped_header(bytes(next(pieces)), stamp)], pieces)


def stamped_header(data: bytes, stamp: Stamp) -> bytes:
    """Put the cards of a stamp before the END of the header that the bytes begin with.

    A CHECKSUM card goes: it would be wrong. The data of the HDU, and so DATASUM, stay.
    """
    kept: list[bytes] = []
    dropping = False
    for begin in range(0, len(data), _CARD):
        card = data[begin : begin + _CARD]
        name = card[:8].rstrip()
        if name == b"END":
            break
        dropping = is_stamp_card(name.decode("latin-1")) or name == b"CHECKSUM" or (dropping and name == b"CONTINUE")
        if not dropping:
            kept.append(card)
    else:
        raise FormatError("a FITS file was written whose first header has no end; please report it")
    header = b"".join([*kept, *_cards(stamp), b"END".ljust(_CARD)])
    end = begin + _CARD
    return header + b" " * (-len(header) % _BLOCK) + data[end + (-end % _BLOCK) :]


def _cards(stamp: Stamp) -> Iterator[bytes]:
    for keyword, value, comment in stamp.cards():
        if isinstance(value, int):
            yield f"{keyword:<8}= {value:>20} / {comment}".encode("ascii", "replace")[:_CARD].ljust(_CARD)
        else:
            yield from _text_cards(keyword, value, comment)


def _text_cards(keyword: str, value: str, comment: str) -> Iterator[bytes]:
    """Write a text; a long one goes on in CONTINUE cards. Source: FITS standard 4.0, section 4.2.1.2."""
    plain = value.encode("ascii", "backslashreplace").decode("ascii")
    parts = _parts("".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in plain).replace("'", "''"))
    for number, part in enumerate(parts):
        begin = "CONTINUE  '" if number else f"{keyword:<8}= '"
        if number + 1 < len(parts):
            yield f"{begin}{part}&'".encode().ljust(_CARD)
        else:
            card = f"{begin}{part:<8}'"
            yield f"{card} / {comment}".encode("ascii", "replace")[:_CARD].ljust(_CARD)


def _parts(text: str) -> list[str]:
    """Cut a text, in which quotes are doubled, into parts that fit a card; no cut is between the two of a pair."""
    parts = []
    while len(text) > _TEXT + 1:
        cut = _TEXT
        quotes = len(text[:cut]) - len(text[:cut].rstrip("'"))
        cut -= quotes % 2
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]


def read_stamp(path: str | Path) -> Stamp:
    """Read the stamp of a FITS file.

    Raises
    ------
    FormatError
        If it is no FITS file, or has no stamp.
    """
    text = b""
    for block in range(_MOST_BLOCKS):
        more = effects.read_range(path, block * _BLOCK, _BLOCK)
        text += more
        if (not block and not more.startswith(b"SIMPLE")) or len(more) < _BLOCK:
            raise FormatError(f"{path} is no FITS file, or is cut off")
        if any(more[at : at + _CARD].rstrip() == b"END" for at in range(0, _BLOCK, _CARD)):
            break
    return Stamp.from_cards(parse_cards(text), str(path))
