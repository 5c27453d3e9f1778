"""Artifacts of other stores brought into a datastore: in parallel, compared with what is recorded of them, or none at all."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec.structs import replace

from bunter.datastore.bringing import bring_files
from bunter.datastore.file_paths import names_of, paths_of
from bunter.datastore.forward import chunks_of
from bunter.datastore.key import no_artifact
from bunter.datastore.recorded import staying
from bunter.datastore.recorded_content import (
    differs,
    read_recorded,
    recorded_digests,
    refuse_other,
    wrong_size,
    xxh3_of_file,
)
from bunter.datastore.sending import Sending, SendsContents
from bunter.datastore.store import MAIN, LocalPaths, Staged, Transfer, has_paths
from bunter.datastore.together import in_lanes
from bunter.errors import FileIntegrityError, IngestError
from bunter.values import Durability, Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.chain import Route
    from bunter.datastore.datastore import Datastore
    from bunter.datastore.store import ArtifactStore, PublishingStore, Stat
    from bunter.values import Digests

__all__ = [
    "Cargo",
    "CopiesWithin",
    "Progress",
    "Tally",
    "carry",
    "carry_into",
    "checked_pieces",
]

_WORKERS = 8
_TOGETHER = 500
"""Files that are brought at once; then it is told how far it has come."""

_SMALL = 1 << 20
_BIG = 4 << 20
_WHOLE = 8 << 20

_STAYING = frozenset({Transfer.DIRECT, Transfer.IN_PLACE})
_COPIES = frozenset({Transfer.AUTO, Transfer.COPY})
_ONE_BY_ONE = frozenset({*_STAYING, Transfer.MOVE})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer has come.

    Parameters
    ----------
    artifacts : int
        Artifacts that are done.
    done : int
        Their bytes.
    """

    artifacts: int
    done: int


@dataclass(frozen=True, slots=True)
class Cargo:
    """An artifact that is to be brought.

    Parameters
    ----------
    store : ArtifactStore
        Where it is.
    stored : StoredArtifact
        What is recorded of it there.
    key : str
        Its key in the datastore that it comes to.
    route : Route, optional
        Which stores of that datastore take it; ``main`` if none is given.
    """

    store: ArtifactStore
    stored: StoredArtifact
    key: str
    route: Route | None = None


@runtime_checkable
class CopiesWithin(Protocol):
    """A store that copies from stores of its own kind without the bytes passing through this process."""

    def stage_copy(
        self, owner: str, key: str, source: ArtifactStore, source_key: str, *, size: int, digests: Digests | None
    ) -> Staged | None:
        """Stage a copy of another store's artifact; None where it cannot be had without moving its bytes here.

        Nobody here sees the bytes: ``digests`` are those recorded at the source, and whoever reads the copy compares them.
        """


class Tally:
    """Counts what is done, in any thread, and tells it.

    Parameters
    ----------
    told : callable, optional
        Is told after each artifact; one thread at a time.
    """

    def __init__(self, told: Callable[[Progress], None] | None) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._artifacts = self._done = 0

    def add(self, size: int) -> None:
        """Count an artifact of so many bytes."""
        if self._told is not None:
            with self._lock:
                self._artifacts, self._done = self._artifacts + 1, self._done + size
                self._told(Progress(self._artifacts, self._done))


def carry(
    target: Datastore,
    cargo: Sequence[Cargo],
    *,
    transfer: Transfer = Transfer.AUTO,
    verify: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> list[Staged]:
    """Stage artifacts of other stores in a datastore; after an error none is.

    Parameters
    ----------
    target : Datastore
        Where they go; the caller publishes them.
    cargo : sequence of Cargo
        What goes where.
    transfer : Transfer
        How files come in; what is not a file of this machine is copied.
    verify : bool
        Whether content that is only linked is read and compared, too. What is copied always is.
    progress : callable, optional
        Is told after each artifact; from several threads, one at a time.

    Returns
    -------
    list of Staged
        In the order given.

    Raises
    ------
    FileIntegrityError
        If the content of one is not what was recorded of it.
    KeyMissingError
        If one is not there.
    """
    tally = Tally(progress)
    local = _local(cargo)
    if transfer in _STAYING and not verify:
        return _staying(cargo, local, tally)
    if transfer in _COPIES and (sent := _sent(target, cargo, tally)) is not None:
        return sent
    if (together := _together(target, cargo, transfer, tally, verify=verify)) is not None:
        return together
    staged: list[Staged | None] = [None] * len(cargo)

    def bring(place: int) -> None:
        item = cargo[place]
        staged[place] = found = _bring(target, item, local.get(id(item.store)), transfer, verify=verify)
        tally.add(found.size)

    try:
        in_lanes(bring, len(cargo), _lanes(cargo, local))
    except BaseException:
        target.discard([item for item in staged if item is not None])
        raise
    return [item for item in staged if item is not None]


def carry_into(
    store: PublishingStore, cargo: Sequence[Cargo], *, transfer: str, durability: Durability = Durability.full
) -> None:
    """Bring artifacts to a store under their keys, at once and for good: nobody records them in the same step.

    Parameters
    ----------
    store : PublishingStore
        Where they go.
    cargo : sequence of Cargo
        What goes there.
    transfer : str
        How files come in; what is linked is read and compared.
    durability : Durability
        What survives a power cut when this returns.
    """
    if not cargo:
        return
    from bunter.datastore.datastore import Datastore

    target = Datastore(None, {MAIN: store})
    try:
        staged = carry(target, cargo, transfer=Transfer(transfer))
        try:
            target.publish(staged, durability)
        except BaseException:
            target.discard(staged)
            raise
        target.settle(staged)
    finally:
        target.close()


def _local(cargo: Sequence[Cargo]) -> dict[int, LocalPaths]:
    """Pick the stores whose artifacts are files of this machine, by their identity."""
    stores = {id(item.store): item.store for item in cargo}
    return {number: store for number, store in stores.items() if isinstance(store, LocalPaths)}


def _lanes(cargo: Sequence[Cargo], local: Mapping[int, LocalPaths]) -> int:
    """One for small files of this machine: threads would cost more than they give."""
    if not all(id(item.store) in local for item in cargo):
        return _WORKERS
    return 1 if sum(item.stored.size for item in cargo) <= _BIG * len(cargo) else _WORKERS


def _staying(cargo: Sequence[Cargo], local: Mapping[int, LocalPaths], tally: Tally) -> list[Staged]:
    """Stage files that stay where they are and are not read: all that is asked of each store is one question of sizes."""
    groups: dict[int, list[int]] = {}
    for place, item in enumerate(cargo):
        groups.setdefault(id(item.store), []).append(place)
    paths, sizes = [""] * len(cargo), [0] * len(cargo)
    for number, places in groups.items():
        keys = [cargo[place].stored.key for place in places]
        if (store := local.get(number)) is None:
            raise _no_file(keys[0])
        stats = cargo[places[0]].store.stat_many(keys)
        for place, name, found in zip(places, names_of(store, keys), stats, strict=True):
            paths[place], sizes[place] = name, _checked_size(cargo[place].stored, found)
            tally.add(sizes[place])
    return staying(paths, sizes, [recorded_digests(item.stored) for item in cargo])


def _no_file(key: str) -> IngestError:
    return IngestError(f"{key} is no file of this machine, so it cannot stay where it is; use copy")


def _sent(target: Datastore, cargo: Sequence[Cargo], tally: Tally) -> list[Staged] | None:
    """Stage artifacts in a service while they are read; None where it takes them one by one only, or something goes elsewhere."""
    main = target.stores[MAIN]
    if not isinstance(main, SendsContents) or not all(_goes_to_main(item) and _can_be_sent(item) for item in cargo):
        return None
    copied = [None if has_paths(item.store) else _copied_there(target, item) for item in cargo]
    rest = [item for item, there in zip(cargo, copied, strict=True) if there is None]
    try:
        found = main.stage_contents(target.owner, [_sending(item, tally) for item in rest])
        if found is None:
            target.discard([item for item in copied if item is not None])
            return None
        sent = iter(_checked(target, rest, found))
    except BaseException:
        target.discard([item for item in copied if item is not None])
        raise
    for there in copied:
        if there is not None:
            tally.add(there.size)
    return [there or next(sent) for there in copied]


def _together(
    target: Datastore, cargo: Sequence[Cargo], transfer: Transfer, tally: Tally, *, verify: bool
) -> list[Staged] | None:
    """Stage files of this machine many at a time; None where they are staged one by one."""
    is_big = sum(item.stored.size for item in cargo) > _BIG * len(cargo)
    if transfer in _ONE_BY_ONE or is_big or not all(map(_goes_to_main, cargo)):
        return None
    keys, stored = [item.key for item in cargo], [item.stored for item in cargo]
    paths = paths_of([item.store for item in cargo], [item.key for item in stored])
    if paths is None:
        return None
    staged: list[Staged] = []
    store = target.stores[MAIN]
    try:
        for lot in _lots(len(cargo)):
            files = keys[lot], paths[lot], stored[lot]
            brought = bring_files(store, lambda: target.owner, *files, transfer=transfer, verify=verify)
            if brought is None:
                target.discard(staged)
                return None
            staged += brought
            for item in brought:
                tally.add(item.size)
    except BaseException:
        target.discard(staged)
        raise
    return staged


def _lots(count: int) -> Iterator[slice]:
    """Divide so many things into lots of about the same number: few are brought one by one, also if they are the last."""
    size = -(-count // max(count // _TOGETHER, 1))
    return (slice(first, first + size) for first in range(0, count, max(size, 1)))


def _goes_to_main(cargo: Cargo) -> bool:
    route = cargo.route
    return route is None or (route.store == MAIN and not route.copies)


def _can_be_sent(cargo: Cargo) -> bool:
    """Whether it may be read while it is sent: obstore cannot stream from one service into another one."""
    return has_paths(cargo.store) or 0 <= cargo.stored.size <= _WHOLE


def _sending(cargo: Cargo, tally: Tally) -> Sending:
    store, stored = cargo.store, cargo.stored
    size = _size(store, stored) if stored.size < 0 else stored.size

    def whole() -> bytes:
        content = store.read(stored.key)[0]
        tally.add(len(content))
        return content

    def pieces() -> Iterator[bytes | memoryview]:
        yield from chunks_of(store, stored.key, size)
        tally.add(size)

    return Sending(cargo.key, size, whole, pieces)


def _checked(target: Datastore, cargo: Sequence[Cargo], staged: list[Staged]) -> list[Staged]:
    """Compare what was sent with what was recorded; nothing is staged where something differs."""
    try:
        refuse_other(staged, [item.stored for item in cargo])
    except FileIntegrityError:
        target.discard(staged)
        raise
    return staged


def _bring(
    target: Datastore,
    cargo: Cargo,
    local: LocalPaths | None,
    transfer: Transfer,
    *,
    verify: bool,
) -> Staged:
    stored, store = cargo.stored, cargo.store
    path = None if local is None else local.path(stored.key)
    if transfer in _STAYING:
        if path is None:
            raise _no_file(stored.key)
        size = _size(store, stored)
        known = _compared(store, stored) if verify else recorded_digests(stored)
        return Staged(str(path), size, known, "", owned=False)
    if path is not None:
        return _from_file(target, cargo, str(path), transfer, verify=verify)
    if transfer not in {Transfer.AUTO, Transfer.COPY}:
        raise IngestError(f"{stored.key} is no file of this machine, so {transfer} cannot reach it; use copy")
    if (copied := _copied_there(target, cargo)) is not None:
        return _known(copied, stored, lambda: target.discard([copied]))
    if stored.size > _WHOLE:
        pieces = Pieces(lambda: checked_pieces(store, stored))
        return target.stage(cargo.key, pieces, route=cargo.route)
    content = store.read(stored.key)[0]
    if len(content) != stored.size >= 0:
        raise wrong_size(stored, len(content))
    staged = target.stage(cargo.key, content, route=cargo.route)  # which digests it: once is enough
    return _known(staged, stored, lambda: target.discard([staged]))


def _copied_there(target: Datastore, cargo: Cargo) -> Staged | None:
    main = target.stores[MAIN]
    if not _goes_to_main(cargo) or not isinstance(main, CopiesWithin):
        return None
    stored, store = cargo.stored, cargo.store
    size = _size(store, stored) if stored.size < 0 else stored.size
    return main.stage_copy(target.owner, cargo.key, store, stored.key, size=size, digests=recorded_digests(stored))


def _from_file(target: Datastore, cargo: Cargo, path: str, transfer: Transfer, *, verify: bool) -> Staged:
    stored = cargo.stored
    if transfer is Transfer.COPY and 0 <= stored.size <= _SMALL:
        content = read_recorded(path, stored)
        staged = target.stage(cargo.key, content, route=cargo.route)
        return _known(staged, stored, lambda: target.discard([staged]))
    _size(cargo.store, stored)
    staged = target.stage(cargo.key, path, transfer=transfer, route=cargo.route)
    try:
        if staged.digests is None and verify:
            staged = replace(staged, digests=_compared(cargo.store, stored))
        elif staged.digests is None:
            staged = replace(staged, digests=recorded_digests(stored))
    except BaseException:
        target.discard([staged])
        raise
    return _known(staged, stored, lambda: target.discard([staged]))


def _known(staged: Staged, stored: StoredArtifact, undo: Callable[[], None]) -> Staged:
    """Compare what came with what was recorded."""
    try:
        refuse_other([staged], [stored])
    except BaseException:
        undo()
        raise
    return staged


def _size(store: ArtifactStore, stored: StoredArtifact) -> int:
    return _checked_size(stored, store.stat_many([stored.key])[0])


def _checked_size(stored: StoredArtifact, found: Stat | None) -> int:
    if found is None:
        raise no_artifact(stored.key)
    if found.size != stored.size >= 0:
        raise wrong_size(stored, found.size)
    return found.size


def _compared(store: ArtifactStore, stored: StoredArtifact) -> Digests | None:
    """Read an artifact that stays as it is; return its digests, None where none are recorded to compare with."""
    if (known := recorded_digests(stored)) is None:
        return None
    assert isinstance(store, LocalPaths)
    if xxh3_of_file(store.path(stored.key)) != known.xxh3:
        raise differs(stored)
    return known


def checked_pieces(store: ArtifactStore, stored: StoredArtifact) -> Iterator[bytes | memoryview]:
    """Yield the content of an artifact in pieces; FileIntegrityError at its end if it is not what was recorded."""
    import xxhash

    found = xxhash.xxh3_128()
    is_here = has_paths(store)
    if is_here:
        _size(store, stored)
    for piece in chunks_of(store, stored.key, stored.size):
        found.update(piece)
        yield piece
    if stored.xxh3 is not None and found.digest() != stored.xxh3:
        raise differs(stored)
