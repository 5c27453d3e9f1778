"""Graph files in storage services: read whole with one request or in ranges, written once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bunter.errors import GraphError, KeyMissingError

if TYPE_CHECKING:
    import os

    from bunter.datastore.bucket import Bucket

__all__ = ["fetched", "graph_bucket", "graph_place", "is_far", "sent"]


def is_far(path: str | os.PathLike[str]) -> bool:
    """Whether a graph file is in a storage service."""
    return isinstance(path, str) and "://" in path


def graph_place(text: str) -> Path | str:
    """Return the path of a graph file as a user writes it; the address of one in a storage service stays text."""
    return text if is_far(text) else Path(text)


def fetched(address: str) -> bytes:
    """Return a whole graph file.

    For a few quanta of it, `GraphFile.quantum` fetches less.

    Raises
    ------
    GraphError
        If there is none.
    """
    bucket, key = graph_bucket(address)
    try:
        return bucket.read(key)[0]
    except KeyMissingError as error:
        raise GraphError(f"there is no graph file {address!r}; `bunter qgraph -q {address}` makes one") from error


def sent(content: bytes, address: str) -> None:
    """Write a new graph file.

    Raises
    ------
    FileExistsError
        If the name is taken; it is left as it is.
    """
    from bunter.datastore.bucket import Upload

    bucket, key = graph_bucket(address)
    if bucket.stat_many([key])[0] is not None:
        raise FileExistsError(17, "a graph file is never overwritten", address)
    bucket.write_many([Upload(key, content, len(content))])


def graph_bucket(address: str) -> tuple[Bucket, str]:
    """Open the service that an address names, and return the key of the graph in it; GraphError if it names none."""
    from bunter.datastore.services import open_bucket

    folder, _, key = address.rpartition("/")
    if not key or folder.endswith(":/"):
        raise GraphError(f"{address!r} names no graph file; write it like s3://bucket/folder/plan.bqg")
    return open_bucket(folder), key
