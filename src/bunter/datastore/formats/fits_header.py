"""Cards of FITS headers: which describe the file, which the sky, which the observation."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bunter.dataset.stamp import is_stamp_card
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from astropy.io.fits import Header
    from astropy.wcs import WCS

__all__ = [
    "NO_WCS",
    "is_structural",
    "lasting_cards",
    "merged",
    "moved",
    "observation_cards",
    "quiet",
    "same_header",
    "wcs_cards",
    "wcs_of",
]

FIRST = "BNTFIRST"
"""Card of a compressed image that would be the first HDU of its file if it could be; MASK and UNCERT belong to it."""

NO_WCS = "BNTNOWCS"
"""Card of an image that was written without a WCS though its header has cards of one."""

_STRUCTURAL = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|END|CHECKSUM|DATASUM|TFIELDS"
    r"|T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DISP|DIM|BCOL)\d+|THEAP"
    r"|Z(IMAGE|TABLE|TENSION|SIMPLE|EXTEND|PCOUNT|GCOUNT|BITPIX|NAXIS\d*|TILE\d+|CMPTYPE|NAME\d+|VAL\d+|QUANTIZ|DITHER0|"
    r"BLANK|HECKSUM|DATASUM|MASKCMP|BLOCKED)"
)
_WCS = re.compile(
    r"(WCSAXES|CTYPE\d|CUNIT\d|CRVAL\d|CRPIX\d|CDELT\d|CROTA\d|CD\d_\d|PC\d_\d|PV\d_\d+|PS\d_\d+|LONPOLE|LATPOLE"
    r"|RADESYS|EQUINOX|SPECSYS|WCSNAME|CNAME\d|CRDER\d|CSYER\d|[AB]P?_ORDER|[AB]P?_\d_\d|[AB]P?_DMAX)"
)
_CHANGING = {"DATE", "CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM"}
_REMARKS = {"COMMENT", "HISTORY", ""}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep back the remarks of astropy and WCSLIB about headers: what matters is raised."""
    from astropy.utils.exceptions import AstropyWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        yield


def is_structural(keyword: str) -> bool:
    """Whether a card describes the file rather than what is in it; so do those that say where the file comes from."""
    return _STRUCTURAL.fullmatch(keyword) is not None or is_stamp_card(keyword)


def observation_cards(header: Any, *, without_wcs: bool = False) -> Header:
    """Copy the cards of a header, or items of a mapping, that describe the observation.

    Raises
    ------
    FormatError
        If an item cannot be a card.
    """
    from astropy.io import fits

    cards = header.cards if isinstance(header, fits.Header) else _cards_of(header)
    kept = [
        card for card in cards if not is_structural(card.keyword) and not (without_wcs and _WCS.fullmatch(card.keyword))
    ]
    return fits.Header(kept, copy=True)


def _cards_of(mapping: Any) -> list[Any]:
    from astropy.io import fits

    cards = []
    for key, value in mapping.items():
        try:
            cards.append(fits.Card(str(key), *(value if isinstance(value, tuple) else (value,))))
            cards[-1].image  # noqa: B018 - formats the card now, so that the error names its key
        except (ValueError, TypeError, fits.VerifyError) as exc:
            raise FormatError(
                f"header item {key!r} = {value!r} cannot be a FITS card: {exc}; give text, a number or a bool"
            ) from exc
    return cards


def merged(first: Header, own: Header) -> Header:
    """Cards of a file's first header with those of one HDU over them, unless that has INHERIT = F."""
    from astropy.io import fits

    cards = list(observation_cards(own).cards)
    if own.get("INHERIT") is False:
        return fits.Header(cards)
    present = {card.keyword for card in cards} - _REMARKS
    below = [
        card for card in observation_cards(first).cards if card.keyword not in present and card.keyword != "EXTNAME"
    ]
    return fits.Header([*below, *cards])


def wcs_cards(wcs: WCS) -> Header:
    """Cards of a WCS, its main numbers with all their digits.

    Raises
    ------
    FormatError
        If it has parts that cards cannot hold.
    """
    from astropy.io import fits

    if any(part is not None for part in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
        raise FormatError(
            "a WCS with look-up tables of distortion cannot be kept in cards; fit it with SIP terms first"
        )
    # Without the times that WCSLIB derives from cards of the observation: these are kept as they are.
    header = fits.Header([card for card in wcs.to_header(relax=True).cards if _WCS.fullmatch(card.keyword)])
    exact = {"CRPIX": wcs.wcs.crpix, "CRVAL": wcs.wcs.crval, "CDELT": wcs.wcs.get_cdelt()}
    for axis in range(wcs.naxis):
        for name, values in exact.items():
            if f"{name}{axis + 1}" in header and str(header.get(f"CUNIT{axis + 1}", "")) in {
                str(wcs.wcs.cunit[axis]),
                "",
            }:
                header[f"{name}{axis + 1}"] = float(values[axis])
        for other in range(wcs.naxis):
            if f"PC{axis + 1}_{other + 1}" in header:
                header[f"PC{axis + 1}_{other + 1}"] = float(wcs.wcs.get_pc()[axis, other])
    return header


def wcs_of(header: Header, shape: tuple[int, ...] | None = None) -> WCS | None:
    """Return the WCS of a header, None where it has none; ``shape`` is that of the image, as NumPy gives it."""
    from astropy.wcs import WCS

    if "CTYPE1" not in header or header.get(NO_WCS):
        return None
    wcs = WCS(header)
    if shape is not None and len(shape) == wcs.naxis:
        wcs.array_shape = shape
    return wcs


def moved(header: Header, box: tuple[int, int, int, int] | None) -> Header:
    """Move the reference pixel of a header with a box, and drop our own marks."""
    if box is not None:
        for axis, begin in enumerate(box[:2], 1):
            if f"CRPIX{axis}" in header:
                header[f"CRPIX{axis}"] -= begin
    header.remove(NO_WCS, ignore_missing=True)
    if header.get(FIRST):
        header.remove(FIRST)
        header.remove("EXTNAME", ignore_missing=True)
    return header


def same_header(one: Header, two: Header) -> bool:
    """Whether two headers have equal cards but for those that say when and how a file was written."""
    return lasting_cards(one) == lasting_cards(two)


def lasting_cards(header: Header) -> list[tuple[str, str]]:
    """Cards that last, in order: keyword and text of the value."""
    return [
        (card.keyword, repr(card.value))
        for card in header.cards
        if card.keyword not in _CHANGING and not is_stamp_card(card.keyword)
    ]
