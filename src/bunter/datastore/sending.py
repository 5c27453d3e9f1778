"""Contents sent to a storage service while they are digested: each is read once, and nothing waits for anything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bunter.datastore.bucket import PiecewiseUpload, Upload
from bunter.values import Digesting, Pieces, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bunter.datastore.bucket import Streams
    from bunter.datastore.store import Staged
    from bunter.values import Digests

__all__ = ["Sending", "SendsContents", "send_each"]

_SMALL = 8 << 20
"""Contents up to this size are sent whole; of larger ones a few pieces at a time are in memory."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A content that is to be sent, and how it is had when its turn has come.

    Parameters
    ----------
    key : str
        Its name there.
    size : int
        Bytes, as they are known before; who calls looks afterwards whether it was so.
    whole : callable
        Gives all of it, in any thread.
    pieces : callable
        Gives it in pieces, from the first, each time it is called.
    """

    key: str
    size: int
    whole: Callable[[], bytes]
    pieces: Callable[[], Iterator[bytes | memoryview]]


@runtime_checkable
class SendsContents(Protocol):
    """A store that is sent contents as they are read, none of which waits in memory or on a disk for the others."""

    def stage_contents(self, owner: str, contents: Sequence[Sending]) -> list[Staged] | None:
        """Stage contents, all or none; None where it has no better way than one by one."""


def send_each(bucket: Streams, contents: Sequence[Sending]) -> list[tuple[int, Digests]]:
    """Send contents and return the size and digests of what was sent of each.

    Parameters
    ----------
    bucket : Streams
        Where they go.
    contents : sequence of Sending
        What goes there.
    """
    found: dict[int, tuple[int, Digests]] = {}
    small = [place for place, item in enumerate(contents) if item.size <= _SMALL]
    large = [place for place, item in enumerate(contents) if item.size > _SMALL]

    def whole(number: int) -> Upload:
        item = contents[small[number]]
        content = item.whole()
        found[small[number]] = len(content), digest(content)
        return Upload(item.key, content, len(content))

    def in_pieces(number: int) -> PiecewiseUpload:
        item = contents[large[number]]

        def pieces() -> Iterator[bytes | memoryview]:
            digesting = Digesting()
            yield from digesting.tee(item.pieces())
            found[large[number]] = digesting.size, digesting.digests()

        return PiecewiseUpload(item.key, Pieces(pieces), item.size)

    bucket.write_each(len(small), whole, is_large=False)
    bucket.write_each(len(large), in_pieces, is_large=True)
    return [found[place] for place in range(len(contents))]
