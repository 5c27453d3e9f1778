"""Pixels of one HDU: all of them in one array, or those of a box by the bytes they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from bunter.datastore.formats.boxes import box_slices, prefetch, rows_of_box
from bunter.errors import FormatError
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Pixels"]

_STEP = 1 << 20  # what fits the processor's cache, so that bytes are turned round where they were read
_TYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
_SIGN = {8: 1 << 7, 16: 1 << 15, 32: 1 << 31, 64: 1 << 63}
"""What BZERO is, by BITPIX, where unsigned integers are kept as signed ones, or signed bytes as unsigned ones."""


class Pixels:
    """Pixels of an image HDU in a file.

    Parameters
    ----------
    hdu : HDU
        Of `astropy.io.fits`, an image, compressed by tiles or not.
    file : file
        What it was opened from.
    """

    def __init__(self, hdu: Any, file: BinaryIO) -> None:
        self._hdu, self._file = hdu, file

    def read(self, box: tuple[int, int, int, int] | None) -> Any:
        """Read the pixels of a box, or all, in this machine's byte order."""
        import numpy as np

        if box is not None:
            prefetch(self._file, self._ranges(box))
            values = self._hdu.section[box_slices(box)]
        elif self._is_plain():
            return self._stream()
        else:
            values = self._hdu.data
        return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))

    def _is_compressed(self) -> bool:
        return hasattr(self._hdu, "compression_type")

    def _is_plain(self) -> bool:
        """Whether values are as in the file, but for byte order and sign."""
        header, bitpix = self._hdu.header, self._bitpix()
        if self._is_compressed() or not self._hdu.shape or "BLANK" in header or bitpix not in _TYPES:
            return False
        if self._hdu.fileinfo() is None or header.get("GROUPS"):
            return False
        offset = header.get("BZERO", 0)
        wanted = {0, _SIGN[bitpix] if bitpix > 8 else -_SIGN[8]} if bitpix > 0 else {0}
        return header.get("BSCALE", 1) == 1 and offset in wanted

    def _bitpix(self) -> int:
        return int(getattr(self._hdu, "_orig_bitpix", 0) or self._hdu.header["BITPIX"])

    def _stream(self) -> Any:
        """Read into the array that is returned, so that nothing else is in memory."""
        import numpy as np

        bitpix = self._bitpix()
        dtype = np.dtype(_TYPES[bitpix])
        try:
            array = np.empty(self._hdu.shape, dtype)
        except (MemoryError, ValueError) as exc:
            raise FormatError(
                f"an image of {self._hdu.shape} pixels does not fit into memory; read a part by bbox"
            ) from exc
        flip = bitpix > 0 and self._hdu.header.get("BZERO", 0) != 0
        self._file.seek(self._hdu.fileinfo()["datLoc"])
        flat = array.reshape(-1).view("u1")
        for begin in range(0, len(flat), _STEP):
            self._fill(flat[begin : begin + _STEP], dtype, flip=flip)
        return array if not flip else array.view("i1" if bitpix == 8 else dtype.str.replace("i", "u"))

    def _fill(self, part: Any, dtype: Any, *, flip: bool) -> None:
        filled, view = 0, memoryview(part)
        while filled < len(view):
            count = self._file.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                raise FormatError("the file is cut short: it ends within its pixels; fetch it again")
            filled += count
        values = part.view(dtype)
        if dtype.itemsize > 1:
            values.byteswap(inplace=True)
        if flip:
            unsigned = part.view(f"u{dtype.itemsize}")
            unsigned ^= unsigned.dtype.type(1 << (8 * dtype.itemsize - 1))

    # ------------------------------------------------------------------ boxes

    def _ranges(self, box: tuple[int, int, int, int]) -> list[ByteRange]:
        place = self._hdu.fileinfo()
        if place is None:
            return []
        if not self._is_compressed():
            return rows_of_box(box, tuple(self._hdu.shape), abs(self._bitpix()) // 8, place["datLoc"])
        return list(self._tiles(box))

    def _tiles(self, box: tuple[int, int, int, int]) -> Iterator[ByteRange]:
        """Bytes of the tiles that a box touches; reading works, if slower, where this does not find them."""
        table = getattr(self._hdu, "_bintable", None)  # astropy has no public way to the places of tiles
        if table is None or not hasattr(table, "_data_offset"):
            return
        rows = self._tile_rows(box)
        heap = table._data_offset + table._theap  # noqa: SLF001 - as above
        for name in ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA"):
            if name not in table.columns.names:
                continue
            yield from self._in_heap(table, name, rows, heap)

    @staticmethod
    def _in_heap(table: Any, name: str, rows: Any, heap: int) -> Iterator[ByteRange]:
        import numpy as np

        column = table.columns[name]
        sizes = {"B": 1, "I": 2, "J": 4, "K": 8, "E": 4, "D": 8}
        letter = column.format.lstrip("0123456789")[1:2]
        for count, offset in np.array(table.data[name])[rows]:
            if count:
                yield ByteRange(heap + int(offset), int(count) * sizes.get(letter, 1))

    def _tile_rows(self, box: tuple[int, int, int, int]) -> Any:
        """Rows of the table of tiles that a box touches."""
        import numpy as np

        shape, tile = self._hdu.shape, self._hdu.tile_shape
        counts = [-(-size // step) for size, step in zip(shape, tile, strict=True)]
        ranges = [range(count) for count in counts[:-2]]
        for (begin, end), step in zip(((box[1], box[3]), (box[0], box[2])), tile[-2:], strict=True):
            ranges.append(range(begin // step, (end - 1) // step + 1))
        grid = np.meshgrid(*[np.asarray(each) for each in ranges], indexing="ij")
        return np.ravel_multi_index([each.reshape(-1) for each in grid], counts)
