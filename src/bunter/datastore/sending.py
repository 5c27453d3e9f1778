"""Files sent to a storage service while they are digested: each is read once if it is small, and nothing waits for anything else."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.bucket import Upload
from bunter.values import Digesting, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.datastore.bucket import Streams
    from bunter.values import Digests

__all__ = ["send_files"]

_SMALL = 8 << 20
"""Files up to this size are read once; larger ones are digested in a thread beside their sending."""

_DIGESTING = 2


def send_files(bucket: Streams, files: Sequence[tuple[str, str, int]]) -> list[tuple[int, Digests]]:
    """Send files and return the size and digests of each.

    Parameters
    ----------
    bucket : Streams
        Where they go.
    files : sequence of (str, str, int)
        Key, path and size of each. Who calls looks afterwards whether a file changed meanwhile.
    """
    found: list[tuple[int, Digests] | None] = [None] * len(files)
    small = [place for place, (_, _, size) in enumerate(files) if size <= _SMALL]
    large = [place for place, (_, _, size) in enumerate(files) if size > _SMALL]

    def read() -> Iterator[Upload]:
        for place in small:
            key, path, _ = files[place]
            content = effects.read_bytes(path)
            found[place] = len(content), digest(content)
            yield Upload(key, content, len(content))

    bucket.write_each(read(), is_large=False)
    if large:
        with ThreadPoolExecutor(_DIGESTING) as pool:
            waiting: dict[int, Future[tuple[int, Digests]]] = {}

            def begin() -> Iterator[Upload]:
                for place in large:
                    key, path, size = files[place]
                    waiting[place] = pool.submit(_digested, path)
                    yield Upload(key, Path(path), size)

            bucket.write_each(begin(), is_large=True)
            for place, future in waiting.items():
                found[place] = future.result()
    return [item for item in found if item is not None]


def _digested(path: str) -> tuple[int, Digests]:
    digesting = Digesting()
    for chunk in effects.read_chunks(path):
        digesting.add(chunk)
    return digesting.size, digesting.digests()
