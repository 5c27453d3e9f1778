"""Content that waits for its upload: in memory as long as it is little, else in a temporary folder."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Spool"]

_IN_MEMORY = 64 << 20
"""Bytes of all waiting contents together that are kept in memory."""


class Spool:
    """Contents in memory up to 64 MB together, beyond that in files of a temporary folder; safe among threads."""

    def __init__(self, limit: int = _IN_MEMORY) -> None:
        self._limit, self._held = limit, 0
        self._folder: str | None = None
        self._lock = threading.Lock()

    def keep(self, content: bytes) -> bytes | Path:
        """Take content in; return what gives it back."""
        with self._lock:
            if self._held + len(content) <= self._limit:
                self._held += len(content)
                return content
        return self.keep_pieces([content])

    def keep_pieces(self, pieces: Iterable[bytes | memoryview]) -> Path:
        """Take in content that comes in pieces, as a file."""
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="bunter-spool-")
        path = Path(self._folder) / secrets.token_hex(8)
        effects.write_new(path, pieces, sync=False)
        return path

    def has_room(self, size: int) -> bool:
        """Whether so many bytes would be kept in memory."""
        return self._held + size <= self._limit

    def drop(self, content: bytes | Path) -> None:
        """Give up what `keep` returned; a file that `keep` did not make stays."""
        if isinstance(content, bytes):
            with self._lock:
                self._held -= len(content)
        elif self._folder is not None and os.fspath(content.parent) == self._folder:
            effects.unlink(content, missing_ok=True)

    def close(self) -> None:
        """Remove the temporary folder."""
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
