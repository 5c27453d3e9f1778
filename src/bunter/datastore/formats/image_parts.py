"""Images from named arrays and FITS cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.boxes import box_of, box_slices
from bunter.datastore.formats.fits_header import moved, observation_cards, wcs_of
from bunter.datastore.formats.fits_read import uncertainty_of, variance_of
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.datastore.format import ReadRequest
    from bunter.datastore.formats.opened import Opened

__all__ = ["ImageParts"]


class ImageParts:
    """An image that is open, and the part of it that is asked for.

    Parameters
    ----------
    opened : Opened
        The artifact.
    request : ReadRequest
        What is wanted.
    """

    def __init__(self, opened: Opened, request: ReadRequest) -> None:
        from astropy.io import fits

        self._opened, self._request = opened, request
        self._header = observation_cards(fits.Header.fromstring(opened.notes["header"], sep="\n"))
        self._shape = opened.shape("image")
        self._box = box_of(request.parameters, self._shape, lambda: wcs_of(self._header, self._shape))

    def read(self) -> Any:
        """Read the image, or the component that is wanted."""
        component = self._request.component
        if not component:
            return self._data() if self._request.python_type.startswith("numpy:") else self._ccd()
        ways: dict[str, Callable[[], object]] = {
            "image": self._data,
            "data": self._data,
            "mask": lambda: self._plane("mask"),
            "uncertainty": self._uncertainty,
            "variance": lambda: variance_of(self._uncertainty()),
            "wcs": self._wcs,
            "header": self._meta,
            "meta": self._meta,
            "unit": lambda: self._opened.notes["unit"],
            "psf": lambda: self._whole("psf"),
            "shape": lambda: list(self._shape),
        }
        if component not in ways:
            raise FormatError(f"an image has no component {component!r}; there are {', '.join(ways)}")
        return ways[component]()

    def _data(self) -> Any:
        return self._plane("image")

    def _plane(self, name: str) -> Any:
        if name not in self._opened.names():
            return None
        return self._opened.read(name, None if self._box is None else box_slices(self._box))

    def _whole(self, name: str) -> Any:
        return self._opened.read(name) if name in self._opened.names() else None

    def _uncertainty(self) -> Any:
        values = self._plane("uncertainty")
        if values is None:
            return None
        note = self._opened.notes["uncertainty"]
        return uncertainty_of(note["kind"], values, note["unit"])

    def _wcs(self) -> Any:
        wcs = wcs_of(self._header, self._shape)
        return wcs if wcs is None or self._box is None else wcs[box_slices(self._box)[1:]]

    def _meta(self) -> Any:
        return moved(self._header.copy(), self._box)

    def _ccd(self) -> Any:
        from astropy import units
        from astropy.nddata import CCDData

        meta = self._meta()
        meta.remove("BUNIT", ignore_missing=True)
        return CCDData(
            self._data(), unit=units.Unit(self._opened.notes["unit"]), mask=self._plane("mask"),
            uncertainty=self._uncertainty(), wcs=self._wcs(), meta=meta, psf=self._whole("psf"), copy=False,
        )  # fmt: skip
