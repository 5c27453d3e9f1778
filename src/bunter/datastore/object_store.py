"""Artifacts as objects of a storage service: an intent is written down first, then the object, whole, under its final key."""

from __future__ import annotations

import json
import threading
from dataclasses import astuple, dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.bucket import Copies, CopiesAcross, CopyOf, Signs, Streams, Upload
from bunter.datastore.forward import in_ranges
from bunter.datastore.intents import Intent, MemoryJournal
from bunter.datastore.key import check_key
from bunter.datastore.moves import Move
from bunter.datastore.recorded import staged_alike
from bunter.datastore.sending import Sending, send_each
from bunter.datastore.spool import Spool
from bunter.datastore.store import Staged, Transfer
from bunter.errors import ConfigurationError, IngestError, KeyTakenError, StoreDeniedError, StoreUnavailableError
from bunter.values import Digesting, Pieces, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from bunter.database import Transaction
    from bunter.datastore.bucket import Bucket
    from bunter.datastore.intents import IntentJournal
    from bunter.datastore.store import ArtifactStore, Stat
    from bunter.values import ByteRange, Digests, Durability

__all__ = ["ObjectStore"]

_SMALL = 8 << 20
"""Files up to this size are read once; larger ones are digested first and read again as they are sent."""

_BATCH = 1000
_WITHOUT_LINKS = {Transfer.AUTO, Transfer.COPY, Transfer.MOVE}


@dataclass(slots=True)
class _Waiting:
    """Content of a staged artifact, and the file it must still be when it is sent."""

    content: bytes | Path | CopyOf | None  # None: the file that `source` names
    source: Move | None = None
    announced: bool = False

    def held(self) -> bytes | Path | CopyOf:
        """Return the content, or where it is."""
        if self.content is not None:
            return self.content
        assert self.source is not None, "one of the two is given"
        return Path(self.source.source)


class ObjectStore:
    """Artifacts as objects. Staged content waits here; what is published is announced in the journal until its commit.

    Keys are used once, so an object is written without looking whether there is one: not all services can promise that only
    one writer wins, and the registry decides that anyway.

    Parameters
    ----------
    bucket : Bucket
        The service.
    journal : IntentJournal
        Where intents are kept.
    """

    def __init__(self, bucket: Bucket, journal: IntentJournal) -> None:
        self.bucket, self.journal = bucket, journal
        self._streams = bucket if isinstance(bucket, Streams) else None
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self._sent: dict[
            str, set[str]
        ] = {}  # of each owner, what is announced and sent and not settled; of a million files
        self._confirmed: set[tuple[str, str, int]] = set()
        self._owners: set[str] = set()
        self._spool = Spool()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[ObjectStore], tuple[Bucket, IntentJournal]]:
        # Who gets it has no connection to the database: what it leaves when it dies is found by `check` as orphans.
        return ObjectStore, (self.bucket, MemoryJournal())

    def __repr__(self) -> str:
        return f"ObjectStore({self.bucket.address!r})"

    @property
    def address(self) -> str:
        """Where the objects are, such as ``s3://bucket/prefix``."""
        return self.bucket.address

    # ------------------------------------------------------------------ reading

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the object or ranges of it; see `ArtifactStore.read`."""
        return self.bucket.read(check_key(key), ranges)

    def chunks(self, key: str) -> Iterator[bytes | memoryview]:
        """Return an object in pieces that come from one request where the service can."""
        return in_ranges(self, key) if self._streams is None else self._streams.chunks(check_key(key))

    def read_many(self, keys: Sequence[str]) -> list[bytes]:
        """Return whole objects, several at a time, in the order asked for; raise KeyMissingError if one is not there."""
        return self.bucket.read_many([check_key(key) for key in keys])

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each object."""
        return self.bucket.stat_many([check_key(key) for key in keys])

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every object but those of dotted names."""
        return (pair for pair in self.bucket.walk(prefix) if pair[0][0] != "." and "/." not in pair[0])

    def sign(self, key: str, seconds: float, method: str = "GET") -> str:
        """Return an address that opens one object for a while; ConfigurationError where the service has none."""
        if not isinstance(self.bucket, Signs):
            raise ConfigurationError(f"{self.address} gives out no signed addresses; read through Bunter instead")
        return self.bucket.sign(check_key(key), seconds, method)

    # ------------------------------------------------------------------ owners

    def own(self) -> str:
        """Begin an owner."""
        owner = self.journal.own()
        self._owners.add(owner)
        return owner

    def disown(self, owner: str) -> None:
        """End an owner."""
        self._owners.discard(owner)
        self._sent.pop(owner, None)
        self.journal.disown(owner)
        if not self._waiting:
            self._spool.close()

    # ------------------------------------------------------------------ publishing

    def stage(
        self,
        owner: str,
        key: str,
        source: bytes | Pieces | str | Path,
        *,
        transfer: Transfer = Transfer.COPY,
        sync: bool = True,
    ) -> Staged:
        """Digest the content and keep it for `publish`; a large file is only remembered, and must not change until then."""
        place = owner, check_key(key)
        self._refuse_staged([place])
        waiting, size, digests = self._take(source, key, transfer)
        with self._lock:
            self._waiting[place] = waiting
        origin = str(Path(source).absolute()) if transfer is Transfer.MOVE and isinstance(source, str | Path) else ""
        return Staged(key, size, digests, owner, synced=sync, source=origin)

    def stage_files(self, owner: str, files: Sequence[tuple[str, str]], transfer: Transfer) -> list[Staged] | None:
        """Announce the files in one transaction of the journal, and send them while they are digested; `publish` finds them sent.

        Nobody can read what is not registered, and what is discarded, or was left by a process that died, is removed like
        all that was announced.
        """
        if transfer not in _WITHOUT_LINKS or self._streams is None:
            return None
        moves = transfer is Transfer.MOVE
        items = [Staged(check_key(key), 0, None, owner, source=path if moves else "") for key, path in files]
        seen = [Move.of(Staged(key, 0, None, "", source=path)) for key, path in files]
        read, pieces = effects.read_bytes, effects.read_chunks
        contents = [
            Sending(key, move.size, partial(read, path), partial(pieces, path))
            for (key, path), move in zip(files, seen, strict=True)
        ]
        found = self._stage_sent(self._streams, items, contents, seen)
        return [
            Staged(item.key, size, digests, item.owner, synced=True, source=item.source)
            for item, (size, digests) in zip(items, found, strict=True)
        ]

    def stage_contents(self, owner: str, contents: Sequence[Sending]) -> list[Staged] | None:
        """Announce contents and send them while they are read and digested; see `stage_files`."""
        if self._streams is None:
            return None
        keys = [check_key(each.key) for each in contents]
        items = staged_alike(keys, repeat(0), repeat(None), owner=owner)
        found = self._stage_sent(self._streams, items, contents, [None] * len(items))
        sizes, digests = [size for size, _ in found], [digests for _, digests in found]
        return staged_alike(keys, sizes, digests, owner=owner, synced=True)

    def _stage_sent(
        self, bucket: Streams, items: Sequence[Staged], contents: Sequence[Sending], seen: Sequence[Move | None]
    ) -> list[tuple[int, Digests]]:
        places = [(item.owner, item.key) for item in items]
        with self._lock:
            self._refuse_staged(places)
            self._waiting |= {place: _Waiting(None, move) for place, move in zip(places, seen, strict=True)}
        try:
            return self._send_contents(bucket, items, contents, seen)
        except BaseException:
            self.discard(items)
            raise

    def _send_contents(
        self, bucket: Streams, items: Sequence[Staged], contents: Sequence[Sending], seen: Sequence[Move | None]
    ) -> list[tuple[int, Digests]]:
        self.journal.announce([Intent(item.key, item.owner, _move(item)) for item in items])
        for item in items:
            self._waiting[item.owner, item.key].announced = True
        sent: list[tuple[int, Digests]] = []
        for first in range(0, len(items), _BATCH):
            some = slice(first, first + _BATCH)
            sent += send_each(bucket, contents[some])
            for move in filter(None, seen[some]):
                _refuse_changed(move)
            self.journal.renew(items[0].owner)
        with self._lock:
            for item in items:
                self._sent.setdefault(item.owner, set()).add(item.key)
                del self._waiting[item.owner, item.key]
        return sent

    def _is_sent(self, owner: str, key: str) -> bool:
        return key in self._sent.get(owner, ())

    def _refuse_staged(self, places: Sequence[tuple[str, str]]) -> None:
        for place in places:
            if place in self._waiting or self._is_sent(*place):
                raise KeyTakenError(f"artifact key {place[1]!r} is already being staged; draw a new nonce")

    def stage_copy(
        self, owner: str, key: str, source: ArtifactStore, source_key: str, *, size: int, digests: Digests | None
    ) -> Staged | None:
        """Remember what the service is to copy; see `bunter.datastore.carriage.CopiesWithin`."""
        there = source.bucket if isinstance(source, ObjectStore) else None
        if there is None or not isinstance(self.bucket, CopiesAcross) or not self.bucket.reaches(there, size):
            return None
        place = owner, check_key(key)
        self._refuse_staged([place])
        with self._lock:
            self._waiting[place] = _Waiting(CopyOf(there, check_key(source_key)))
        return Staged(key, size, digests, owner, synced=True)

    def _take(self, source: bytes | Pieces | str | Path, key: str, transfer: Transfer) -> tuple[_Waiting, int, Digests]:
        digesting = Digesting()
        if isinstance(source, bytes):
            return _Waiting(self._spool.keep(source)), len(source), digest(source)
        if isinstance(source, Pieces):
            content = self._spool.keep_pieces(digesting.tee(source))
            return _Waiting(content), digesting.size, digesting.digests()
        if transfer not in _WITHOUT_LINKS:
            raise IngestError(
                f"a {transfer} cannot reach from {source} to {self.address}; use copy, move or direct",
                rejected=[(str(source), f"cannot be brought by {transfer}")],
            )
        seen = Move.of(Staged(key, 0, None, "", source=str(source)))
        if 0 <= seen.size <= _SMALL and self._spool.has_room(seen.size):
            read = effects.read_bytes(source)
            return _Waiting(self._spool.keep(read)), len(read), digest(read)
        for chunk in effects.read_chunks(source):
            digesting.add(chunk)
        return _Waiting(Path(source), seen), digesting.size, digesting.digests()

    def read_staged(self, item: Staged) -> bytes:
        """Return the content."""
        if not item.owner:
            return effects.read_bytes(item.key)
        if self._is_sent(item.owner, item.key):
            return self.bucket.read(item.key)[0]
        content = self._waiting[item.owner, item.key].held()
        if isinstance(content, CopyOf):
            return content.bucket.read(content.key)[0]
        return content if isinstance(content, bytes) else effects.read_bytes(content)

    def publish(self, staged: Sequence[Staged], durability: Durability) -> None:  # noqa: ARG002 - a service is always durable
        """Announce all in one transaction of the journal, then send them, several at a time."""
        ours = [item for item in staged if item.owner and not self._is_sent(item.owner, item.key)]
        if not ours:
            return
        self.journal.announce([Intent(item.key, item.owner, _move(item)) for item in ours])
        for item in ours:
            self._waiting[item.owner, item.key].announced = True
        try:
            for first in range(0, len(ours), _BATCH):
                self._send(ours[first : first + _BATCH])
        except BaseException:
            self._take_back(ours)
            raise

    def _send(self, staged: Sequence[Staged]) -> None:
        waiting = [self._waiting[item.owner, item.key] for item in staged]
        uploads, copies = [], []
        for item, each in zip(staged, waiting, strict=True):
            content = each.held()
            if isinstance(content, CopyOf):
                copies.append((content, item.key))
            else:
                uploads.append(Upload(item.key, content, item.size))
        self.bucket.write_many(uploads)
        if copies and isinstance(self.bucket, CopiesAcross):
            self.bucket.copy_many(copies)
        for each in waiting:
            if each.source is not None:
                _refuse_changed(each.source)
        for owner in {item.owner for item in staged}:
            self.journal.renew(owner)

    def confirm(self, transaction: Transaction, staged: Sequence[Staged]) -> None:
        """Take the intents out in the transaction that registers the artifacts; see `IntentJournal.confirm`."""
        for owner, keys in _by_owner(staged).items():
            self.journal.confirm(transaction, owner, keys)
            self._confirmed.add(_mark(owner, keys))

    def settle(self, staged: Sequence[Staged]) -> None:
        """Remove sources of moves, forget what was staged and not confirmed."""
        ours = [item for item in staged if item.owner]
        for item in ours:
            if item.source:
                effects.unlink(item.source, missing_ok=True)
        confirmed = {owner for owner, keys in _by_owner(ours).items() if _mark(owner, keys) in self._confirmed}
        self._withdraw([item for item in ours if item.source or item.owner not in confirmed])
        self._forget(ours)

    def discard(self, staged: Sequence[Staged]) -> None:
        """Remove the objects that these announced; where the service fails, the intents stay for `recover`."""
        ours = [item for item in staged if item.owner]
        self._take_back(ours)
        self._forget(ours)

    def _take_back(self, staged: Sequence[Staged]) -> None:
        announced = [item for item in staged if self._is_announced(item)]
        if not announced:
            return
        try:
            left = self.bucket.delete_many([item.key for item in announced])
        except (StoreUnavailableError, StoreDeniedError):
            return
        gone = [item for item in announced if item.key not in left]
        self._withdraw(gone)
        for item in gone:
            self._sent.get(item.owner, set()).discard(item.key)
            if (waiting := self._waiting.get((item.owner, item.key))) is not None:
                waiting.announced = False

    def _is_announced(self, item: Staged) -> bool:
        waiting = self._waiting.get((item.owner, item.key))
        return self._is_sent(item.owner, item.key) if waiting is None else waiting.announced

    def _withdraw(self, staged: Sequence[Staged]) -> None:
        for owner, keys in _by_owner(staged).items():
            self.journal.withdraw(owner, keys)

    def _forget(self, staged: Sequence[Staged]) -> None:
        with self._lock:
            gone = [self._waiting.pop((item.owner, item.key), None) for item in staged]
            for owner, keys in _by_owner(staged).items():
                self._sent.get(owner, set()).difference_update(keys)
                self._confirmed.discard(_mark(owner, keys))
        for waiting in gone:
            if waiting is not None and waiting.source is None and isinstance(waiting.content, bytes | Path):
                self._spool.drop(waiting.content)

    def staged(self) -> Iterator[tuple[str, bool]]:
        """Keys that are not settled, and whether their owner lives."""
        with self._lock:
            found = {key: owner in self._owners for owner, key in self._waiting}
        found |= {intent.key: alive for intent, alive in self.journal.unsettled()}
        return iter(found.items())

    def recover(self, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Finish or undo what dead owners left: first they lose the right to confirm, then their objects go."""
        with self._lock:
            ended = [Staged(key, 0, None, owner) for owner, key in self._waiting if owner not in self._owners]
        unannounced = sum(not self._waiting[item.owner, item.key].announced for item in ended)
        self._forget(ended)
        dead = [intent for intent, alive in self.journal.unsettled() if not alive]
        if not dead:
            return unannounced
        me = self.journal.own()
        claimed = self.journal.claim(me, dead)
        self._finish(me, claimed, is_registered)
        self.journal.disown(me)
        return unannounced + len(claimed)

    def _finish(
        self, me: str, claimed: Sequence[Intent], is_registered: Callable[[Sequence[str]], Collection[str]]
    ) -> None:
        committed = is_registered([intent.key for intent in claimed])
        for intent in claimed:
            if intent.move and intent.key in committed:
                move = Move(*json.loads(intent.move))
                if move.is_unchanged():
                    effects.unlink(move.source, missing_ok=True)
        left = self.bucket.delete_many([intent.key for intent in claimed if intent.key not in committed])
        self.journal.withdraw(me, [intent.key for intent in claimed if intent.key not in left])

    # ------------------------------------------------------------------ removing

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove the objects, many in one request."""
        return self.bucket.delete_many([check_key(key) for key in keys])

    def set_aside(self, keys: Sequence[str]) -> None:
        """Rename objects to names below ``.orphans``, which are no keys."""
        for key in keys:
            if isinstance(self.bucket, Copies):
                self.bucket.rename(check_key(key), f".orphans/{key}")
            else:
                content = self.bucket.read(check_key(key))[0]
                self.bucket.write_many([Upload(f".orphans/{key}", content, len(content))])
                self.bucket.delete_many([key])


def _by_owner(staged: Sequence[Staged]) -> dict[str, list[str]]:
    """Return the keys of staged artifacts by their owners."""
    owners: dict[str, list[str]] = {}
    for item in staged:
        if item.owner:
            owners.setdefault(item.owner, []).append(item.key)
    return owners


def _mark(owner: str, keys: Sequence[str]) -> tuple[str, str, int]:
    """Return what tells artifacts that are confirmed together from others: those that are settled together were."""
    return owner, keys[0], len(keys)


def _refuse_changed(source: Move) -> None:
    if not source.is_unchanged():
        raise IngestError(
            f"{source.source} changed while it was read; nothing was registered, ingest it when it is complete",
            rejected=[(source.source, "changed while it was read")],
        )


def _move(item: Staged) -> str:
    return json.dumps(astuple(Move.of(item))) if item.source else ""
