"""Notes of what a publication is about to do: files in the staging area of its owner that are read after a crash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.datastore.store import Staged

__all__ = ["Notes"]


class _Dataclass(Protocol):
    """A dataclass whose fields JSON knows."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


_Row = TypeVar("_Row", bound=_Dataclass)


class Notes(Generic[_Row]):
    """Files ``.NAME-...``, one for each publication that has something of one kind to note.

    A file is whole before what it tells of begins, and is removed when that is committed, or undone.

    Parameters
    ----------
    name : str
        The kind.
    row : type
        What is noted of an artifact.
    mark : str
        Attribute of staged artifacts that says which of them are of the kind.
    seen : callable
        Returns what is noted of some artifacts: objects with the attributes of rows.
    """

    def __init__(
        self, name: str, row: type[_Row], mark: str, seen: Callable[[Sequence[Staged]], Sequence[object]]
    ) -> None:
        self._prefix, self._row, self._mark, self._seen = f".{name}-", row, mark, seen

    def write(self, stage_root: str, staged: Sequence[Staged], *, sync: bool) -> None:
        """Note those of ``staged`` that are of the kind."""
        if not (items := self._of(staged)):
            return
        path, rows = self._path(stage_root, items), self._seen(items)
        columns = [[getattr(row, field.name) for row in rows] for field in fields(self._row)]
        effects.unlink(path, missing_ok=True)
        effects.write_new(path, json.dumps(columns).encode(), sync=sync)
        if sync:
            effects.sync_dir(path.rpartition("/")[0])

    def forget(self, stage_root: str, staged: Sequence[Staged]) -> None:
        """Remove the file that `write` made for the same artifacts."""
        if items := self._of(staged):
            effects.unlink(self._path(stage_root, items), missing_ok=True)

    def has(self, name: str) -> bool:
        """Whether a path below an owner's staging directory is such a file and no staged key."""
        return name.startswith(self._prefix)

    def read(self, path: str) -> list[_Row]:
        """Return what was noted; nothing of a file that was cut short by a crash, as nothing was done by then."""
        try:
            columns: Any = json.loads(effects.read_bytes(path))
        except (FileNotFoundError, json.JSONDecodeError):
            return []
        return [self._row(*row) for row in zip(*columns, strict=True)]

    def _of(self, staged: Sequence[Staged]) -> list[Staged]:
        return [item for item in staged if getattr(item, self._mark)]

    def _path(self, stage_root: str, items: Sequence[Staged]) -> str:
        told = f"{len(items)}\n{items[0].key}\n{items[-1].key}"
        name = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return f"{stage_root}/{items[0].owner}/{self._prefix}{name}"
