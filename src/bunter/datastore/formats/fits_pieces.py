"""FITS files as pieces of a few megabytes: nothing of the size of an image is made beside the image."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["pieces_of"]

_BLOCK = 2880
_GZIP_HEADER = 10
_STEP = 8 << 20


def pieces_of(hdus: Any) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a file, HDU by HDU."""
    for hdu in hdus:
        if _is_plain_image(hdu):
            yield from _image(hdu)
        else:
            yield _written(hdu)


def _is_plain_image(hdu: Any) -> bool:
    """Whether this is an image of values in memory that need no scaling."""
    from astropy.io import fits

    if type(hdu) not in (fits.PrimaryHDU, fits.ImageHDU) or hdu.fileinfo() is not None or hdu.data is None:
        return False
    return hdu.header.get("BSCALE", 1) == 1 and "BLANK" not in hdu.header and hdu.data.dtype.kind in "iuf"


def _image(hdu: Any) -> Iterator[bytes | memoryview]:
    import numpy as np

    yield hdu.header.tostring().encode("ascii")
    data = hdu.data
    flip = data.dtype.str[1:] in {"u2", "u4", "u8", "i1"}
    flat = data.reshape(-1)
    step = _STEP // data.dtype.itemsize
    for begin in range(0, flat.size, step):
        part = np.ascontiguousarray(flat[begin : begin + step], dtype=data.dtype.newbyteorder(">"))
        if flip:
            sign = np.dtype(f">u{data.dtype.itemsize}").type(1 << (8 * data.dtype.itemsize - 1))
            part = np.bitwise_xor(part.view(f">u{data.dtype.itemsize}"), sign).astype(f">u{data.dtype.itemsize}")
        yield part.view("u1").data
    yield bytes(-data.nbytes % _BLOCK)


def _written(hdu: Any) -> bytes:
    """Bytes of a table, a compressed image or an empty HDU, as astropy writes them."""
    from astropy.io import fits

    out = io.BytesIO()
    if isinstance(hdu, fits.PrimaryHDU):
        fits.HDUList([hdu]).writeto(out, output_verify="ignore")
        return out.getvalue()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(out, output_verify="ignore")
    if isinstance(hdu, fits.CompImageHDU):
        _forget_times(out)
    return out.getvalue()[_BLOCK:]


def _forget_times(out: io.BytesIO) -> None:
    """Set the times in gzip headers to zero: tiles are stamped with the second in which they were compressed."""
    import numpy as np
    from astropy.io import fits

    with fits.open(io.BytesIO(out.getvalue()), disable_image_compression=True) as hdus:
        table = hdus[1]
        heap = table.fileinfo()["datLoc"] + table.header.get("THEAP", table.header["NAXIS1"] * table.header["NAXIS2"])
        places = []
        gzipped_names = {"GZIP_COMPRESSED_DATA"} | (
            {"COMPRESSED_DATA"} if table.header["ZCMPTYPE"].startswith("GZIP") else set()
        )
        for name in sorted(gzipped_names & set(table.columns.names)):
            found = _descriptors(table, name)
            places.append(found[found[:, 0] > _GZIP_HEADER, 1])
    if not places:
        return
    content = np.frombuffer(out.getbuffer(), "u1")
    starts = heap + np.concatenate(places)
    gzipped = starts[(content[starts] == 0x1F) & (content[starts + 1] == 0x8B)]
    content[gzipped[:, None] + np.arange(4, 8)] = 0


def _descriptors(table: Any, name: str) -> Any:
    """Length and offset of what is kept in the heap for each row of a column, (N, 2) int64."""
    import numpy as np

    index = table.columns.names.index(name)
    raw = table.data.view(np.ndarray)
    return np.asarray(raw[raw.dtype.names[index]], dtype=np.int64).reshape(-1, 2)
