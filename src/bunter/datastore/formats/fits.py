"""Images, tables, headers and world coordinates as FITS."""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.fits_header import same_header
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bunter.datastore.format import ReadRequest

__all__ = ["FitsFormat"]


_GZIP = b"\x1f\x8b"


def _inflated(data: bytes) -> bytes:
    import gzip
    import zlib

    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as exc:
        raise FormatError(f"the file is cut short or damaged: {exc}; fetch it again") from exc


class FitsFormat:
    """FITS without loss: ``CCDData`` with mask, uncertainty, WCS and header; plain images; tables; headers; WCS.

    A ``CCDData`` is written with its data in the first HDU, then the extensions ``MASK``, ``UNCERT`` and ``PSFIMAGE`` as
    far as there are such, so that other programs, and ``CCDData.read``, find what they look for. The selector is the
    number or the name of an HDU; the first header is merged below that of the HDU. The parameter ``bbox`` =
    ``(x_begin, y_begin, x_end, y_end)``, half-open pixels counted from 0, reads a part of an image.
    """

    name = "fits"
    version = 1
    extension = ".fits"
    python_types = (
        "astropy.nddata:CCDData",
        "numpy:ndarray",
        "astropy.table:Table",
        "astropy.table:QTable",
        "astropy.wcs:WCS",
        "astropy.io.fits:Header",
    )

    def to_bytes(self, obj: object) -> bytes:
        """Write an object; the same object always gives the same bytes."""
        from astropy.io import fits

        from bunter.datastore.formats.fits_write import hdus_of

        out = io.BytesIO()
        with _quiet():
            try:
                fits.HDUList(hdus_of(obj)).writeto(out, output_verify="fix+ignore")
            except (ValueError, TypeError, OSError, fits.VerifyError) as exc:
                raise FormatError(f"cannot be written as FITS: {exc}") from exc
        return out.getvalue()

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read what is requested of a file in memory."""
        plain = _inflated(data) if data.startswith(_GZIP) else data
        return self._read(io.BytesIO(plain), len(plain), request)

    def read_path(self, path: Path, request: ReadRequest) -> object:
        """Read only the HDU and the pixels asked for; a file compressed with gzip has to be read whole."""
        with path.open("rb") as file:
            if file.read(len(_GZIP)) == _GZIP:
                return self.from_bytes(path.read_bytes(), request)
        return self._read(path, path.stat().st_size, request)

    @staticmethod
    def _read(source: Any, size: int, request: ReadRequest) -> object:
        from astropy.io import fits

        from bunter.datastore.formats.fits_read import read_hdus

        with _quiet():
            try:
                with fits.open(source, memmap=False, lazy_load_hdus=True) as hdus:
                    return read_hdus(hdus, size, request)
            except FormatError:
                raise
            except FileNotFoundError:
                raise
            except (OSError, ValueError, TypeError, fits.VerifyError) as exc:
                raise FormatError(f"not a FITS file that can be read: {exc}") from exc

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether data and cards are equal but for DATE, CHECKSUM, DATASUM and provenance; NaN equals NaN."""
        from astropy.io import fits

        if old == new:
            return True
        with _quiet(), fits.open(io.BytesIO(old)) as one, fits.open(io.BytesIO(new)) as two:
            return len(one) == len(two) and all(_same_hdu(a, b) for a, b in zip(one, two, strict=True))


def _same_hdu(one: Any, two: Any) -> bool:
    import numpy as np

    if not same_header(one.header, two.header) or (one.data is None) != (two.data is None):
        return False
    if one.data is None:
        return True
    if one.data.dtype != two.data.dtype or one.data.shape != two.data.shape:
        return False
    if one.data.dtype.names:
        return all(_same_values(one.data[name], two.data[name]) for name in one.data.dtype.names)
    return bool(np.array_equal(one.data, two.data, equal_nan=one.data.dtype.kind in "fc"))


def _same_values(one: Any, two: Any) -> bool:
    import numpy as np

    if one.dtype.kind == "O":
        return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    return bool(np.array_equal(one, two, equal_nan=one.dtype.kind in "fc"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the remarks of astropy and WCSLIB about headers: what matters is raised."""
    from astropy.utils.exceptions import AstropyWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        yield
