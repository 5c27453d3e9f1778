"""Objects as named arrays and plain notes, which is what HDF5, Zarr and ASDF can hold."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.boxes import box_of, box_slices
from bunter.datastore.formats.table_library import kind_of, wanted_kind
from bunter.datastore.formats.tables import selected, table_component, to_wanted
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.datastore.format import ReadRequest
    from bunter.datastore.formats.opened import Opened

__all__ = ["Content", "content_of", "object_of"]

_IMAGE = "image"
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Content:
    """What an object consists of.

    Parameters
    ----------
    kind : str
        ``array``, ``image``, ``table`` or ``tree``.
    arrays : mapping of str to ndarray
        By name; names of a tree are paths with slashes.
    notes : mapping
        Everything else, as JSON can hold it.
    """

    kind: str
    arrays: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


def content_of(obj: Any) -> Content:
    """Take an object apart; FormatError for one that could not be put together again as it was."""
    import numpy as np
    from astropy.nddata import CCDData

    if isinstance(obj, CCDData):
        return _image_content(obj)
    if isinstance(obj, np.ndarray):
        return Content("array", {"data": _checked(obj, "the array")})
    if kind_of(obj):
        return _table_content(to_wanted(obj, "astropy.table:Table"))
    if isinstance(obj, dict):
        arrays: dict[str, Any] = {}
        return Content("tree", arrays, {"tree": _planted(obj, "", arrays)})
    raise FormatError(
        f"a {type(obj).__name__} cannot be written so; give an array, a CCDData, a table, or a dict of these"
    )


def _checked(array: Any, what: str) -> Any:
    import numpy as np

    if isinstance(array, np.ma.MaskedArray):
        raise FormatError(f"{what} has a mask, which would be lost; store a CCDData or a table")
    if array.dtype.kind not in "biufcSU" or array.dtype.str[1:] in {"f16", "c32"}:
        raise FormatError(f"{what} is of {array.dtype}, which cannot be kept; convert it with astype")
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)


# ---------------------------------------------------------------------- images


def _image_content(ccd: Any) -> Content:
    """Take an image apart by way of its FITS cards, so that header, WCS and units are those of the FITS format."""
    import numpy as np

    from bunter.datastore.formats.fits_write import hdus_of

    first, *_ = hdus_of(ccd)
    arrays = {_IMAGE: _checked(np.asarray(ccd.data), "the image")}
    notes: dict[str, Any] = {"header": first.header.tostring(sep="\n"), "unit": ccd.unit.to_string()}
    if ccd.mask is not None:
        arrays["mask"] = _checked(np.broadcast_to(ccd.mask, ccd.data.shape), "the mask")
    if ccd.uncertainty is not None:
        arrays["uncertainty"] = _checked(np.asarray(ccd.uncertainty.array), "the uncertainty")
        unit = ccd.uncertainty.unit
        notes["uncertainty"] = {
            "kind": type(ccd.uncertainty).__name__,
            "unit": None if unit is None else unit.to_string(),
        }
    if ccd.psf is not None:
        arrays["psf"] = _checked(np.asarray(ccd.psf), "the PSF")
    return Content("image", arrays, notes)


def _image(opened: Opened, request: ReadRequest) -> Any:
    """Read by way of FITS: an HDU list of the arrays asked for, without their bytes being written."""
    from bunter.datastore.formats.image_parts import ImageParts

    return ImageParts(opened, request).read()


# ---------------------------------------------------------------------- tables


def _table_content(table: Any) -> Content:
    import numpy as np
    from astropy.table import meta, serialize

    plain = serialize.represent_mixins_as_columns(table)
    arrays = {}
    for column in plain.itercols():
        if column.dtype.kind == "O":
            raise FormatError(f"column {column.info.name!r} holds Python objects; give it a plain dtype")
        name: str = column.info.name
        arrays[name] = _checked(np.ma.getdata(column).view(np.ndarray), f"column {name!r}")
        if isinstance(column, np.ma.MaskedArray):
            arrays[f"{name}.mask"] = np.ma.getmaskarray(column).view(np.ndarray)
    notes = {"header": list(meta.get_yaml_from_table(plain)), "class": type(table).__name__, "columns": plain.colnames}
    return Content("table", arrays, notes)


def _table(opened: Opened, request: ReadRequest) -> Any:
    import numpy as np
    from astropy.table import Column, MaskedColumn, QTable, Table, meta, serialize

    if unknown := set(request.parameters) - {"columns", "rows"}:
        raise FormatError(f"a table is read with the parameters columns and rows, not {', '.join(sorted(unknown))}")
    masked, columns = set(opened.names()), {}
    for name in opened.notes["columns"]:
        data = opened.read(name)
        mask = opened.read(f"{name}.mask").astype(bool) if f"{name}.mask" in masked else None
        columns[name] = Column(data) if mask is None else MaskedColumn(data, mask=mask)
        if not isinstance(data, np.ndarray):
            raise FormatError(f"column {name!r} is no array")
    header = meta.get_header_from_yaml(opened.notes["header"])
    plain = Table(columns, copy=False)
    for note in header["datatype"]:
        column = plain[note["name"]]
        column.unit, column.description, column.format = (note.get(key) for key in ("unit", "description", "format"))
        column.meta = note.get("meta") or {}
    plain.meta.update(header.get("meta") or {})
    kind = QTable if opened.notes.get("class") == "QTable" else Table
    whole = kind(serialize._construct_mixins_from_columns(plain), copy=False)  # noqa: SLF001 - as astropy's own readers
    whole = selected(whole, request.parameters)
    if request.component:
        return table_component(whole, request.component)
    return to_wanted(whole, request.python_type) if wanted_kind(request.python_type) else whole


# ---------------------------------------------------------------------- trees


def _planted(value: Any, place: str, arrays: dict[str, Any]) -> Any:
    """Plain copy of a tree in which arrays are named rather than held."""
    import numpy as np

    if isinstance(value, np.ndarray):
        arrays[place] = _checked(value, place)
        return {"$array": place}
    if isinstance(value, dict):
        if wrong := [key for key in value if not isinstance(key, str) or not key or "/" in key or key.startswith("$")]:
            raise FormatError(
                f"the key {wrong[0]!r} cannot be kept; keys are text without '/' and not beginning with '$'"
            )
        return {key: _planted(item, f"{place}/{key}" if place else key, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_planted(item, f"{place}/{index}", arrays) for index, item in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, _PLAIN):
        return value
    raise FormatError(
        f"{place or 'the object'} is a {type(value).__name__}; give plain values, arrays, lists and dicts"
    )


def _grown(opened: Opened, value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$array"}:
            return opened.read(value["$array"])
        return {key: _grown(opened, item) for key, item in value.items()}
    return [_grown(opened, item) for item in value] if isinstance(value, list) else value


def _tree(opened: Opened, request: ReadRequest) -> Any:
    tree: Any = opened.notes.get("tree")
    if tree is None:
        tree = _foreign(opened)
    if request.component:
        if not isinstance(tree, dict) or request.component not in tree:
            raise FormatError(f"there is no component {request.component!r}; there are {', '.join(tree)}")
        return _part(opened, tree[request.component], request)
    if "keys" in request.parameters:
        tree = {key: tree[key] for key in tree if key in request.parameters["keys"]}
    elif request.parameters:
        raise FormatError("a tree is read with the parameter keys, or a component of it with bbox")
    return _grown(opened, tree)


def _foreign(opened: Opened) -> dict[str, Any]:
    """Tree of a file that was written elsewhere: its arrays by their paths."""
    tree: dict[str, Any] = {}
    for name in opened.names():
        *above, last = name.split("/")
        place = tree
        for key in above:
            place = place.setdefault(key, {})
        place[last] = {"$array": name}
    return tree


def _part(opened: Opened, value: Any, request: ReadRequest) -> Any:
    if isinstance(value, dict) and set(value) == {"$array"}:
        return _boxed(opened, value["$array"], request)
    return _grown(opened, value)


def _boxed(opened: Opened, name: str, request: ReadRequest) -> Any:
    box = box_of(request.parameters, opened.shape(name))
    return opened.read(name) if box is None else opened.read(name, box_slices(box))


def _array(opened: Opened, request: ReadRequest) -> Any:
    if request.component:
        raise FormatError(f"an array has no component {request.component!r}")
    return _boxed(opened, "data", request)


_WAYS = {"array": _array, "image": _image, "table": _table, "tree": _tree}


def object_of(opened: Opened, request: ReadRequest) -> Any:
    """Put together what is requested; only the arrays and the parts that are needed are read."""
    if request.selector:
        raise FormatError(f"there is no member {request.selector!r}; a component names a part")
    if opened.kind not in _WAYS:
        raise FormatError(f"the content is of the kind {opened.kind!r}, which is not known; upgrade Bunter")
    return _WAYS[opened.kind](opened, request)


def notes_text(content: Content) -> str:
    """Kind and notes as text for the file."""
    return json.dumps({"kind": content.kind, **content.notes}, ensure_ascii=True)
