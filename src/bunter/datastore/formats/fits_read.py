"""HDUs to objects: only the HDU, the pixels and the component that are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from msgspec.structs import replace

from bunter.datastore.formats.boxes import box_of, box_slices
from bunter.datastore.formats.fits_header import FIRST, merged, moved, observation_cards, wcs_of
from bunter.datastore.formats.fits_pixels import Pixels
from bunter.datastore.formats.fits_write import MASK, PSF, UNCERTAINTY
from bunter.datastore.formats.table_library import wanted_kind
from bunter.datastore.formats.tables import selected, table_component, to_wanted
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from astropy.io.fits import HDUList, Header

    from bunter.datastore.format import ReadRequest

__all__ = ["read_hdus", "uncertainty_of", "variance_of"]


def read_hdus(hdus: HDUList, file: BinaryIO, size: int, request: ReadRequest) -> object:
    """Read what is requested.

    Parameters
    ----------
    hdus : HDUList
        An open file.
    file : file
        The same, to read in.
    size : int
        Length of the file in bytes, to find out whether it was cut short.
    request : ReadRequest
        What is wanted.
    """
    if request.python_type.rpartition(":")[2] == "HDUList" and not request.selector:
        return _all_hdus(hdus, size, request)
    index = _index(hdus, request)
    hdu = hdus[index]
    _refuse_cut(hdu, size)
    if hasattr(hdu, "columns") and not _is_image(hdu):
        return _table(hdu, request)
    header = _header(hdus, index)
    shape = tuple(getattr(hdu, "shape", ()))
    box = None if request.component == "shape" else box_of(request.parameters, shape, lambda: wcs_of(header, shape))
    image = _Image(hdus, index, file, size, box)
    if request.component:
        return _component(image, header, request.component)
    return _as_wanted(image, header, request.python_type)


def _as_wanted(image: _Image, header: Header, python_type: str) -> object:
    kind = python_type.rpartition(":")[2]
    if kind == "Header":
        return header
    if kind == "WCS":
        return image.wcs(header)
    if kind == "NDUncertainty":
        return uncertainty_of(image.hdu.header.get("UTYPE"), image.data(), image.hdu.header.get("BUNIT"))
    return image.data() if python_type.startswith("numpy:") else _ccd(image, header)


def _index(hdus: HDUList, request: ReadRequest) -> int:
    """Find the number of the HDU that is meant: the one selected, or the first with data."""
    selector = request.selector
    if not selector:
        return _first_with_data(hdus, request)
    try:
        index = int(selector) if selector.isdigit() else hdus.index_of(selector)
        hdus[index]
    except (KeyError, IndexError) as exc:
        names = ", ".join(f"{i} {hdu.name}".strip() for i, hdu in enumerate(hdus))
        raise FormatError(f"no HDU {selector!r}; there are {names}") from exc
    return index


def _first_with_data(hdus: HDUList, request: ReadRequest) -> int:
    alone = not request.component and request.python_type.rpartition(":")[2] in {"Header", "WCS"}
    if alone or hdus[0].header.get("NAXIS", 0):  # the components of a compressed image stand behind an empty HDU
        return 0
    for index in range(1, len(hdus)):
        if hdus[index].header.get("NAXIS", 0):
            return index
    return 0


def _is_image(hdu: Any) -> bool:
    return bool(getattr(hdu, "is_image", False))


def _refuse_cut(hdu: Any, size: int) -> None:
    """Refuse an HDU whose data lie beyond the end of the file."""
    place = hdu.fileinfo()
    if place is None:
        return
    # The size of a tile-compressed image is that of its pixels, not that of what is in the file.
    end = place["datLoc"] + min(hdu.size, place["datSpan"])
    if end > size:
        raise FormatError(
            f"the file is cut short: HDU {hdu.name or 'PRIMARY'!r} ends at byte {end}, the file at {size}; fetch it again"
        )


def _header(hdus: HDUList, index: int) -> Header:
    if index == 0:
        return observation_cards(hdus[0].header)
    return merged(hdus[0].header, hdus[index].header)


def _all_hdus(hdus: HDUList, size: int, request: ReadRequest) -> Any:
    """All HDUs in memory, or the one that a component names."""
    if request.parameters:
        raise FormatError(f"a file of several HDUs has no parameter {', '.join(request.parameters)}; select an HDU")
    from astropy.io import fits

    if request.component:
        index = _index(hdus, replace(request, selector=request.component))
        _refuse_cut(hdus[index], size)
        return hdus[index].copy()
    for hdu in hdus:
        _refuse_cut(hdu, size)
    return fits.HDUList([hdu.copy() for hdu in hdus])


class _Image:
    """An image HDU, its companions, and the part of them that is asked for."""

    def __init__(
        self, hdus: HDUList, index: int, file: BinaryIO, size: int, box: tuple[int, int, int, int] | None
    ) -> None:
        self.hdus, self.hdu, self.index, self.file, self.size, self.box = hdus, hdus[index], index, file, size, box

    def data(self) -> Any:
        if self.hdu.header.get("NAXIS", 0) == 0 and self.hdu.data is None:
            raise FormatError(f"HDU {self.index} holds no pixels")
        return self._pixels(self.hdu)

    def _pixels(self, hdu: Any) -> Any:
        """Pixels in this machine's byte order."""
        return Pixels(hdu, self.file).read(self.box)

    def _companion(self, name: str) -> Any:
        """Extension of this name that belongs to an image that we wrote; None where there is none."""
        if self.index != 0 and not self.hdu.header.get(FIRST):
            return None
        try:
            hdu = self.hdus[name]
        except KeyError:
            return None
        _refuse_cut(hdu, self.size)
        return hdu

    def mask(self) -> Any:
        if (hdu := self._companion(MASK)) is None:
            return None
        mask = self._pixels(hdu)
        return mask.astype(bool) if hdu.header.get("BOOLMASK") else mask

    def uncertainty(self) -> Any:
        if (hdu := self._companion(UNCERTAINTY)) is None:
            return None
        return uncertainty_of(hdu.header.get("UTYPE"), self._pixels(hdu), hdu.header.get("BUNIT"))

    def own_uncertainty(self, header: Header) -> Any:
        """Uncertainty that is the image itself, as where components are kept apart."""
        kind = header.get("UTYPE")
        return None if kind is None else uncertainty_of(kind, self.data(), header.get("BUNIT"))

    def psf(self) -> Any:
        from astropy.io import fits

        hdu = self._companion(PSF)
        return None if not isinstance(hdu, fits.ImageHDU) else hdu.data.astype(hdu.data.dtype.newbyteorder("="))

    def wcs(self, header: Header) -> Any:
        shape = tuple(self.hdu.shape) if len(getattr(self.hdu, "shape", ())) else None
        wcs = wcs_of(header, shape)
        return wcs if wcs is None or self.box is None else wcs[box_slices(self.box)[1:]]


def _ccd(image: _Image, header: Header) -> Any:
    from astropy.nddata import CCDData

    data, wcs = image.data(), image.wcs(header)
    unit = _unit(header)
    mask, uncertainty, psf = image.mask(), image.uncertainty(), image.psf()
    meta = moved(header, image.box)
    meta.remove("BUNIT", ignore_missing=True)
    return CCDData(data, unit=unit, mask=mask, uncertainty=uncertainty, wcs=wcs, meta=meta, psf=psf, copy=False)


def _unit(header: Header) -> Any:
    """Return the unit of the pixels; counts of the converter where none is given, as in raw frames."""
    from astropy import units

    text = header.get("BUNIT")
    if text is None:
        return units.adu
    for spelling in (str(text), str(text).lower()):
        try:
            return units.Unit(spelling)
        except ValueError:
            continue
    return units.adu


def _component(image: _Image, header: Header, component: str) -> object:
    """Read one component and nothing else."""
    ways: dict[str, Callable[[], object]] = {
        "image": image.data,
        "data": image.data,
        "mask": image.mask,
        "uncertainty": image.uncertainty,
        "variance": lambda: variance_of(image.uncertainty() or image.own_uncertainty(header)),
        "wcs": lambda: image.wcs(header),
        "header": lambda: moved(header, image.box),
        "meta": lambda: moved(header, image.box),
        "unit": lambda: str(_unit(header)),
        "psf": image.psf,
        "shape": lambda: list(image.hdu.shape),
    }
    if component not in ways:
        raise FormatError(f"an image has no component {component!r}; there are {', '.join(ways)}")
    return ways[component]()


def uncertainty_of(name: str | None, values: Any, unit: str | None) -> Any:
    """Uncertainty of astropy by the name of its class; FormatError for one that is not known."""
    from astropy import nddata, units

    kinds = (nddata.StdDevUncertainty, nddata.VarianceUncertainty, nddata.InverseVariance, nddata.UnknownUncertainty)
    kind = {known.__name__: known for known in kinds}.get(name or "")
    if kind is None:
        raise FormatError(f"the uncertainty is of the kind {name!r}, which is not known")
    return kind(values, unit=None if unit is None else units.Unit(unit), copy=False)


def variance_of(uncertainty: Any) -> Any:
    """Uncertainty as variance, an array; None where there is none."""
    if uncertainty is None:
        return None
    kind = type(uncertainty).__name__
    if kind == "StdDevUncertainty":
        return uncertainty.array**2
    if kind == "InverseVariance":
        return 1 / uncertainty.array
    return uncertainty.array


def _table(hdu: Any, request: ReadRequest) -> object:
    from astropy.table import Table

    table = Table.read(hdu)
    for column in table.itercols():
        if not column.dtype.isnative:
            table.replace_column(column.name, column.astype(column.dtype.newbyteorder("=")))
    table = selected(table, request.parameters)
    if request.component:
        return table_component(table, request.component)
    return to_wanted(table, request.python_type) if wanted_kind(request.python_type) else table
