"""The one module through which Bunter touches files and the clock.

A hook sees every call before it happens, so that tests can fail, slow or reorder each of them; see `bunter.effect_watch`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat as stat_module
import time
from typing import TYPE_CHECKING, BinaryIO, Self

from bunter.effect_watch import watch as _watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import FileIO
    from pathlib import Path
    from types import TracebackType

    from bunter.effect_watch import Hook

    AnyPath = str | Path
    NamesIn = Callable[[str], list[str]]

CHUNK = 1 << 20
_GROUP_WRITES = 0o060
_SHARED_FOLDER = 0o2775  # setgid: what is made inside belongs to the same group

step = _watch.step  # for `bunter.open_folder`, whose effects are told like those here


def set_hook(hook: Hook | None) -> None:
    """Call ``hook(operation, path)`` before every effect; None takes the hook away."""
    _watch.hook = hook


def steps() -> int:
    """Count the steps taken by this process so far."""
    return _watch.steps


def checkpoint(name: str) -> None:
    """Mark a step that has no effect of its own here, such as the commit of a database."""
    _watch.step("checkpoint", name)


def request(operation: str, address: str, *, changes: bool) -> None:
    """Mark a request to a storage service just before it is sent; one that changes something is a step."""
    if changes:
        _watch.step(operation, address)
    else:
        _watch.look(operation, address)


_shared: tuple[str, ...] = ()  # folders whose files the group may write


def share(folder: AnyPath) -> None:
    """Let the group write all that this process makes below a folder from now on, whatever its umask."""
    global _shared  # noqa: PLW0603 - what is shared is a fact about the file system, the same for all who ask
    prefix = f"{folder}/"
    if prefix not in _shared:
        _shared = (*_shared, prefix)


def open_to_group(path: AnyPath, descriptor: int) -> None:
    """Let the group write an open file of ours that lies in a shared folder."""
    if _shared and str(path).startswith(_shared):
        found = os.fstat(descriptor)
        wanted = stat_module.S_IMODE(found.st_mode) | _GROUP_WRITES
        if found.st_uid == os.geteuid() and wanted != stat_module.S_IMODE(found.st_mode):
            os.fchmod(descriptor, wanted)


def chmod(path: AnyPath, mode: int) -> None:
    """Set the permissions of a file or directory."""
    _watch.step("chmod", path)
    os.chmod(path, mode)


def read_bytes(path: AnyPath) -> bytes:
    """Read a whole file."""
    if (content := read_small(path)) is not None:
        return content
    with open(path, "rb") as file:  # str paths are the common case and must stay fast
        return file.read()


def read_small(path: AnyPath) -> bytes | None:
    """Read a file of less than `CHUNK` bytes by one call, without the layers of a Python file; None if it is empty or larger."""
    _watch.look("read", path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if not 0 < size < CHUNK:
            return None
        content = os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)
    return content if len(content) == size else None


def read_range(path: AnyPath, begin: int, size: int) -> bytes:
    """Read ``size`` bytes from offset ``begin``; fewer at the end of the file."""
    _watch.look("read", path)
    with open(path, "rb", buffering=0) as file:
        return os.pread(file.fileno(), size, begin)


def open_to_read(path: AnyPath) -> FileIO:
    """Open a file for reading without a buffer; close it."""
    _watch.look("read", path)
    return open(path, "rb", buffering=0)  # closed by who asks


def nameless_file() -> BinaryIO:
    """Open an empty file without a name in the folder for temporary ones, to write and to read; it goes when it is closed."""
    import tempfile

    _watch.look("nameless_file", tempfile.gettempdir())
    return tempfile.TemporaryFile(prefix="bunter-")


def read_chunks(path: AnyPath, size: int = CHUNK) -> Iterator[bytes]:
    """Read a file piece by piece."""
    _watch.look("read", path)
    with open(path, "rb", buffering=0) as file:
        # Memory is taken for what is asked for, however little there is.
        most = min(size, os.fstat(file.fileno()).st_size + 1)
        while chunk := file.read(most):
            yield chunk


def write_new(path: AnyPath, data: bytes | Iterable[bytes | memoryview], *, sync: bool) -> int:
    """Create a file; never overwrite one.

    Parameters
    ----------
    path : str or Path
        The file; its directory must exist.
    data : bytes or Iterable[bytes]
        Content, whole or in pieces.
    sync : bool
        Whether the content is on stable storage when this returns.

    Returns
    -------
    int
        Number of bytes written.

    Raises
    ------
    FileExistsError
        If there is a file already; it stays as it was.
    OSError
        If writing fails; then the new file is removed again.
    """
    _watch.step("write_new", path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        open_to_group(path, descriptor)
        size = _write_all(descriptor, [data] if isinstance(data, bytes) else data, path)
        if sync:
            _watch.step("sync_file", path)
            os.fsync(descriptor)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)
    return size


def _write_all(descriptor: int, pieces: Iterable[bytes | memoryview], path: AnyPath) -> int:
    size = 0
    for piece in pieces:
        view = memoryview(piece).cast("B")
        size += len(view)
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except OSError as exc:  # which does not say what file it is about
                raise OSError(exc.errno, exc.strerror, str(path)) from exc
    return size


def copy_new(source: AnyPath, target: AnyPath, *, sync: bool) -> None:
    """Copy a file's content to a new file, by the fastest way the kernel has; never overwrite.

    Raises
    ------
    FileExistsError
        If ``target`` exists; it stays as it was.
    """
    _watch.step("copy_new", target)
    try:
        with open(source, "rb") as reader, open(target, "xb") as writer:
            open_to_group(target, writer.fileno())
            if not _copy_in_kernel(reader.fileno(), writer.fileno()):
                shutil.copyfileobj(reader, writer, CHUNK)
                writer.flush()
            if sync:
                _watch.step("sync_file", target)
                os.fsync(writer.fileno())
    except FileExistsError:
        raise
    except BaseException:
        unlink(target, missing_ok=True)
        raise


def _copy_in_kernel(reader: int, writer: int) -> bool:
    """Copy with copy_file_range; False where the kernel or the file systems cannot and nothing was copied."""
    if not hasattr(os, "copy_file_range"):
        return False
    copied = 0
    try:
        while size := os.copy_file_range(reader, writer, 1 << 30):
            copied += size
    except OSError:
        if copied:
            raise
        return False
    return copied > 0


def link(source: AnyPath, target: AnyPath) -> None:
    """Give a file a second name; FileExistsError if the name is taken."""
    _watch.step("link", target)
    os.link(source, target)


def symlink(source: AnyPath, target: AnyPath) -> None:
    """Make ``target`` a symbolic link with the text ``source``; FileExistsError if the name is taken."""
    _watch.step("symlink", target)
    os.symlink(source, target)


def unlink(path: AnyPath, *, missing_ok: bool = False) -> None:
    """Remove a file's name."""
    _watch.step("unlink", path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        if not missing_ok:
            raise


def rmdir(path: AnyPath) -> bool:
    """Remove a directory if it is empty; say whether it is gone."""
    _watch.step("rmdir", path)
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def touch(path: AnyPath) -> None:
    """Say that a file was used now, by its time of change."""
    _watch.step("touch", path)
    os.utime(path)


def rename(source: AnyPath, target: AnyPath) -> None:
    """Move a name, replacing what the target named."""
    _watch.step("rename", target)
    os.replace(source, target)


def mkdirs(path: AnyPath) -> None:
    """Make a directory and its parents; it is no error if they exist."""
    if os.path.isdir(path):  # the common case costs one stat and is no step
        return
    _watch.step("mkdirs", path)
    if _shared and f"{path}/".startswith(_shared):
        _make_shared(str(path))
    else:
        os.makedirs(path, exist_ok=True)


def _make_shared(path: str) -> None:
    """Make a directory and its parents, each open to the group that owns the shared folder."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        _make_shared(parent)
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    os.chmod(path, _SHARED_FOLDER)


def sync_dir(path: AnyPath) -> None:
    """Put a directory's names on stable storage."""
    _watch.step("sync_dir", path)
    _sync(path, os.O_DIRECTORY)


def sync_file(path: AnyPath) -> None:
    """Put a file's content on stable storage."""
    _watch.step("sync_file", path)
    _sync(path, 0)


def _sync(path: AnyPath, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Held:
    """An open file; close it or use it as a context."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: AnyPath, descriptor: int) -> None:
        self.path, self._descriptor = str(path), descriptor

    def fileno(self) -> int:
        """File descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Close the file; twice is no error."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AppendFile(_Held):
    """A file that only grows. Each append is one write call at its end."""

    __slots__ = ()

    def __init__(self, path: AnyPath) -> None:
        _watch.step("open_append", path)
        super().__init__(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666))
        open_to_group(path, self._descriptor)

    def append(self, data: bytes) -> None:
        """Write at the end of the file."""
        _watch.step("append", self.path)
        _write_all(self._descriptor, [data], self.path)

    def clear(self) -> None:
        """Make the file empty; the next append is its beginning."""
        _watch.step("clear", self.path)
        os.ftruncate(self._descriptor, 0)

    def sync(self) -> None:
        """Put what was appended on stable storage."""
        _watch.step("sync_file", self.path)
        os.fsync(self._descriptor)

    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self._descriptor).st_size


def open_append(path: AnyPath) -> AppendFile:
    """Open a file for appending, making it if needed."""
    return AppendFile(path)


def stat(path: AnyPath) -> os.stat_result | None:
    """Size and times of a file, following links; None where there is none."""
    _watch.look("stat", path)
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def free_bytes(path: AnyPath) -> int | None:
    """Space that the file system of a directory has for this user; None where that cannot be told."""
    _watch.look("statvfs", path)
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def listdir(path: AnyPath) -> list[str]:
    """Names in a directory, sorted; none where there is no directory."""
    _watch.look("listdir", path)
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        return []


def walk(path: AnyPath, *, names_in: NamesIn = os.listdir) -> Iterator[tuple[str, os.stat_result]]:
    """Every file (no directories) below a directory as (path below it with ``/``, lstat), sorted within a directory."""
    _watch.look("walk", path)
    yield from _walk(str(path), "", names_in)


def _walk(directory: str, prefix: str, names_in: NamesIn) -> Iterator[tuple[str, os.stat_result]]:
    try:
        names = sorted(names_in(directory))  # names alone: a folder may have a million
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        try:
            found = os.lstat(path := f"{directory}/{name}")
        except FileNotFoundError:
            continue
        if stat_module.S_ISDIR(found.st_mode):
            yield from _walk(path, f"{prefix}{name}/", names_in)
        else:
            yield prefix + name, found


class Lease(_Held):
    """A held lock on a file; freed by `close`, by leaving the context, or by the kernel when its process dies."""

    __slots__ = ()


def flock(path: AnyPath, *, exclusive: bool = True, blocking: bool = True, create: bool = True) -> Lease | None:
    """Take the lock of a file, alone or together with others that share it; None if it is held and ``blocking`` is false.

    With ``create`` the lock file is made if there is none.
    """
    _watch.look("flock", path)
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o666)
    try:
        open_to_group(path, descriptor)
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if blocking else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return Lease(str(path), descriptor)


def now_ns() -> int:
    """Nanoseconds since 1970-01-01T00:00:00 UTC by the system's clock."""
    _watch.look("now", "")
    return time.time_ns()


def monotonic() -> float:
    """Seconds on a clock that never goes back."""
    _watch.look("monotonic", "")
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Do nothing for a while."""
    _watch.look("sleep", str(seconds))
    time.sleep(seconds)
