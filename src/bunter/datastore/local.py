"""Artifacts as files below one directory."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.copies import Copies
from bunter.datastore.key import check_key, is_exact, no_artifact
from bunter.datastore.lease import LOCK_SUFFIX, OwnerLease, is_alive
from bunter.datastore.links import LINKS, link_staged, linked_later, make_links, take_links_back, unlink_all
from bunter.datastore.moves import MOVES
from bunter.datastore.recorded import staged_alike
from bunter.datastore.recovery import is_same_file, recover, staged_keys
from bunter.datastore.stable import can_sync_at_once, sync_files
from bunter.datastore.staging import bring
from bunter.datastore.store import Staged, Stat, Transfer
from bunter.errors import KeyTakenError, TemplateError
from bunter.open_folder import sync_file_system
from bunter.values import Durability, Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from bunter.datastore.look import Look
    from bunter.values import ByteRange

__all__ = ["STAGE", "LocalStore"]

STAGE = ".stage"
"""Directory of staging areas below the root; keys never begin with a dot."""

_REPOSITORY = "bunter.yaml"
_FEW = 8
"""Fewer names are removed one by one."""

_TRIES = 20
"""How often a folder is made that others remove as empty; one that has an artifact stays."""

_MISSING = (FileNotFoundError, NotADirectoryError)


class LocalStore:
    """Artifacts as files below one directory; the staging link of a new one is the intent until its commit is known.

    Parameters
    ----------
    root : str or Path
        The directory; made when the first artifact is staged.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(os.path.abspath(root))  # keeps symbolic links: the user's spelling of the root
        self._prefix = f"{self.root}/"
        self._stage_root = f"{self._prefix}{STAGE}"
        self._leases: dict[str, OwnerLease] = {}
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    def __reduce__(self) -> tuple[type[LocalStore], tuple[str]]:
        return LocalStore, (str(self.root),)

    # ------------------------------------------------------------------ reading

    def path(self, key: str) -> Path:
        """Return where the artifact is, whether it exists or not."""
        return Path(self._place(key))

    def names(self, keys: Sequence[str]) -> list[str]:
        """Return the texts of the paths of many artifacts; each directory is looked at once."""
        paths = [self._prefix + check_key(key) for key in keys]
        for directory in {path.rpartition("/")[0] for path in paths} - self._known:
            self._check_inside(directory)
        return paths

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the whole file or ranges of it; see `ArtifactStore.read`."""
        path = self._place(key)
        try:
            if ranges is None:
                return [effects.read_bytes(path)]
            return [effects.read_range(path, piece.begin, piece.size) for piece in ranges]
        except _MISSING as exc:
            raise no_artifact(f"{key!r} in {self.root}") from exc

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each file; nothing is asked of those whose directory is not there."""
        paths, known = self.names(keys), self._known
        return [_stat(path) if path.rpartition("/")[0] in known else None for path in paths]

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every file below the root but those of dotted names."""
        directory = prefix.rpartition("/")[0]
        begin = f"{directory}/" if directory else ""
        for name in [directory] if directory else _visible(effects.listdir(self.root)):
            yield from self._walk_below(name, begin, prefix)

    def _walk_below(self, name: str, begin: str, prefix: str) -> Iterator[tuple[str, Stat]]:
        place = f"{self._prefix}{name}"
        if not begin and not os.path.isdir(place):
            found = effects.stat(place)
            if found is not None and name.startswith(prefix):
                yield name, Stat(found.st_size, found.st_mtime_ns)
            return
        for below, found in effects.walk(place, names_in=_names_of_ours):
            key = f"{name}/{below}"
            if key.startswith(prefix):
                yield key, Stat(found.st_size, found.st_mtime_ns)

    # ------------------------------------------------------------------ owners

    def own(self) -> str:
        """Begin an owner: a locked file in the staging directory."""
        lease = OwnerLease(self._stage_root)
        self._leases[lease.owner] = lease
        return lease.owner

    def disown(self, owner: str) -> None:
        """End an owner; empty staging directories go with it."""
        lease = self._leases.pop(owner, None)
        if lease is not None:
            if lease.process == os.getpid():
                _remove_empty(f"{self._stage_root}/{owner}")
            lease.end()

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
        """Write or link the content at the same key below the owner's staging directory."""
        final = f"{self._prefix}{check_key(key)}"
        staging = self._staging(owner, key)
        for attempt in (False, True):  # the directory may just have been removed as empty: then once more
            self._enter(staging.rpartition("/")[0], again=attempt)
            try:
                return bring(source, staging, final, Staged(key, 0, None, owner), transfer=transfer, sync=sync)
            except FileExistsError as exc:
                raise KeyTakenError(_being_staged(key)) from exc
            except FileNotFoundError:
                if attempt or (not isinstance(source, bytes | Pieces) and not os.path.lexists(source)):
                    raise
        raise AssertionError

    def stage_files(self, owner: str, files: Sequence[tuple[str, str]], transfer: Transfer) -> list[Staged] | None:
        """Copy files to the owner's staging directory; see `StagesFiles`."""
        if transfer is not Transfer.COPY:
            return None
        keys = [check_key(key) for key, _ in files]
        area = self._staging(owner, "")
        copies = Copies(lambda directory, again: self._enter(directory, again=again))
        try:
            copies.copy([path for _, path in files], [area + key for key in keys])
        except FileExistsError as exc:
            raise KeyTakenError(_being_staged(exc.filename.removeprefix(area))) from exc
        return staged_alike(keys, copies.sizes, copies.digests, owner=owner)

    def link_files(
        self,
        owner: str,
        keys: Sequence[str],
        paths: Sequence[str],
        looks: Sequence[Look],
        transfer: Transfer,
    ) -> list[Staged] | None:
        """Say what will be linked when it is published; see `bunter.datastore.links`."""
        first = 1 if transfer in {Transfer.AUTO, Transfer.LINK} else 0
        device = os.stat(self._stage_root).st_dev
        found = linked_later(
            keys[first:], paths[first:], looks[first:], transfer, owner=owner, prefix=self._prefix, device=device
        )
        if found is None or not first:
            return found
        probe = self.stage(owner, keys[0], paths[0], transfer=transfer, sync=False)  # whether links can be had at all
        if probe.digests is None and not probe.synced:
            return [probe, *found]
        self.discard([probe])
        return None

    def read_staged(self, item: Staged) -> bytes:
        """Read the staged file, or the file that stays where it is or is linked when it is published."""
        if item.origin:
            folder = (self._prefix + item.key).rpartition("/")[0]  # it may not be there yet
            return effects.read_bytes(os.path.normpath(os.path.join(folder, item.origin)))
        return effects.read_bytes(self._staging(item.owner, item.key) if item.owner else item.key)

    def publish(self, staged: Sequence[Staged], durability: Durability, *, held: Collection[str] = frozenset()) -> None:
        """Link each file to its key, then put contents and directories on stable storage, once each or all at once.

        Contents after links, as journaling file systems then have both in one commit of their journal.

        Files whose keys are among ``held`` are made ready only, and linked by `link_exact`.
        """
        ours = [item for item in staged if item.owner]
        linked = [item for item in ours if item.origin]
        brought = [item for item in ours if not item.origin] if linked else ours
        sync = durability is not Durability.none
        MOVES.write(self._stage_root, brought, sync=sync)
        self._announce(linked, sync=sync)
        done: list[Staged] = []
        changed: set[str] = set()
        try:
            changed |= self._link_all([item for item in brought if item.key not in held], done)
            if linked:
                changed |= self._make_links(linked, done)
            if sync:
                self._sync(ours, changed)
        except BaseException:
            for item in reversed(done):
                effects.unlink(self._prefix + item.key, missing_ok=True)
            raise

    def _sync(self, staged: Sequence[Staged], changed: Collection[str]) -> None:
        """Put contents and directories on stable storage."""
        if can_sync_at_once(str(self.root), len(staged)):
            sync_file_system(str(self.root))
            return
        sync_files([item.origin or self._staging(item.owner, item.key) for item in staged if not item.synced])
        for directory in sorted(changed):
            effects.sync_dir(directory)

    def _announce(self, linked: Sequence[Staged], *, sync: bool) -> None:
        """Write down which names are about to be made of files that were not staged."""
        if linked:
            self._enter(f"{self._stage_root}/{linked[0].owner}", again=True)
            LINKS.write(self._stage_root, linked, sync=sync)

    def _link_all(self, brought: Sequence[Staged], done: list[Staged]) -> set[str]:
        """Give staged files their names, adding each to ``done``; return the directories that changed."""
        if len(brought) >= _FEW and len({item.owner for item in brought}) == 1:
            area = self._staging(brought[0].owner, "")
            return self._make_links(brought, done, partial(link_staged, self._prefix, area))
        changed: set[str] = set()
        for item in brought:
            changed |= self._link(item)
            done.append(item)
        return changed

    def _make_links(
        self,
        linked: Sequence[Staged],
        done: list[Staged],
        make: Callable[[str, Sequence[Staged]], Iterator[Staged]] = make_links,
    ) -> set[str]:
        """Give files their names, each directory held open, adding each to ``done``; return the directories that changed."""
        groups: dict[str, list[Staged]] = {}
        for item in linked:
            groups.setdefault((self._prefix + item.key).rpartition("/")[0], []).append(item)
        changed = set(groups)
        for directory, items in groups.items():
            before = len(done)
            changed |= self._enter(directory)
            for left in reversed(range(_TRIES)):
                try:
                    done.extend(make(directory, items[len(done) - before :]))
                    break
                except FileNotFoundError:  # the directory may just have been removed as empty: then once more
                    if not left or len(done) > before:
                        raise
                    changed |= self._enter(directory, again=True)
        return changed

    def link_exact(self, item: Staged) -> None:
        """Give a staged file a name that may have been used before; FileExistsError if another file has it now."""
        if self.has_linked(item):
            return
        for directory in sorted(self._link(item)):
            effects.sync_dir(directory)

    def has_linked(self, item: Staged) -> bool:
        """Whether the file under the key is the staged one."""
        return is_same_file(self._staging(item.owner, item.key), self._prefix + item.key)

    def is_staged_by_others(self, keys: Collection[str], owner: str) -> bool:
        """Whether somebody else who lives has staged one of the keys."""
        others = [
            each for each in effects.listdir(self._stage_root) if each != owner and not each.endswith(LOCK_SUFFIX)
        ]
        return any(
            is_alive(self._stage_root, each) and effects.stat(self._staging(each, key)) is not None
            for each in others
            for key in keys
        )

    def _link(self, item: Staged) -> set[str]:
        """Give a staged file its final name; return the directories that changed."""
        final = self._prefix + item.key
        directory = final.rpartition("/")[0]
        changed = self._enter(directory)
        staging = self._staging(item.owner, item.key)
        try:
            for _ in range(_TRIES):
                try:
                    effects.link(staging, final)
                    break
                except FileNotFoundError:
                    if effects.stat(staging) is None:
                        raise
                    changed |= self._enter(directory, again=True)
            else:
                effects.link(staging, final)
        except FileExistsError as exc:
            raise KeyTakenError(
                f"artifact key {item.key!r} is taken in {self.root}; publish under a new nonce"
            ) from exc
        changed.add(directory)
        return changed

    def settle(self, staged: Sequence[Staged]) -> None:
        """Remove sources of moves, then what tells that the files were staged."""
        ours = [item for item in staged if item.owner]
        for item in ours:
            if item.source:
                effects.unlink(item.source, missing_ok=True)
        self._forget(ours)

    def discard(self, staged: Sequence[Staged]) -> None:
        """Remove the final names that are links to the staged files, or to those to be linked, then the staged files."""
        ours = [item for item in staged if item.owner]
        for item in ours:
            staging, final = self._staging(item.owner, item.key), self._prefix + item.key
            if not item.origin and is_same_file(staging, final):
                effects.unlink(final, missing_ok=True)
        take_links_back(self._prefix, [item for item in ours if item.origin])
        self._forget(ours)

    def _forget(self, ours: Sequence[Staged]) -> None:
        if len(ours) == 1 and not (ours[0].source or ours[0].origin):
            effects.unlink(self._staging(ours[0].owner, ours[0].key), missing_ok=True)
            return
        MOVES.forget(self._stage_root, ours)
        LINKS.forget(self._stage_root, ours)
        brought = [self._staging(item.owner, item.key) for item in ours if not item.origin]
        if len(brought) < _FEW:
            for path in brought:
                effects.unlink(path, missing_ok=True)
            return
        for directory, paths in _by_directory(brought).items():
            for failure in unlink_all(directory, paths).values():
                raise failure

    def staged(self) -> Iterator[tuple[str, bool]]:
        """Keys that are not settled, and whether their owner lives; see `PublishingStore.staged`."""
        return staged_keys(self._stage_root)

    def recover(self, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Finish or undo what dead owners left; see `PublishingStore.recover`."""
        return recover(self._stage_root, self._prefix, is_registered)

    # ------------------------------------------------------------------ removing

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Unlink the files and then the directories that became empty."""
        groups = _by_directory(self._prefix + check_key(key) for key in keys)
        failures: dict[str, OSError] = {}
        for directory, inside in groups.items():
            if directory not in self._known:
                self._check_inside(directory)
            failed = unlink_all(directory, inside)
            failures |= {path.removeprefix(self._prefix): reason for path, reason in failed.items()}
        self._prune(groups)
        return failures

    def _prune(self, directories: Iterable[str]) -> None:
        """Remove empty directories, and their parents that become empty, below the root."""
        for directory in sorted(directories, key=len, reverse=True):
            place = directory
            while len(place) > len(self._prefix) and effects.rmdir(place):
                self._known.discard(place)
                place = place.rpartition("/")[0]

    # ------------------------------------------------------------------ places

    def _staging(self, owner: str, key: str) -> str:
        return f"{self._stage_root}/{owner}/{key}"

    def _place(self, key: str) -> str:
        """Path of a key; TemplateError if a symbolic link among its directories leads out of the root."""
        path = self._prefix + check_key(key)
        directory = path.rpartition("/")[0]
        if directory not in self._known:
            self._check_inside(directory)
        return path

    def _check_inside(self, directory: str) -> None:
        real, root = os.path.realpath(directory), os.path.realpath(self.root)
        if real != root and not real.startswith(f"{root}/"):
            raise TemplateError(
                f"{directory} is a symbolic link to {real}, outside the store {self.root}; it is not used"
            )
        if os.path.isdir(directory):
            self._known.add(directory)

    def _enter(self, directory: str, *, again: bool = False) -> set[str]:
        """Make a directory if needed; return the directories that got a new entry by it."""
        if directory in self._known and not again:
            return set()
        changed = set()
        place = directory
        while not os.path.isdir(place):
            place = place.rpartition("/")[0]
            changed.add(place)
        for left in reversed(range(_TRIES)):
            try:
                effects.mkdirs(directory)
                break
            except (FileNotFoundError, FileExistsError):  # it, or a parent, was removed as empty just now
                if not left:
                    raise
        self._check_inside(directory)
        return changed


def _names_of_ours(directory: str) -> list[str]:
    """List a folder in the store; one that is a repository of its own has nothing of the store's."""
    names = effects.listdir(directory)
    if _REPOSITORY in names and effects.read_range(f"{directory}/{_REPOSITORY}", 0, 7) == b"format:":
        return []
    return names


def _by_directory(paths: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(path.rpartition("/")[0], []).append(path)
    return groups


def _being_staged(key: str) -> str:
    if is_exact(key):
        return (
            f"{key} is being written by another call of this process; its template is exact, so give each dataset once"
        )
    return f"artifact key {key!r} is already being staged; draw a new nonce"


def _stat(path: str) -> Stat | None:
    found = effects.stat(path)
    return None if found is None else Stat(found.st_size, found.st_mtime_ns)


def _visible(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith(".")]


def _remove_empty(directory: str) -> None:
    """Remove a tree of directories as far as it holds no files."""
    for place, _, _ in os.walk(directory, topdown=False):
        effects.rmdir(place)
