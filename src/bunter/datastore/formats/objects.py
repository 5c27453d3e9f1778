"""Objects as they are, for stores in the memory of a process: nothing is written, and nothing can be read by another."""

from __future__ import annotations

import copy
import secrets
from typing import TYPE_CHECKING

from bunter.datastore.format import component_of
from bunter.errors import FormatError

if TYPE_CHECKING:
    from bunter.datastore.format import ReadRequest

__all__ = ["KeptObject", "ObjectFormat", "SameObjectFormat"]


class KeptObject(bytes):
    """A token of bytes, different each time, that carries an object as long as it is not written anywhere."""

    kept: object

    @classmethod
    def of(cls, kept: object) -> KeptObject:
        """Draw a token for an object."""
        made = cls(secrets.token_bytes(16))
        made.kept = kept
        return made

    def __bytes__(self) -> bytes:
        return self  # the same, with what it carries


class ObjectFormat:
    """Objects copied as they come and as they go, so that nobody changes what another one reads."""

    name = "object"
    version = 1
    extension = ""
    python_types: tuple[str, ...] = ()

    def to_bytes(self, obj: object) -> bytes:
        """Keep a copy of an object."""
        return KeptObject.of(self._copied(obj))

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Return a copy of the object, or of a component."""
        if not isinstance(data, KeptObject):
            raise FormatError("this was an object in the memory of a process that has ended; make it again")
        if request.parameters:
            raise FormatError(
                f"an object in memory is read whole, without {', '.join(request.parameters)}; select from what get returns"
            )
        return self._copied(data.kept if request.component is None else component_of(data.kept, request.component))

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether two objects are equal, as far as they can tell."""
        if not isinstance(old, KeptObject) or not isinstance(new, KeptObject):
            return False
        return old.kept is new.kept or _equal(old.kept, new.kept)

    @staticmethod
    def _copied(obj: object) -> object:
        try:
            return copy.deepcopy(obj)
        except Exception as exc:
            raise FormatError(
                f"a {type(obj).__name__} cannot be copied ({exc}); keep it by 'objects: handed-over', or as bytes"
            ) from exc


class SameObjectFormat(ObjectFormat):
    """Objects handed over: whoever reads gets the object that was put, and must not change it."""

    name = "same-object"

    @staticmethod
    def _copied(obj: object) -> object:
        return obj


def _equal(old: object, new: object) -> bool:
    import numpy as np

    if type(old) is not type(new):
        return False
    try:
        return bool(np.all(old == new))
    except Exception:  # noqa: BLE001 - objects that cannot be compared are not known to be equal
        return False
