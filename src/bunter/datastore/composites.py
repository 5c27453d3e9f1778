"""Composites kept in several artifacts, one per component: taken apart, put together, and read in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.datastore.format import ReadRequest, component_of, format_of, formats_for
from bunter.errors import ConfigurationError, FormatError
from bunter.storage_class import storage_class as named_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bunter.datastore.format import Format
    from bunter.storage_class import StorageClass

__all__ = ["answered_by", "assembled", "component_formats", "parts_of", "read_component"]

_IMAGE = "astropy.nddata:CCDData"
_ANSWERED = {
    "data": "image",
    "shape": "image",
    "variance": "uncertainty",
    "wcs": "header",
    "meta": "header",
    "unit": "header",
}
"""Components of an image that are read from the artifact of another one."""
_KEPT = ("image", "mask", "uncertainty", "psf", "header")


def component_formats(storage_class: StorageClass, configured: Callable[[str, str], str | None]) -> dict[str, Format]:
    """Choose the formats that write the components of a composite.

    Parameters
    ----------
    storage_class : StorageClass
        Of the composite.
    configured : callable
        Given the names of a component and of its storage class, the format that is configured, or None.

    Raises
    ------
    ConfigurationError
        If the storage class has no components.
    """
    names = _KEPT if storage_class.python_type == _IMAGE else tuple(storage_class.components)
    if not names:
        raise ConfigurationError(
            f"{storage_class.name} has no components to keep apart; remove it from datastore.composites"
        )
    return {name: format_of(_format_name(storage_class, name, configured)) for name in names}


def _format_name(storage_class: StorageClass, name: str, configured: Callable[[str, str], str | None]) -> str:
    if storage_class.python_type == _IMAGE and name in {"uncertainty", "header"}:
        return "fits"
    part = named_class(storage_class.components.get(name, "NumpyArray"))
    found = configured(name, part.name) or formats_for(part.name, part.python_type)
    if found is None:
        raise ConfigurationError(f"no format is known for the component {name!r}; set one in datastore.formats")
    return found


def parts_of(obj: Any, storage_class: StorageClass) -> dict[str, Any]:
    """Take a composite apart; components that it has not are left out."""
    if storage_class.python_type == _IMAGE:
        from bunter.datastore.formats.fits_write import header_of_image

        header = header_of_image(obj)
        parts = {"image": obj.data, "mask": obj.mask, "uncertainty": obj.uncertainty, "psf": obj.psf, "header": header}
    else:
        parts = {name: component_of(obj, name) for name in storage_class.components}
    return {name: part for name, part in parts.items() if part is not None}


def answered_by(component: str, kept: Mapping[str, Any]) -> str | None:
    """Name of the kept component from which another is read; None where there is no such one."""
    name = component if component in kept else _ANSWERED.get(component, component)
    return name if name in kept else None


def assembled(
    storage_class: StorageClass, read: Mapping[str, Callable[[ReadRequest], Any]], parameters: Mapping[str, Any]
) -> Any:
    """Put a composite together.

    Parameters
    ----------
    storage_class : StorageClass
        Of the composite.
    read : mapping of str to callable
        For each component that was kept, what reads it.
    parameters : mapping
        Which part of the composite is wanted.
    """
    if storage_class.python_type == _IMAGE:
        return _image(read, parameters)
    if parameters:
        raise FormatError(f"a {storage_class.name} kept in several artifacts is read with no parameters")
    parts = {
        name: each(ReadRequest(named_class(storage_class.components[name]).python_type)) for name, each in read.items()
    }
    return storage_class.pytype()(**parts)


def read_component(
    component: str, kind: str, read: Mapping[str, Callable[[ReadRequest], Any]], parameters: Mapping[str, Any]
) -> Any:
    """Read a component from the artifact that answers it; None where this composite has no such part.

    Parameters
    ----------
    component : str
        Its name.
    kind : str
        ``module:Class`` of what is wanted.
    read : mapping of str to callable
        For each component that was kept, what reads it.
    parameters : mapping
        Which part of it is wanted.
    """
    name = answered_by(component, read)
    if name is None:
        return None
    if name == "header" and component != "unit" and "image" in read:
        return _placed(component, read, parameters)
    kind = "astropy.nddata:NDUncertainty" if component == "uncertainty" else kind
    return read[name](ReadRequest(kind, None if name == component else component, parameters))


def _placed(component: str, read: Mapping[str, Callable[[ReadRequest], Any]], parameters: Mapping[str, Any]) -> Any:
    """Header or WCS of the part of an image that is wanted."""
    from bunter.datastore.formats.boxes import box_of, box_slices
    from bunter.datastore.formats.fits_header import moved, quiet, wcs_of

    with quiet():
        header = read["header"](ReadRequest("astropy.io.fits:Header"))
        shape = tuple(read["image"](ReadRequest(component="shape")))
        wcs = wcs_of(header, shape)
        box = box_of(parameters, shape, lambda: wcs)
        if component == "wcs":
            return wcs if wcs is None or box is None else wcs[box_slices(box)[1:]]
        return moved(header, box)


def _image(read: Mapping[str, Callable[[ReadRequest], Any]], parameters: Mapping[str, Any]) -> Any:
    """Put an image together; of a part of it only that part is read."""
    from astropy import units
    from astropy.nddata import CCDData

    from bunter.datastore.formats.boxes import box_of, box_slices
    from bunter.datastore.formats.fits_header import moved, quiet, wcs_of

    with quiet():
        header = read["header"](ReadRequest("astropy.io.fits:Header"))
        shape = tuple(read["image"](ReadRequest(component="shape")))
        wcs = wcs_of(header, shape)
        box = box_of(parameters, shape, lambda: wcs)
        planes = {"bbox": box} if box else {}

        def plane(name: str, kind: str = "numpy:ndarray") -> Any:
            return read[name](ReadRequest(kind, None, planes)) if name in read else None

        psf = read["psf"](ReadRequest("numpy:ndarray")) if "psf" in read else None
        unit = units.Unit(header.pop("BUNIT"))
        return CCDData(
            plane("image"), unit=unit, mask=plane("mask"), uncertainty=plane("uncertainty", "astropy.nddata:NDUncertainty"),
            wcs=wcs if wcs is None or box is None else wcs[box_slices(box)[1:]], meta=moved(header, box), psf=psf, copy=False,
        )  # fmt: skip
