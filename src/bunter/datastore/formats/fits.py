"""Images, tables, headers and world coordinates as FITS."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from bunter.datastore.formats.differences import array_difference, card_difference, table_difference
from bunter.datastore.formats.fits_header import lasting_cards, quiet, same_header
from bunter.datastore.formats.fits_recipe import PLAIN, RECIPES, Recipe
from bunter.datastore.formats.inflating import GZIP, inflated
from bunter.datastore.formats.wording import in_short
from bunter.errors import FileIntegrityError, FormatError
from bunter.values import Pieces

if TYPE_CHECKING:
    from bunter.dataset.stamp import Stamp
    from bunter.datastore.format import ReadRequest

__all__ = ["FitsFormat"]


class FitsFormat:
    """FITS without loss: ``CCDData`` with mask, uncertainty, WCS and header; plain images; tables; headers; WCS.

    A ``CCDData`` is written with its data in the first HDU, then the extensions ``MASK``, ``UNCERT`` and ``PSFIMAGE`` as
    far as there are such, so that other programs, and ``CCDData.read``, find what they look for. The selector is the
    number or the name of an HDU; the first header is merged below that of the HDU. The parameters ``bbox`` =
    ``(x_begin, y_begin, x_end, y_end)``, half-open pixels counted from 0, and ``circle`` = ``(ra, dec, radius)``, ICRS
    degrees, read a part of an image; ``columns`` and ``rows`` read a part of a table. An ``HDUList`` is kept as it is.

    Parameters
    ----------
    recipe : Recipe
        How the pixels are written; reading is the same for all.
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
        "astropy.io.fits:HDUList",
    )
    recipes = RECIPES
    reads_forward = True

    def __init__(self, recipe: Recipe = PLAIN) -> None:
        self._recipe = recipe

    def with_recipe(self, recipe: str) -> FitsFormat:
        """Return the format that compresses images by tiles, such as ``lossless`` or ``lossy,q=4,tile=256``."""
        return FitsFormat(Recipe.parse(recipe))

    def to_bytes(self, obj: object) -> bytes:
        """Write an object; the same object always gives the same bytes."""
        return bytes(self.to_pieces(obj))

    def to_pieces(self, obj: object) -> Pieces:
        """Write an object a few megabytes at a time."""
        from astropy.io import fits

        from bunter.datastore.formats.fits_pieces import pieces_of
        from bunter.datastore.formats.fits_write import hdus_of

        with quiet():
            try:
                hdus = fits.HDUList(self._recipe.applied(hdus_of(obj)))
                hdus.update_extend()
                hdus.verify("fix+ignore")
            except (ValueError, TypeError, OSError, fits.VerifyError) as exc:
                raise FormatError(f"cannot be written as FITS: {in_short(exc)}") from exc
        return Pieces(lambda: pieces_of(hdus))

    def stamped(self, data: bytes | Pieces, stamp: Stamp) -> bytes | Pieces:
        """Put a stamp into the first header; see `bunter.datastore.format.TakesStamp`."""
        from bunter.datastore.formats.fits_stamp import stamped

        return stamped(data, stamp)

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read what is requested of a file in memory."""
        return self.read_file(io.BytesIO(data), request)

    def read_file(self, file: BinaryIO, request: ReadRequest) -> object:
        """Read only the HDU and the pixels asked for; a file compressed with gzip has to be read whole."""
        if file.read(len(GZIP)) == GZIP:
            file.seek(0)
            file = io.BytesIO(inflated(file.read()))
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        return self._read(file, size, request)

    @staticmethod
    def _read(file: BinaryIO, size: int, request: ReadRequest) -> object:
        from astropy.io import fits

        from bunter.datastore.formats.fits_read import read_hdus

        with quiet():
            try:
                with fits.open(file, memmap=False, lazy_load_hdus=True) as hdus:
                    return read_hdus(hdus, file, size, request)
            except (FormatError, FileNotFoundError, FileIntegrityError):
                raise
            except MemoryError as exc:
                raise FormatError(
                    "the headers of the file ask for more memory than there is; it may be damaged"
                ) from exc
            except Exception as exc:  # what astropy and its decompressors make of damaged bytes has many names
                raise FormatError(f"not a FITS file that can be read: {in_short(exc)}") from exc

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether data and cards are equal but for DATE, CHECKSUM, DATASUM and provenance; NaN equals NaN."""
        from astropy.io import fits

        if old == new:
            return True
        with quiet(), fits.open(io.BytesIO(old)) as one, fits.open(io.BytesIO(new)) as two:
            return len(one) == len(two) and all(_same_hdu(a, b) for a, b in zip(one, two, strict=True))

    def difference(self, old: bytes, new: bytes) -> str:
        """Say which cards, pixels and columns of which HDU differ."""
        from astropy.io import fits

        with quiet(), fits.open(io.BytesIO(old)) as one, fits.open(io.BytesIO(new)) as two:
            if len(one) != len(two):
                names = [[_hdu_name(index, hdu) for index, hdu in enumerate(each)] for each in (one, two)]
                return f"{len(one)} HDUs in the old one ({', '.join(names[0])}) and {len(two)} in the new one ({', '.join(names[1])})"
            said = [_hdu_difference(index, *pair) for index, pair in enumerate(zip(one, two, strict=True))]
        return "; ".join(text for text in said if text)


def _hdu_name(index: int, hdu: Any) -> str:
    return str(hdu.name or index)


def _hdu_difference(index: int, one: Any, two: Any) -> str:
    if hasattr(one, "columns") and hasattr(two, "columns") and not (one.is_image or two.is_image):
        told = _table_difference(one, two)
    else:
        said = [card_difference(lasting_cards(one.header), lasting_cards(two.header))]
        said.append(array_difference(one.data, two.data, "pixels"))
        told = "; ".join(text for text in said if text)
    return f"HDU {_hdu_name(index, one)}: {told}" if told else ""


def _table_difference(one: Any, two: Any) -> str:
    """Say which columns and rows differ, else which cards."""
    from astropy.table import Table

    return table_difference(Table.read(one), Table.read(two)) or card_difference(
        lasting_cards(one.header), lasting_cards(two.header)
    )


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
