"""Headers of FITS files, read without their pixels.

Of each HDU only the header blocks are read; its data is stepped over, and must fit into the file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.datastore.formats.fits_cards import parse_cards
from bunter.ingest.rules import UnfitFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Read = Callable[[int, int], bytes]

_BLOCK = 2880
_FIRST = 8 * _BLOCK
_LONGEST = 4000  # blocks; a header of 11 MB is none


@dataclass(frozen=True, slots=True)
class Hdu:
    """Header of one HDU.

    Parameters
    ----------
    number : int
        Place in the file; 0 is the primary one.
    cards : dict
        Values by card: bool, int, float, str, or None where a card has no value. Of equal cards the first counts;
        comments are left out.
    text : bytes
        The header as it is in the file.
    """

    number: int
    cards: dict[str, Any]
    text: bytes

    @property
    def has_image(self) -> bool:
        """Whether it holds a two-dimensional image, compressed or not."""
        if self.cards.get("ZIMAGE"):
            return int(self.cards.get("ZNAXIS") or 0) >= 2
        kind = str(self.cards.get("XTENSION", "IMAGE")).strip()
        return kind == "IMAGE" and int(self.cards.get("NAXIS") or 0) >= 2

    @property
    def selector(self) -> str:
        """How to name it within its file: by EXTNAME, or by number where it has none."""
        name = str(self.cards.get("EXTNAME") or "").strip()
        return name or str(self.number)


def read_hdus(path: str) -> list[Hdu]:
    """Read all headers of a FITS file, plain or gzipped.

    Raises
    ------
    UnfitFileError
        If it is not FITS, or shorter than its headers say.
    """
    found = effects.stat(path)
    if found is None:
        raise UnfitFileError("there is no such file")
    head = effects.read_range(path, 0, _FIRST)
    if head[:2] == b"\x1f\x8b":
        content = _unzipped(path)
        return list(_hdus(lambda begin, size: content[begin : begin + size], len(content)))

    def read(begin: int, size: int) -> bytes:
        if begin + size <= len(head):
            return head[begin : begin + size]
        return effects.read_range(path, begin, size)

    return list(_hdus(read, found.st_size))


def _unzipped(path: str) -> bytes:
    import gzip
    import zlib

    try:
        return gzip.decompress(effects.read_bytes(path))
    except (OSError, EOFError, zlib.error) as error:
        raise UnfitFileError(f"the gzipped file is damaged: {error}") from error


def _hdus(read: Read, size: int) -> Iterator[Hdu]:
    if size == 0:
        raise UnfitFileError("the file is empty")
    if read(0, 9) != b"SIMPLE  =":
        raise UnfitFileError("it is not a FITS file")
    begin = number = 0
    while begin < size:
        if number and read(begin, 8) != b"XTENSION":
            return  # what follows the last HDU is not ours to judge
        text = _header_text(read, begin, size)
        cards = parse_cards(text)
        yield Hdu(number, cards, text)
        data = _data_size(cards)
        begin += len(text)
        if begin + data > size:
            raise UnfitFileError(
                f"the file is truncated: HDU {number} needs {begin + data} bytes and the file has {size}"
            )
        begin += -(-data // _BLOCK) * _BLOCK
        number += 1


def _header_text(read: Read, begin: int, size: int) -> bytes:
    blocks: list[bytes] = []
    while len(blocks) < _LONGEST:
        block = read(begin + len(blocks) * _BLOCK, _BLOCK)
        if len(block) < _BLOCK:
            raise UnfitFileError(f"the file is truncated within a header, after {size} bytes")
        blocks.append(block)
        if any(block[card : card + 8] == b"END     " for card in range(0, _BLOCK, 80)):
            return b"".join(blocks)
    raise UnfitFileError("a header has no END card")


def _data_size(cards: Mapping[str, Any]) -> int:
    """Bytes of an HDU's data. Source: FITS standard 4.0, equation 2 and section 7."""
    try:
        axes = [int(cards[f"NAXIS{axis}"]) for axis in range(1, int(cards["NAXIS"]) + 1)]
        bits, groups, extra = int(cards["BITPIX"]), int(cards.get("GCOUNT", 1)), int(cards.get("PCOUNT", 0))
    except (KeyError, ValueError, TypeError) as error:
        raise UnfitFileError(f"a header lacks what every FITS header has: {error}") from error
    return abs(bits) // 8 * groups * (extra + math.prod(axes)) if axes else 0


_STRUCTURE = frozenset({"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "CHECKSUM", "DATASUM"})


def merged(primary: Hdu, extension: Hdu) -> dict[str, Any]:
    """Cards of an extension together with the primary ones that it does not have itself."""
    if primary.number == extension.number:
        return primary.cards
    inherited = {name: value for name, value in primary.cards.items() if name not in _STRUCTURE}
    return inherited | extension.cards
