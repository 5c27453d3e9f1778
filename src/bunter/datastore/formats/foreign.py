"""Files that are not artifacts yet: their format by their name, their content as what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bunter import effects
from bunter.datastore.format import ReadRequest, format_names, format_of
from bunter.errors import FormatError

__all__ = ["format_of_file", "read_file"]

_MORE = {
    ".fit": "fits",
    ".fz": "fits",
    ".fits.gz": "fits",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".yml": "yaml",
    ".parq": "parquet",
}


def format_of_file(path: str | Path) -> str:
    """Name of the format that a file's name ends with; FormatError if there is none."""
    found = {format_of(name).extension: name for name in format_names() if name not in {"pickle", "bytes"}}
    known = {extension: name for extension, name in found.items() if extension} | _MORE
    name = Path(path).name.lower()
    for extension in sorted(known, key=len, reverse=True):
        if name.endswith(extension):
            return known[extension]
    raise FormatError(f"no format is known for {path}; names end with one of {', '.join(sorted(known))}")


def read_file(path: str | Path) -> Any:
    """Read a file as an image, table, array or dict, by its name and content."""
    name = format_of_file(path)
    form, data = format_of(name), effects.read_bytes(path)
    kind = "astropy.table:Table" if name == "parquet" else ""
    return form.from_bytes(data, ReadRequest(kind))
