"""Headers of FITS files, read without their pixels.

Of each HDU only the header blocks are read; its data is stepped over, and must fit into the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.ingest.rules import UnfitFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    header : astropy.io.fits.Header
        Its cards.
    """

    number: int
    header: Any

    @property
    def has_image(self) -> bool:
        """Whether it holds a two-dimensional image, compressed or not."""
        if self.header.get("ZIMAGE"):
            return int(self.header.get("ZNAXIS", 0)) >= 2
        kind = self.header.get("XTENSION", "IMAGE").strip()
        return kind == "IMAGE" and int(self.header.get("NAXIS", 0)) >= 2

    @property
    def selector(self) -> str:
        """How to name it within its file: by EXTNAME, or by number where it has none."""
        name = str(self.header.get("EXTNAME", "")).strip()
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
    from astropy.io.fits import Header

    if size == 0:
        raise UnfitFileError("the file is empty")
    if read(0, 9) != b"SIMPLE  =":
        raise UnfitFileError("it is not a FITS file")
    begin = number = 0
    while begin < size:
        if number and read(begin, 8) != b"XTENSION":
            return  # what follows the last HDU is not ours to judge
        text = _header_text(read, begin, size)
        header = Header.fromstring(text)
        yield Hdu(number, header)
        data = _data_size(header)
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


def _data_size(header: Any) -> int:
    """Bytes of an HDU's data. Source: FITS standard 4.0, equation 2 and section 7."""
    try:
        axes = [int(header[f"NAXIS{axis}"]) for axis in range(1, int(header["NAXIS"]) + 1)]
        bits, groups, extra = int(header["BITPIX"]), int(header.get("GCOUNT", 1)), int(header.get("PCOUNT", 0))
    except (KeyError, ValueError, TypeError) as error:
        raise UnfitFileError(f"a header lacks what every FITS header has: {error}") from error
    if not axes:
        return 0
    elements = 1
    for axis in axes:
        elements *= axis
    return abs(bits) // 8 * groups * (extra + elements)


_STRUCTURAL = frozenset({"SIMPLE", "BITPIX", "NAXIS", "EXTEND", "XTENSION", "PCOUNT", "GCOUNT", "CHECKSUM", "DATASUM"})


def merged(primary: Hdu, extension: Hdu) -> Any:
    """Header of an extension together with the primary cards that it does not have itself."""
    if primary.number == extension.number:
        return primary.header
    header = extension.header.copy()
    header.extend(primary.header, unique=True, strip=True, bottom=True)
    return header


def plain_cards(header: Any) -> dict[str, Any]:
    """Cards with plain values, without comments and structure."""
    cards: dict[str, Any] = {}
    for name in dict.fromkeys(header):
        if name in {"", "COMMENT", "HISTORY"} or name in _STRUCTURAL:
            continue
        value = header[name]
        if isinstance(value, bool | int | float | str):
            cards[name] = value
    return cards
