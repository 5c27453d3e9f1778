"""Append-only files of checksummed JSON lines: what a job did, told so that no crash can garble it."""

from __future__ import annotations

import logging
import zlib
from typing import TYPE_CHECKING, Self

import numpy as np

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

__all__ = ["Journal", "read_lines", "read_more", "seal", "sound_spans", "unseal"]

_log = logging.getLogger(__name__)
_MARK = b',"crc":"'
_PIECE = 1 << 24
_TAIL = len(_MARK) + 8 + 2  # mark, eight hexadecimal digits, closing quote and brace


def seal(document: bytes) -> bytes:
    """Turn a JSON object into a journal line whose last member is the CRC-32 of what stands before it.

    Parameters
    ----------
    document : bytes
        A JSON object on one line, not empty.

    Returns
    -------
    bytes
        A JSON object and a line feed.
    """
    body = document[:-1]
    return b'%s%s%08x"}\n' % (body, _MARK, zlib.crc32(body))


def unseal(line: bytes) -> bytes | None:
    """Return the JSON object in a journal line (without its line feed), None if the line is torn or damaged."""
    body, tail = line[:-_TAIL], line[-_TAIL:]
    if not body or not tail.startswith(_MARK) or not tail.endswith(b'"}'):
        return None
    if tail[len(_MARK) : -2] != b"%08x" % zlib.crc32(body):
        return None
    return body + b"}"


def read_lines(path: str | Path) -> Iterator[bytes]:
    """Read the JSON objects of a journal, oldest first, up to the first line that is torn or damaged.

    What stands behind such a line counts as never told: after a power cut it was not yet durable, and if storage failed,
    doing the work again is safe. Nothing is read from a journal that does not exist.
    """
    if effects.stat(path) is None:
        return
    lines = effects.read_bytes(path).split(b"\n")
    for number, line in enumerate(lines, start=1):
        if (document := unseal(line)) is None:
            if any(unseal(later) is not None for later in lines[number:]):
                _log.warning("%s is damaged in line %d; what stands behind it is done again", path, number)
            return
        yield document


def read_more(path: str | Path, begin: int) -> tuple[list[bytes], int]:
    """Read the JSON objects that were appended to a journal since it was read last.

    Parameters
    ----------
    path : str or Path
        The journal.
    begin : int
        Where the last reading ended, in bytes.

    Returns
    -------
    list of bytes
        New objects, oldest first, up to the first line that is torn, not yet whole or damaged.
    int
        Where the next reading begins.
    """
    found = effects.stat(path)
    if found is None or found.st_size <= begin:
        return [], begin
    documents: list[bytes] = []
    for line in effects.read_range(path, begin, found.st_size - begin).split(b"\n")[:-1]:
        if (document := unseal(line)) is None:
            break
        documents.append(document)
        begin += len(line) + 1
    return documents, begin


def sound_spans(content: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the JSON objects of a journal without reading them.

    Parameters
    ----------
    content : bytes
        The whole journal.

    Returns
    -------
    begin, end : (N,) int64
        Places of the first byte of each object, and of the brace that ends it, in a line of which the checksum stands before
        that brace: ``content[begin:end] + b"}"`` is the object. As far as the first line that is torn or damaged.
    """
    octets = np.frombuffer(content, np.uint8)
    pieces = range(0, len(octets), _PIECE)  # so that the comparison does not take as much memory as the journal
    line_end = np.concatenate(
        [np.zeros(0, np.int64), *(np.flatnonzero(octets[at : at + _PIECE] == ord("\n")) + at for at in pieces)]
    )
    begin = np.concatenate([[0], line_end[:-1] + 1]) if len(line_end) else line_end
    end = line_end - _TAIL
    crc32, view = zlib.crc32, memoryview(content)
    for number, (first, last) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        if last <= first or content[last : last + _TAIL] != b'%s%08x"}' % (_MARK, crc32(view[first:last])):
            return begin[:number], end[:number]
    return begin, end


class Journal:
    """The journal of one job attempt, open for writing by this process alone. Close it or use it as a context.

    Parameters
    ----------
    path : str or Path
        A name that no attempt had before.

    Raises
    ------
    FileExistsError
        If the name is taken: another attempt has it.
    """

    def __init__(self, path: str | Path) -> None:
        effects.write_new(path, b"", sync=False)
        self._file = effects.open_append(path)
        self.path = str(path)

    def append(self, documents: Iterable[bytes]) -> None:
        """Write JSON objects at the end, in one piece; they are durable after `sync`."""
        self._file.append(b"".join(map(seal, documents)))

    def sync(self) -> None:
        """Put everything appended on stable storage."""
        self._file.sync()

    def close(self) -> None:
        """Close the file; twice is no error."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
