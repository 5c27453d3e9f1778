"""The seam to serialization: objects to bytes and back, by formats with short names."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from msgspec import Struct, field

from bunter.errors import FormatError, near

if TYPE_CHECKING:
    from typing import BinaryIO

    from bunter.dataset.stamp import Stamp
    from bunter.values import ByteRange, Pieces

__all__ = [
    "ONE_WAY",
    "Format",
    "HasRecipes",
    "ReadRequest",
    "ReadsFiles",
    "ReadsMembers",
    "TakesStamp",
    "TellsDifferences",
    "WritesPieces",
    "component_of",
    "format_names",
    "format_of",
    "formats_for",
]

ONE_WAY = frozenset({"png", "svg"})
"""Formats of what was drawn, which is read as a picture."""


class ReadRequest(Struct, frozen=True):
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


@runtime_checkable
class Format(Protocol):
    """A way to write objects as bytes. Equal objects give equal bytes; reading never runs code that the bytes name.

    An attribute ``takes_buffers`` that is true says that `from_bytes` reads from a memoryview as well, without a copy.
    """

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
class ReadsFiles(Protocol):
    """A format that reads from a file without having all of its bytes in memory."""

    def read_file(self, file: BinaryIO, request: ReadRequest) -> object:
        """Read what is requested from a file to seek in, wherever it lies; touch no more of it than is needed.

        An attribute ``reads_forward`` that is true says that a whole object is read from the first byte to the last, with
        ``readinto``: then files of a megabyte are read this way already, and not only those of 32.
        """


@runtime_checkable
class WritesPieces(Protocol):
    """A format that writes large objects piece by piece."""

    def to_pieces(self, obj: object) -> Pieces:
        """Write an object as the bytes of `Format.to_bytes`, a few at a time; raise FormatError before the first."""


@runtime_checkable
class TakesStamp(Protocol):
    """A format whose files say where they come from."""

    def stamped(self, data: bytes | Pieces, stamp: Stamp) -> bytes | Pieces:
        """Put a stamp into what was written, in place of any that is there; `Format.same` leaves it out of account."""


@runtime_checkable
class TellsDifferences(Protocol):
    """A format that can say how two of its artifacts differ."""

    def difference(self, old: bytes, new: bytes) -> str:
        """Say in some words how two artifacts that are not the same differ, such as by which cards and pixels."""


@runtime_checkable
class HasRecipes(Protocol):
    """A format that writes in several ways, all of which read alike; ``fits:lossless`` names a format and its recipe."""

    recipes: Mapping[str, str]

    def with_recipe(self, recipe: str) -> Format:
        """Return the format that writes by a recipe, ``name`` or ``name,option=value``; raise FormatError if unknown."""


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
    "hdf5": "bunter.datastore.formats.hdf5:Hdf5Format",
    "zarr": "bunter.datastore.formats.zarr_zip:ZarrFormat",
    "asdf": "bunter.datastore.formats.asdf_tree:AsdfFormat",
    "object": "bunter.datastore.formats.objects:ObjectFormat",
    "same-object": "bunter.datastore.formats.objects:SameObjectFormat",
    "png": "bunter.datastore.formats.plot:PngFormat",
    "svg": "bunter.datastore.formats.plot:SvgFormat",
    "pickle": "bunter.datastore.formats.pickled:PickleFormat",
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
    "polars:DataFrame": "parquet",
    "astropy.io.fits:HDUList": "fits",
    "numpy:ndarray": "npy",
    "matplotlib.figure:Figure": "png",
}

_BY_STORAGE_CLASS = {"ArrayTree": "hdf5", "Config": "yaml", "TaskLog": "jsonl", "Plot": "png"}


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
    """Find a format by its short name, or by name and recipe, such as ``fits:lossless``.

    Raises
    ------
    FormatError
        If there is none of this name; plug-ins come by the entry point group ``bunter.formats``.
    """
    short, _, recipe = name.partition(":")
    form = _found(short)
    if not recipe:
        return form
    if not isinstance(form, HasRecipes):
        raise FormatError(f"the format {short} has no recipes; write {short!r} instead of {name!r}")
    return form.with_recipe(recipe)


def _found(name: str) -> Format:
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return cast("Format", getattr(importlib.import_module(module), attribute)())
    if name in _plugins():
        return _plugged_in(name)
    raise FormatError(
        f"no format {name!r} is installed{near(name, format_names())}; `bunter formats` lists those that are, "
        "and a package that brings it may have to be installed"
    )


def _plugged_in(name: str) -> Format:
    try:
        form = _plugins()[name].load()()
    except Exception as exc:
        raise FormatError(f"the plug-in of the format {name!r} cannot be loaded: {exc}; upgrade or remove it") from exc
    if not isinstance(form, Format) or form.name != name:
        raise FormatError(f"the plug-in of the format {name!r} is no format of this name; upgrade or remove it")
    return form


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
