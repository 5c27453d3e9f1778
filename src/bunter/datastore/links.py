"""Files that get names in a store as they are, without being staged one by one: written down before, so that it can be undone.

A file that exists is complete before it has its second name, and the name is never used twice. So all that has to be
known after a crash is which names were about to be made, and of which file each was to be one: that stands in a file
``.links-...`` of the owner's staging area, made before the first name and removed after the commit.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.datastore.key import check_key, is_exact
from bunter.datastore.notes import Notes
from bunter.datastore.store import MAIN, Staged, Transfer
from bunter.errors import KeyTakenError
from bunter.open_folder import OpenFolder
from bunter.values.rows import instances

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.datastore.look import Look

__all__ = ["LINKS", "Link", "link_staged", "linked_later", "make_links", "take_links_back", "unlink_all"]

_MOST_LINKS = 30_000  # file systems allow a file 65,000 names, or more
_FEW = 16
"""Fewer files are staged one by one, where a link that cannot be made is found out before anything is published."""

_SYMBOLIC = frozenset({Transfer.SYMLINK, Transfer.RELSYMLINK})
_HARD = frozenset({Transfer.HARDLINK, Transfer.LINK, Transfer.AUTO})
_SURE = frozenset({Transfer.HARDLINK, *_SYMBOLIC})


@dataclass(frozen=True, slots=True)
class Link:
    """A name that was to be made in a store.

    Parameters
    ----------
    key : str
        The name.
    origin : str
        The file that gets it; or, for a symbolic link, its text.
    inode : int
        Of that file; 0 for a symbolic link.
    """

    key: str
    origin: str
    inode: int

    def is_made(self, prefix: str) -> bool:
        """Whether the name leads to that file, and so is ours to take back; ``prefix`` stands before keys in paths."""
        path = prefix + self.key
        try:
            if self.inode:
                return os.lstat(path).st_ino == self.inode
            return os.readlink(path) == self.origin
        except OSError as exc:
            if exc.errno in {errno.ENOENT, errno.ENOTDIR, errno.EINVAL}:
                return False
            raise


LINKS = Notes("links", Link, "origin", lambda items: items)
"""The links that a publication is about to make."""


def linked_later(
    keys: Sequence[str],
    paths: Sequence[str],
    looks: Sequence[Look],
    transfer: Transfer,
    *,
    owner: str,
    prefix: str,
    device: int,
) -> list[Staged] | None:
    """Return artifacts whose names are made when they are published; None where each file has to be staged.

    Parameters
    ----------
    keys, paths : sequence of str
        Key and absolute path of each file.
    looks : sequence of Look
        What was just seen of each.
    transfer : Transfer
        How they come in.
    owner : str
        Owner of the artifacts.
    prefix : str
        What stands before a key in its path.
    device : int
        Number of the file system of the store.
    """
    if len(keys) < _FEW or len(looks) != len(keys) or any(map(is_exact, keys)):
        return None
    if transfer in _HARD:
        if not _can_link(looks, device, sure=transfer in _SURE):
            return None
        origins, inodes = paths, [look.st_ino for look in looks]
    elif transfer in _SYMBOLIC:
        is_relative = transfer is Transfer.RELSYMLINK
        origins = (
            [_relative(path, prefix + key) for path, key in zip(paths, keys, strict=True)] if is_relative else paths
        )
        inodes = [0] * len(keys)
    else:
        return None
    same: dict[str, Any] = {
        "owner": owner,
        "owned": True,
        "source": "",
        "datastore": MAIN,
        "copies": (),
        "digests": None,
    }
    return instances(
        Staged,
        len(keys),
        key=map(check_key, keys),
        size=[look.st_size for look in looks],
        synced=repeat(transfer in _SYMBOLIC),
        origin=origins,
        inode=inodes,
        **{name: repeat(value) for name, value in same.items()},
    )


def _can_link(looks: Sequence[Look], device: int, *, sure: bool) -> bool:
    """Whether hard links will be had: on one file system, and, where there is another way, of files of our own."""
    if {look.st_dev for look in looks} != {device} or max(look.st_nlink for look in looks) > _MOST_LINKS:
        return False
    return sure or {look.st_uid for look in looks} == {os.geteuid()}


def _relative(path: str, final: str) -> str:
    return os.path.relpath(path, os.path.dirname(final))


def make_links(directory: str, items: Sequence[Staged]) -> Iterator[Staged]:
    """Make the names of artifacts in one directory, which is given by its path and exists; yield each that is there now.

    Raises
    ------
    KeyTakenError
        If a name is taken.
    """
    with OpenFolder(directory) as folder:
        for item in items:
            make = folder.link if item.inode else folder.symlink
            try:
                make(item.origin, item.key.rpartition("/")[2])
            except FileExistsError as exc:
                raise KeyTakenError(
                    f"artifact key {item.key!r} is taken in {directory}; publish under a new nonce"
                ) from exc
            yield item


def link_staged(prefix: str, area: str, directory: str, items: Sequence[Staged]) -> Iterator[Staged]:
    """Give staged files of one directory their names; yield each that is there now.

    Parameters
    ----------
    prefix, area : str
        What stands before a key in the path of its artifact, and in that of the staged file.
    directory : str
        Where the names are made; it exists.
    items : sequence of Staged
        The artifacts.

    Raises
    ------
    KeyTakenError
        If a name is taken.
    """
    below = f"{directory}/".removeprefix(prefix)
    with OpenFolder(area + below) as staging, OpenFolder(directory) as folder:
        for item in items:
            try:
                folder.link_from(staging, item.key.rpartition("/")[2])
            except FileExistsError as exc:
                raise KeyTakenError(
                    f"artifact key {item.key!r} is taken in {prefix[:-1]}; publish under a new nonce"
                ) from exc
            yield item


def take_links_back(prefix: str, links: Sequence[Link | Staged]) -> None:
    """Remove names that lead to the files that they were to lead to."""
    for each in links:
        if Link(each.key, each.origin, each.inode).is_made(prefix):
            effects.unlink(prefix + each.key, missing_ok=True)


def unlink_all(directory: str, paths: Iterable[str]) -> dict[str, OSError]:
    """Remove files of one directory; return why some could not be. What is not there is no error."""
    failures: dict[str, OSError] = {}
    try:
        folder = OpenFolder(directory)
    except (FileNotFoundError, NotADirectoryError):
        return failures
    except OSError as exc:
        return dict.fromkeys(paths, exc)
    with folder:
        for path in paths:
            try:
                folder.unlink(path.rpartition("/")[2])
            except OSError as exc:
                failures[path] = exc
    return failures
