"""Files sent to a storage service while they are digested: each is read once, and nothing waits for anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.bucket import PiecewiseUpload, Upload
from bunter.values import Digesting, Pieces, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.datastore.bucket import Streams
    from bunter.values import Digests

__all__ = ["send_files"]

_SMALL = 8 << 20
"""Files up to this size are sent whole; of larger ones a few pieces at a time are in memory."""


def send_files(bucket: Streams, files: Sequence[tuple[str, str, int]]) -> list[tuple[int, Digests]]:
    """Send files and return the size and digests of what was sent of each.

    Parameters
    ----------
    bucket : Streams
        Where they go.
    files : sequence of (str, str, int)
        Key, path and size of each. Who calls looks afterwards whether a file changed meanwhile.
    """
    found: dict[int, tuple[int, Digests]] = {}
    small = [place for place, (_, _, size) in enumerate(files) if size <= _SMALL]
    large = [place for place, (_, _, size) in enumerate(files) if size > _SMALL]

    def whole(number: int) -> Upload:
        key, path, _ = files[small[number]]
        content = effects.read_bytes(path)
        found[small[number]] = len(content), digest(content)
        return Upload(key, content, len(content))

    def in_pieces(number: int) -> PiecewiseUpload:
        key, path, size = files[large[number]]

        def pieces() -> Iterator[bytes | memoryview]:
            digesting = Digesting()
            yield from digesting.tee(effects.read_chunks(path))
            found[large[number]] = digesting.size, digesting.digests()

        return PiecewiseUpload(key, Pieces(pieces), size)

    bucket.write_each(len(small), whole, is_large=False)
    bucket.write_each(len(large), in_pieces, is_large=True)
    return [found[place] for place in range(len(files))]
