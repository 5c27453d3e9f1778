"""Files that a library has to write or read as files, out of everybody's sight."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, BinaryIO

from bunter import effects
from bunter.values import Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["written_aside"]

_STEP = 1 << 20


def written_aside(write: Callable[[BinaryIO], object]) -> Pieces:
    """Return what ``write`` writes to a file, in pieces; the file is on disk without a name, as long as they are wanted.

    Parameters
    ----------
    write : callable
        Is given the empty file.
    """
    file = effects.nameless_file()
    write(file)

    def pieces() -> Iterator[bytes]:
        file.seek(0)
        while piece := file.read(_STEP):
            yield piece

    weakref.finalize(pieces, file.close)
    return Pieces(pieces)
