"""Header cards of datasets: their text as it was written, and their values as JSON that can be asked for.

A header is kept as its difference from another one, its *base*: the headers of a night, or of the detectors in one file,
have most of their cards in common. Of the values those that differ are kept, as a JSON object in which null stands for a
card that the base has and the header has not; the text is compressed with that of the base as its dictionary.
"""

from __future__ import annotations

import json
import math
import threading
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bunter.dataset.annotations import AddHeaders, HeaderRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "CardText",
    "Header",
    "HeaderBase",
    "HeaderBases",
    "PackedHeader",
    "card_key",
    "headers_change",
    "packed_alike",
    "plain_number",
    "queryable",
    "repacked",
    "unpacked",
]

_LEVEL = 6
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_UNFIT = str.maketrans({'"': None, "\\": None})


@dataclass(frozen=True, slots=True)
class CardText:
    """Cards as they stand in a FITS file, 80 bytes each, without END and padding.

    Parameters
    ----------
    primary : bytes
        Cards of the first HDU.
    own : bytes
        Cards of the HDU that holds the dataset, empty if that is the first.
    """

    primary: bytes
    own: bytes = b""


@dataclass(frozen=True, slots=True)
class Header:
    """Cards of one dataset.

    Parameters
    ----------
    text : CardText
        As written.
    values : mapping of str to object
        Value of each card by its name, as `card_key` spells it.
    """

    text: CardText
    values: Mapping[str, Any]


@lru_cache(maxsize=8192)
def card_key(name: str) -> str:
    """Spell the name of a card as it is asked for: in capitals, without HIERARCH and surrounding space."""
    key = name.strip().upper()
    return key.removeprefix("HIERARCH ").strip().translate(_UNFIT)


def plain_number(value: float) -> object:
    """Return a number that both databases keep; a text for whole numbers that are too large, None for NaN and infinities."""
    if not isinstance(value, int):
        return value if math.isfinite(value) else None
    return value if _SMALLEST <= value <= _LARGEST else str(value)


def queryable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of cards as JSON knows them: text, numbers, true and false; cards without a value are left out.

    NaN and infinities count as no value, complex numbers are text, and characters that databases refuse become ``?``.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        is_plain = type(value) is str and value.isprintable()  # as most are
        plain = value if is_plain else _plain(value)
        if plain is not None and (key := card_key(name)):
            found.setdefault(key, plain)
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return plain_number(value)
    text = str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


class HeaderBase:
    """A header that others are told apart from.

    Parameters
    ----------
    header : Header
        The header.
    """

    __slots__ = ("cards", "packed", "text", "values")

    def __init__(self, header: Header) -> None:
        self.values = queryable(header.values)
        self.text = header.text.primary + header.text.own
        self.cards = _json(self.values)
        self.packed = zlib.compress(self.text, _LEVEL)

    @classmethod
    def stored(cls, values: Mapping[str, Any], packed: bytes) -> HeaderBase:
        """Return a base that is kept already: its values, and its text as it is compressed."""
        base = cls.__new__(cls)
        base.values, base.packed = dict(values), packed
        base.text, base.cards = zlib.decompress(packed), _json(values)
        return base

    def pack(self, header: Header) -> PackedHeader:
        """Return a header as its difference from this one."""
        return self.repack(queryable(header.values), header.text)

    def repack(self, values: Mapping[str, Any], text: CardText) -> PackedHeader:
        """Return a header whose values are as JSON knows them already, as its difference from this one."""
        known = self.values
        different = {
            name: value
            for name, value in values.items()
            if (old := known.get(name)) != value or type(old) is not type(value)
        }
        different |= dict.fromkeys(name for name in known if name not in values)
        packer = zlib.compressobj(_LEVEL, zdict=self.text)
        packed = packer.compress(text.primary + text.own) + packer.flush()
        return PackedHeader(self, _json(different), packed, len(text.primary))


@dataclass(frozen=True, slots=True)
class PackedHeader:
    """A header as its difference from a base.

    Parameters
    ----------
    base : HeaderBase
        What it is told apart from.
    cards : str
        JSON object of the values that differ.
    packed : bytes
        The text, compressed.
    primary_size : int
        Bytes of the text that belong to the first HDU.
    """

    base: HeaderBase
    cards: str
    packed: bytes
    primary_size: int


class HeaderBases:
    """Bases by what headers have in common, such as an instrument: the first header of each; for several threads."""

    def __init__(self) -> None:
        self._known: dict[str, HeaderBase] = {}
        self._lock = threading.Lock()

    def pack(self, common: str, header: Header) -> PackedHeader:
        """Return a header as its difference from the first one of its sort."""
        base = self._known.get(common)
        if base is None:
            with self._lock:
                base = self._known.setdefault(common, HeaderBase(header))
        return base.pack(header)


def packed_alike(headers: Sequence[Header]) -> list[PackedHeader]:
    """Pack headers that have much in common, such as those of one file, beside the first."""
    if not headers:
        return []
    base = HeaderBase(headers[0])
    return [base.pack(header) for header in headers]


def headers_change(headers: Iterable[tuple[bytes, PackedHeader]]) -> AddHeaders | None:
    """Return the change that keeps headers of datasets, given their ids; None if there are none."""
    places: dict[int, int] = {}
    bases: list[tuple[str, bytes]] = []
    rows: list[HeaderRow] = []
    for id_, header in headers:
        base = header.base
        if id(base) not in places:
            places[id(base)] = len(bases)
            bases.append((base.cards, base.packed))
        rows.append(HeaderRow(id_, places[id(base)], header.cards, header.packed, header.primary_size))
    return AddHeaders(bases, rows) if rows else None


def unpacked(base: bytes, packed: bytes, primary_size: int) -> CardText:
    """Return the text of a header from that of its base and its own, both compressed."""
    text = zlib.decompressobj(zdict=zlib.decompress(base)).decompress(packed)
    return CardText(text[:primary_size], text[primary_size:])


def repacked(row: HeaderRow, base: tuple[str, bytes], other: HeaderBase) -> HeaderRow:
    """Return a packed header as its difference from another base; the place of its base stays what it was.

    Parameters
    ----------
    row : HeaderRow
        The header.
    base : (str, bytes)
        Cards and packed text of the base that it has.
    other : HeaderBase
        The base that it gets.
    """
    merged = {**json.loads(base[0]), **json.loads(row.cards)}
    values = {name: value for name, value in merged.items() if value is not None}
    packed = other.repack(values, unpacked(base[1], row.packed, row.primary_size))
    return replace(row, cards=packed.cards, packed=packed.packed)


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
