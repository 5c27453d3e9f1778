"""The seam to serialization: objects to bytes and back, by formats with short names."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from bunter.errors import FormatError, near

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.values import ByteRange

__all__ = [
    "Format",
    "ReadRequest",
    "ReadsMembers",
    "ReadsPaths",
    "component_of",
    "format_names",
    "format_of",
    "formats_for",
]


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What a reader wants of an artifact.

    Parameters
    ----------
    python_type : str
        ``module:Class`` of the object wanted, a wish: a format gives its nearest.
    component : str or None
        Part of the object, such as ``wcs``; None for the whole.
    parameters : mapping
        Restrictions, such as ``bbox`` or ``columns``.
    selector : str
        Which member of the artifact, such as an HDU; empty for all of it.
    """

    python_type: str = ""
    component: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    selector: str = ""

    @property
    def is_partial(self) -> bool:
        """Whether less than the whole artifact is wanted."""
        return bool(self.component or self.parameters or self.selector)


class Format(Protocol):
    """A way to write objects as bytes. Equal objects give equal bytes; reading never runs code that the bytes name."""

    name: str
    version: int
    extension: str
    python_types: tuple[str, ...]

    def to_bytes(self, obj: object) -> bytes:
        """Write an object; raise FormatError, with a way out, for one that could not be read back as it was."""

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read what is requested; raise FormatError for bytes that are not of this format."""

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether two artifacts hold the same thing: NaN equals NaN, no tolerance, dates of writing ignored."""


@runtime_checkable
class ReadsPaths(Protocol):
    """A format that reads a part of a local file without reading all of it."""

    def read_path(self, path: Path, request: ReadRequest) -> object:
        """Read what is requested from a file."""


@runtime_checkable
class ReadsMembers(Protocol):
    """A format whose artifacts hold many members at known places."""

    def member(self, selector: str) -> ByteRange:
        """Return the bytes of a member; `Format.from_bytes` is then given these alone."""


_BUILT_IN = {
    "fits": "bunter.datastore.formats.fits:FitsFormat",
    "parquet": "bunter.datastore.formats.parquet:ParquetFormat",
    "ecsv": "bunter.datastore.formats.ecsv:EcsvFormat",
    "json": "bunter.datastore.formats.text:JsonFormat",
    "jsonl": "bunter.datastore.formats.text:JsonLinesFormat",
    "yaml": "bunter.datastore.formats.text:YamlFormat",
    "text": "bunter.datastore.formats.text:TextFormat",
    "bytes": "bunter.datastore.formats.text:BytesFormat",
    "npy": "bunter.datastore.formats.array:NumpyFormat",
    "png": "bunter.datastore.formats.plot:PngFormat",
}

_DEFAULTS = {
    "builtins:dict": "json",
    "builtins:list": "json",
    "builtins:int": "json",
    "builtins:float": "json",
    "builtins:bool": "json",
    "numbers:Number": "json",
    "builtins:str": "text",
    "builtins:bytes": "bytes",
    "astropy.nddata:CCDData": "fits",
    "astropy.nddata.ccddata:CCDData": "fits",
    "astropy.wcs:WCS": "fits",
    "astropy.wcs.wcs:WCS": "fits",
    "astropy.io.fits:Header": "fits",
    "astropy.io.fits.header:Header": "fits",
    "astropy.table:Table": "parquet",
    "astropy.table.table:Table": "parquet",
    "astropy.table:QTable": "parquet",
    "astropy.table.table:QTable": "parquet",
    "pyarrow:Table": "parquet",
    "pyarrow.lib:Table": "parquet",
    "pandas:DataFrame": "parquet",
    "pandas.core.frame:DataFrame": "parquet",
    "numpy:ndarray": "npy",
    "matplotlib.figure:Figure": "png",
}

_BY_STORAGE_CLASS = {"Config": "yaml", "TaskLog": "jsonl", "Plot": "png"}


def formats_for(storage_class: str, python_type: str) -> str | None:
    """Name the format that writes a storage class unless the configuration says otherwise; None if none is known."""
    return _BY_STORAGE_CLASS.get(storage_class) or _DEFAULTS.get(python_type)


def format_names() -> list[str]:
    """Short names of all formats, also of installed plug-ins."""
    return sorted({*_BUILT_IN, *_plugins()})


@functools.cache
def _plugins() -> Mapping[str, Any]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group="bunter.formats")}


@functools.cache
def format_of(name: str) -> Format:
    """Find a format by its short name.

    Raises
    ------
    FormatError
        If there is none of this name; plug-ins come by the entry point group ``bunter.formats``.
    """
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return cast("Format", getattr(importlib.import_module(module), attribute)())
    if name in _plugins():
        return cast("Format", _plugins()[name].load()())
    raise FormatError(
        f"no format {name!r} is installed{near(name, format_names())}; `bunter formats` lists those that are, "
        "and a package that brings it may have to be installed"
    )


def component_of(obj: object, component: str) -> object:
    """Return a part of an object in memory: its attribute or item of that name.

    Raises
    ------
    FormatError
        If it has none.
    """
    if isinstance(obj, Mapping) and component in obj:
        return obj[component]
    if not component.startswith("_") and hasattr(obj, component):
        return getattr(obj, component)
    raise FormatError(f"a {type(obj).__name__} has no component {component!r}")
