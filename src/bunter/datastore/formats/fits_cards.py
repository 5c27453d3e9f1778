"""Cards of FITS headers as they stand in files: read by thousands, kept, and made into headers again."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bunter.dataset.header import CardText, Header
from bunter.datastore.formats.fits_header import is_structural, merged, observation_cards
from bunter.datastore.formats.wording import in_short
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.io import fits

__all__ = ["header_of", "headers_in", "kept_header", "parse_cards"]

_CARD = 80
_REMARKS = ("COMMENT", "HISTORY")


def parse_cards(text: bytes) -> dict[str, Any]:
    """Read the values of a header block: bool, int, float, str, or None where a card has no value.

    Of equal cards the first counts; comments are left out. An own reader, since raw frames come by the thousand: it takes
    a twentieth of the time of astropy's, which keeps comments and formats for writing. Source: FITS standard 4.0,
    section 4.
    """
    cards: dict[str, Any] = {}
    last = ""
    for start in range(0, len(text), _CARD):
        card = text[start : start + _CARD].decode("latin-1")
        name = card[:8].rstrip()
        if card[8:10] == "= ":
            value = card[10:]
        elif name == "CONTINUE":
            _continue(cards, last, card[8:])
            continue
        elif name == "HIERARCH" and "=" in card:
            name, _, value = card[8:].partition("=")
            name = name.strip()
        else:
            continue
        last = name if name not in cards else ""
        cards.setdefault(name, _value(value))
    return cards


_QUOTED = re.compile(r"\s*'((?:[^']|'')*)'")
_INTEGER = re.compile(r"[+-]?\d+")


def _value(text: str) -> Any:
    if quoted := _QUOTED.match(text):
        return quoted[1].replace("''", "'").rstrip()
    plain = text.partition("/")[0].strip()
    if plain in {"T", "F"}:
        return plain == "T"
    if _INTEGER.fullmatch(plain):
        return int(plain)
    try:
        return float(plain.upper().replace("D", "E")) if plain else None
    except ValueError:
        return plain


def _continue(cards: dict[str, Any], name: str, text: str) -> None:
    """Add a CONTINUE card to the text before it, which ends with an ampersand."""
    more = _value(text)
    if isinstance(cards.get(name), str) and isinstance(more, str) and cards[name].endswith("&"):
        cards[name] = cards[name][:-1] + more


def _without_end(text: bytes) -> bytes:
    """Cards of a header block up to END."""
    end = len(text)
    while (end := text.rfind(b"END", 0, end)) >= 0:
        if end % _CARD == 0 and text[end + 3 : end + _CARD].strip() == b"":
            return text[:end]
    return text


def kept_header(
    primary: bytes, own: bytes = b"", *, cards: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
) -> Header:
    """Return a header to be kept, from the header blocks of a file's first HDU and of the one that holds the dataset.

    Parameters
    ----------
    primary, own : bytes
        Header blocks; ``own`` is empty where the dataset lies in the first HDU.
    cards : (mapping, mapping), optional
        What `parse_cards` made of both, to spare the work.
    """
    text = CardText(_without_end(primary), _without_end(own))
    first, second = cards or (parse_cards(text.primary), parse_cards(text.own))
    values = dict(_described(second)) if text.own else {}
    if second.get("INHERIT") is not False:
        below = ((name, value) for name, value in _described(first) if not (text.own and name == "EXTNAME"))
        values = {**dict(below), **values}
    return Header(text, {**values, **_remarks(text)})


def _described(cards: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in cards.items() if not _is_structural(name)]


@lru_cache(maxsize=4096)
def _is_structural(name: str) -> bool:
    return is_structural(name)


def _remarks(text: CardText) -> dict[str, str]:
    """Lines of COMMENT and of HISTORY cards."""
    found: dict[str, list[str]] = {}
    for block in (text.primary, text.own):
        for name in _REMARKS:
            place = -1
            while (place := block.find(name.encode(), place + 1)) >= 0:
                if place % _CARD == 0:
                    line = block[place + 8 : place + _CARD].decode("latin-1").rstrip()
                    found.setdefault(name, []).append(line.removeprefix(" "))
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def header_of(text: CardText) -> fits.Header:
    """Return the header that reading the file would give, from the cards that were kept."""
    from astropy.io.fits import Header as FitsHeader

    first = FitsHeader.fromstring(text.primary)
    return merged(first, FitsHeader.fromstring(text.own)) if text.own else observation_cards(first)


def headers_in(file: Any, selectors: tuple[str, ...] = ("",)) -> list[Header]:
    """Read headers of a FITS file, for each of the HDUs that are named; an empty name is the first HDU with data.

    Parameters
    ----------
    file : path or bytes
        The file.
    selectors : tuple of str
        Names or numbers of HDUs.

    Raises
    ------
    FormatError
        If it is no FITS file, or has no such HDU.
    """
    import warnings

    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    source = io.BytesIO(file) if isinstance(file, bytes) else file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            with fits.open(source, memmap=False, lazy_load_hdus=True, disable_image_compression=True) as hdus:
                return [_header_in(hdus, selector) for selector in selectors]
        except (OSError, ValueError, TypeError, KeyError, IndexError, fits.VerifyError) as exc:
            raise FormatError(f"no header can be read from it: {in_short(exc)}") from exc


def _header_in(hdus: Any, selector: str) -> Header:
    index = _index(hdus, selector)
    own = _text(hdus[index]) if index else b""
    return kept_header(_text(hdus[0]), own)


def _index(hdus: Any, selector: str) -> int:
    if selector:
        return int(selector) if selector.isdigit() else int(hdus.index_of(selector))
    if hdus[0].header.get("NAXIS", 0):
        return 0
    place = 1
    while True:  # the file is read as far as is needed
        try:
            if hdus[place].header.get("NAXIS", 0):
                return place
        except IndexError:
            return 0
        place += 1


def _text(hdu: Any) -> bytes:
    text: str = hdu.header.tostring(endcard=False, padding=False)
    return text.encode("latin-1", "replace")
