"""How images are compressed by tiles when they are written as FITS."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.fits_header import FIRST
from bunter.errors import FormatError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["PLAIN", "RECIPES", "Recipe"]

RECIPES: Mapping[str, str] = MappingProxyType(
    {
        "plain": "no compression; the default",
        "lossless": "every bit kept: integers by RICE_1, floating-point numbers by GZIP_2",
        "lossy": "floating-point numbers rounded to 1/q of the noise by RICE_1 with a fixed dither; integers kept",
        "gzip": "every bit kept, by GZIP_2 for all",
    }
)
_OPTIONS = {"tile": (8, 1 << 16), "q": (0.01, 1e6)}
_SMALL = 128
"""Images with fewer pixels on a side stay as they are: headers of tiles would take more than they save."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way to write images.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    tile : int
        Pixels on a side of the tiles that are compressed, each by itself.
    q : float
        Steps of the quantisation per standard deviation of the noise; for ``lossy``.
    """

    name: str = "plain"
    tile: int = 128
    q: float = 16.0

    @classmethod
    def parse(cls, text: str) -> Recipe:
        """Read ``name`` or ``name,option=value``; FormatError if there is no such recipe or option."""
        name, *options = text.split(",")
        if name not in RECIPES:
            raise FormatError(f"FITS has no recipe {name!r}{near(name, RECIPES)}; there are {', '.join(RECIPES)}")
        values = dict(option.partition("=")[::2] for option in options)
        for key, value in values.items():
            low, high = _OPTIONS.get(key, (0, 0))
            if not _is_between(value, low, high):
                raise FormatError(f"a FITS recipe has no option {key}={value}; tile is 8 to 65536 pixels, q from 0.01")
        return cls(name, int(float(values.get("tile", cls().tile))), float(values.get("q", cls().q)))

    def applied(self, hdus: Sequence[Any]) -> list[Any]:
        """Return HDUs with their images compressed; an empty one goes first, as the standard wants it."""
        from astropy.io import fits

        images = [hdu for hdu in hdus if self._takes(hdu)]
        if not images:
            return list(hdus)
        made = [self._compressed(hdu) if hdu in images else hdu for hdu in hdus]
        return made if hdus[0] not in images else [fits.PrimaryHDU(), *made]

    def _takes(self, hdu: Any) -> bool:
        from astropy.io import fits

        if self.name == "plain" or type(hdu) not in (fits.PrimaryHDU, fits.ImageHDU) or hdu.data is None:
            return False
        return (
            hdu.data.ndim >= 2
            and min(hdu.data.shape[-2:]) >= _SMALL
            and hdu.data.dtype.str[1:] not in {"u8", "i8", "i1"}
        )

    def _compressed(self, hdu: Any) -> Any:
        from astropy.io import fits

        floating = hdu.data.dtype.kind == "f"
        tile = (1,) * (hdu.data.ndim - 2) + tuple(min(self.tile, size) for size in hdu.data.shape[-2:])
        options: dict[str, Any] = {"compression_type": "GZIP_2" if self.name == "gzip" else "RICE_1"}
        if floating and self.name == "lossy":
            options |= {"quantize_level": self.q, "quantize_method": 1, "dither_seed": 1}
        elif floating:
            options |= {"compression_type": "GZIP_2", "quantize_level": 0}
        header = hdu.header.copy()
        if isinstance(hdu, fits.PrimaryHDU):
            for name in ("SIMPLE", "EXTEND"):
                header.remove(name, ignore_missing=True)
        made = fits.CompImageHDU(hdu.data, header, tile_shape=tile, **options)
        made.header["EXTNAME"] = hdu.name or "IMAGE"
        if isinstance(hdu, fits.PrimaryHDU):
            made.header[FIRST] = True, "its mask and uncertainty follow"
        return made


def _is_between(text: str, low: float, high: float) -> bool:
    try:
        return low <= float(text) <= high and high > 0
    except ValueError:
        return False


PLAIN = Recipe()
