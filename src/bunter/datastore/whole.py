"""Whole datasets of one kind that have arrived: what is the same for all of them is found out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.datastore.format import ONE_WAY, ReadRequest, format_of
from bunter.datastore.reading import result_class

if TYPE_CHECKING:
    from bunter.dataset import StoredArtifact
    from bunter.storage_class import StorageClass

__all__ = ["WholeReading"]


class WholeReading:
    """Makes objects of the contents of artifacts that each are one dataset, and have been compared, as `Datastore.read` does.

    Parameters
    ----------
    storage_class : StorageClass or str
        What is wanted.
    form : str
        Name of the format that all are in.
    """

    __slots__ = ("_convert", "_from_bytes", "_request", "_takes_buffers")

    def __init__(self, storage_class: StorageClass | str, form: str) -> None:
        wanted = result_class(storage_class)
        self._request = ReadRequest(wanted.python_type)
        found: Any = format_of(form)
        self._from_bytes, self._takes_buffers = found.from_bytes, getattr(found, "takes_buffers", False)
        self._convert = None if form in ONE_WAY else wanted.convert

    def read(self, content: bytes | memoryview) -> Any:
        """Return the object; FormatError if the content is not of this format."""
        found = self._from_bytes(content if self._takes_buffers else bytes(content), self._request)
        return found if self._convert is None else self._convert(found)

    @staticmethod
    def takes(stored: StoredArtifact) -> bool:
        """Whether an artifact is a dataset by itself, in a version of its format that is known."""
        is_alone = not stored.component and not stored.selector
        return is_alone and stored.format_version <= format_of(stored.format).version
