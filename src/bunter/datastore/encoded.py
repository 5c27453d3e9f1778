"""Objects as bytes, ready for a store."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from bunter.datastore.format import WritesPieces
from bunter.datastore.object_size import nbytes
from bunter.datastore.ranged import LARGE

if TYPE_CHECKING:
    from bunter.datastore.format import Format
    from bunter.values import Pieces

__all__ = ["Encoded", "written"]


class Encoded(Struct, frozen=True):
    """An object as bytes.

    Parameters
    ----------
    data : bytes or Pieces
        The bytes; of large objects a few at a time.
    format : str
        Short name of the format.
    version : int
        Version of the format.
    extension : str
        Ending of the file's name, with its dot.
    """

    data: bytes | Pieces
    format: str
    version: int
    extension: str


def written(form: Format, obj: object) -> bytes | Pieces:
    """Write an object, piece by piece if it is large and its format can."""
    if _writes_pieces(type(form)) and nbytes(obj) >= LARGE:
        return cast("WritesPieces", form).to_pieces(obj)
    return form.to_bytes(obj)


@cache
def _writes_pieces(kind: type[Format]) -> bool:
    return issubclass(
        kind, WritesPieces
    )  # asked once: a protocol takes longer to look through than a small object to write
