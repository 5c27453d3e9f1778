"""Formats compared on somebody's own content: how long, how large, how much a cutout moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from bunter import effects
from bunter.datastore.format import ReadRequest, ReadsFiles, format_of
from bunter.datastore.ranged import RangedFile
from bunter.errors import FormatError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from bunter.datastore.format import Format
    from bunter.datastore.store import ArtifactStore
    from bunter.values import ByteRange

__all__ = ["CANDIDATES", "Measured", "compare"]

CANDIDATES = ("fits", "fits:lossless", "fits:lossy", "hdf5", "hdf5:gzip", "zarr", "asdf", "parquet", "npy", "ecsv")


@dataclass(frozen=True, slots=True)
class Measured:
    """How one format did.

    Parameters
    ----------
    format : str
        Name and recipe.
    size : int
        Bytes.
    write_s, read_s : float
        Seconds, the best of all rounds.
    part_s : float or None
        Seconds to cut out a part; None where there is no such part.
    part_bytes : int or None
        Bytes that moved for it.
    remark : str
        Such as that it is not exact, or why it could not write.
    """

    format: str
    size: int = 0
    write_s: float = 0.0
    read_s: float = 0.0
    part_s: float | None = None
    part_bytes: int | None = None
    remark: str = ""


class _Counted:
    """One artifact in memory that counts what is read of it."""

    def __init__(self, content: bytes) -> None:
        self.content, self.moved = content, 0

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:  # noqa: ARG002 - there is one
        """Return ranges."""
        found = [self.content] if ranges is None else [self.content[each.begin : each.end] for each in ranges]
        self.moved += sum(map(len, found))
        return found


def compare(obj: Any, rounds: int = 3, names: Sequence[str] = CANDIDATES) -> Iterator[Measured]:
    """Write and read an object in each format; yield how each did, one after the other.

    Parameters
    ----------
    obj : object
        An image, array, table or dict.
    rounds : int
        How often each is tried; the best counts.
    names : sequence of str
        Formats, with recipes.
    """
    for name in names:
        try:
            yield _measured(format_of(name), name, obj, rounds)
        except (FormatError, MissingExtraError) as exc:
            yield Measured(name, remark=str(exc))


def _measured(form: Format, name: str, obj: Any, rounds: int) -> Measured:
    kind = type(obj)
    wanted = ReadRequest(_public_type(kind))
    content = b""
    writing, reading = [], []
    for _ in range(rounds):
        begin = effects.monotonic()
        content = form.to_bytes(obj)
        written = effects.monotonic()
        found = form.from_bytes(content, wanted)
        reading.append(effects.monotonic() - written)
        writing.append(written - begin)
    remark = "" if form.same(content, form.to_bytes(found)) and not name.startswith("fits:lossy") else "not exact"
    part_s, moved = _part(form, content, obj, wanted.python_type)
    return Measured(name, len(content), min(writing), min(reading), part_s, moved, remark)


def _public_type(kind: type) -> str:
    module = kind.__module__.partition(".")[0]
    known = {"CCDData": "astropy.nddata:CCDData", "Table": "astropy.table:Table", "QTable": "astropy.table:QTable"}
    return known.get(kind.__name__, f"{module}:{kind.__name__}")


def _part(form: Format, content: bytes, obj: Any, python_type: str) -> tuple[float | None, int | None]:
    """Cut a hundredth out of the middle of an image, or a column out of a table."""
    parameters = _middle(obj)
    if not parameters or not isinstance(form, ReadsFiles):
        return None, None
    store = _Counted(content)
    begin = effects.monotonic()
    file = RangedFile(cast("ArtifactStore", store), "", len(content))
    form.read_file(cast("BinaryIO", file), ReadRequest(python_type, None, parameters))
    return effects.monotonic() - begin, store.moved


def _middle(obj: Any) -> dict[str, Any]:
    if names := getattr(obj, "colnames", None):
        return {"columns": names[:1]}
    shape = getattr(obj, "shape", ())
    if len(shape) < 2 or min(shape[-2:]) < 10:
        return {}
    height, width = (int(size) for size in shape[-2:])
    x, y = width * 9 // 20, height * 9 // 20
    return {"bbox": (x, y, x + max(1, width // 10), y + max(1, height // 10))}
