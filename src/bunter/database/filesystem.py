"""Which file system a file lies on, as far as those who need its promises must know."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

__all__ = ["file_system", "network_file_system"]

_NETWORK = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "sshfs", "virtiofs", "vboxsf", "wekafs",
})  # fmt: skip
_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.lxcfs", "fuse.ntfs", "fuse.ntfs-3g", "fuse.exfat", "fuseblk"})


def network_file_system(path: str | Path) -> str | None:
    """Name the file system of a path, see `file_system`, if it is one of a network, where write-ahead mode is unsafe; else None.

    Write-ahead mode needs memory that all processes share, and processes on other machines share none.
    """
    kind = file_system(path)
    return kind if kind is not None and _is_network(kind) else None


def file_system(path: str | Path) -> str | None:
    """Name the type of the file system that a path is on, such as ``ext4``; None where that is not known.

    Parameters
    ----------
    path : str or Path
        A file or folder; it need not be there yet.

    Notes
    -----
    Linux tells in ``/proc/self/mounts``; ``BUNTER_MOUNTS`` may name another file of that form. Elsewhere nothing is known.
    """
    table = os.environ.get("BUNTER_MOUNTS", "/proc/self/mounts")
    place = os.path.realpath(path)
    for folder, kind in _mounts(table):
        if place == folder or place.startswith(folder.rstrip("/") + "/"):
            return kind
    return None


def _is_network(kind: str) -> bool:
    return kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)


@lru_cache(maxsize=8)
def _mounts(table: str) -> tuple[tuple[str, str], ...]:
    """Return mount points with the type of their file system, the deepest first, of equal ones the one mounted last."""
    try:
        lines = Path(table).read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    found = [(_unescaped(parts[1]), parts[2]) for parts in map(str.split, reversed(lines)) if len(parts) > 2]
    return tuple(sorted(found, key=lambda each: -len(each[0])))


def _unescaped(text: str) -> str:
    """Undo the escapes of blanks in the table of mounts."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
