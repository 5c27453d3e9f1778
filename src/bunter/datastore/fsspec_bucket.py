"""Buckets of any service that fsspec knows, such as SFTP: slower than obstore, and with everything else alike."""

from __future__ import annotations

import posixpath
import secrets
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.datastore.credentials import netrc_login
from bunter.datastore.key import no_artifact
from bunter.datastore.store import Stat
from bunter.datastore.together import each_in_threads
from bunter.errors import ButlerError, ConfigurationError, KeyMissingError, MissingExtraError, StoreDeniedError
from bunter.errors import StoreUnavailableError as Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.datastore.bucket import Upload
    from bunter.datastore.store_address import StoreAddress
    from bunter.values import ByteRange

__all__ = ["FsspecBucket"]

_WORKERS = 8
_SSH = {"sftp", "ssh"}
_ON_A_HOST = {*_SSH, "ftp", "smb"}
"""Services that refuse to remove a folder in which anything is; elsewhere it would be removed with all that is in it."""
_TRIES = 4


class FsspecBucket:
    """Files of a service that fsspec knows, each written under another name first and then renamed.

    Parameters
    ----------
    address : StoreAddress
        Its scheme is a protocol of fsspec. For services on a host, user and password or key come from the address (user only),
        from ``~/.netrc``, or from the agent and files of SSH.
    """

    def __init__(self, address: StoreAddress) -> None:
        self.address, self._place = str(address), address
        self._files = _open(address)
        on_host = address.scheme in _ON_A_HOST
        self._root = f"/{address.prefix}" if on_host else "/".join(p for p in (address.place, address.prefix) if p)
        self._folders: set[str] = set()
        # The clients of SFTP and the like wait for each other's answers when several threads use one.
        self._turn = threading.RLock() if on_host else nullcontext()

    def __repr__(self) -> str:
        return f"FsspecBucket({self.address!r})"

    def __reduce__(self) -> tuple[type[FsspecBucket], tuple[StoreAddress]]:
        return FsspecBucket, (self._place,)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the file or ranges of it."""
        with self._asking("store_get", key):
            if ranges is None:
                return [bytes(self._files.cat_file(self._path(key)))]
            if not ranges:
                return []
            with self._files.open(self._path(key), "rb") as file:
                return [self._range(file, piece) for piece in ranges]

    @staticmethod
    def _range(file: Any, piece: ByteRange) -> bytes:
        file.seek(piece.begin)
        return bytes(file.read(piece.size))

    def read_many(self, keys: Sequence[str]) -> list[bytes]:
        """Return whole files, several at a time."""
        return each_in_threads(keys, lambda key: self.read(key)[0], _WORKERS)

    def write_many(self, uploads: Sequence[Upload]) -> None:
        """Write files, several at a time; none is seen before it is whole."""
        for folder in sorted({posixpath.dirname(self._path(item.key)) for item in uploads} - self._folders):
            with self._asking("store_mkdir", folder, changes=True):
                self._make_folder(folder)
            self._folders.add(folder)
        each_in_threads(uploads, self._write, _WORKERS)

    def _make_folder(self, folder: str) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self._files.makedirs(folder, exist_ok=True)
            except Exception:  # another writer makes, or removes as empty, one of its parents just now
                if self._files.isdir(folder):
                    return
                if not left:
                    raise
            else:
                return

    def _write(self, item: Upload) -> None:
        final = self._path(item.key)
        with self._asking("store_put", item.key, changes=True):
            for _ in range(_TRIES - 1):
                try:
                    self._write_once(item, final)
                except FileNotFoundError:  # the folder may just have been removed as empty
                    self._make_folder(posixpath.dirname(final))
                else:
                    return
            self._write_once(item, final)

    def _write_once(self, item: Upload, final: str) -> None:
        partial = f"{posixpath.dirname(final)}/.partial-{secrets.token_hex(8)}"
        try:
            if isinstance(item.content, bytes):
                self._files.pipe_file(partial, item.content)
            else:
                self._files.put_file(str(item.content), partial)
            self._files.mv(partial, final)
        except BaseException:
            if self._files.exists(partial):
                self._files.rm_file(partial)
            raise

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each file."""
        return each_in_threads(keys, self._stat, _WORKERS)

    def _stat(self, key: str) -> Stat | None:
        try:
            with self._asking("store_head", key):
                return _stat(self._files.info(self._path(key)))
        except KeyMissingError:
            return None

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove files one by one, several at a time, and then folders that became empty."""
        found = list(zip(keys, each_in_threads(keys, self._delete, _WORKERS), strict=True))
        if self._place.scheme in _ON_A_HOST:
            self._prune({posixpath.dirname(key) for key in keys})
        return {key: error for key, error in found if error is not None}

    def _prune(self, folders: set[str]) -> None:
        for each in sorted(folders, key=len, reverse=True):
            folder = each
            while folder and self._is_removed(folder):
                folder = posixpath.dirname(folder)

    def _is_removed(self, folder: str) -> bool:
        try:
            with self._asking("store_rmdir", folder, changes=True):
                self._files.rmdir(self._path(folder))
        except ButlerError:  # most often as something is in it
            return False
        self._folders.discard(self._path(folder))
        return True

    def _delete(self, key: str) -> OSError | None:
        try:
            with self._asking("store_delete", key, changes=True):
                self._files.rm_file(self._path(key))
        except KeyMissingError:
            return None
        except StoreDeniedError as exc:
            return exc
        return None

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every file, folder by folder."""
        folder = self._path(prefix.rpartition("/")[0]).rstrip("/")
        with self._asking("store_list", prefix):
            try:
                self._files.invalidate_cache()
                found = self._files.find(folder, detail=True)
            except FileNotFoundError:
                return
        top = f"{self._root.strip('/')}/"
        for path, about in found.items():
            key = str(path).lstrip("/").removeprefix(top)
            if key.startswith(prefix) and not posixpath.basename(key).startswith(".partial-"):
                yield key, _stat(about)

    def rename(self, key: str, target: str) -> None:
        """Rename within the service."""
        with self._asking("store_rename", target, changes=True):
            self._make_folder(posixpath.dirname(self._path(target)))
            self._files.mv(self._path(key), self._path(target))

    @contextmanager
    def _asking(self, operation: str, key: str, *, changes: bool = False) -> Iterator[None]:
        where = f"{self.address}/{key}"
        effects.request(operation, where, changes=changes)
        try:
            with self._turn:
                yield
        except ButlerError:
            raise
        except FileNotFoundError as exc:
            raise no_artifact(where) from exc
        except PermissionError as exc:
            raise StoreDeniedError(
                f"{where}: the service refuses ({exc}); `bunter doctor {self.address}` says which rights are missing"
            ) from exc
        except Exception as exc:  # each of fsspec's services raises errors of its own library
            raise Unavailable(f"{where}: {exc}; `bunter doctor {self.address}` looks for the cause") from exc


def _stat(found: Any) -> Stat:
    when = next((found[name] for name in ("mtime", "modified", "LastModified", "created") if found.get(name)), None)
    seconds = float(when or 0.0) if when is None or isinstance(when, int | float) else float(when.timestamp())
    return Stat(int(found["size"] or 0), int(seconds * 1e9))


def _open(address: StoreAddress) -> Any:
    try:
        import fsspec
    except ImportError as exc:
        raise MissingExtraError(f"{address} needs fsspec: pip install 'bunter[sftp]'") from exc
    if address.scheme in _SSH:
        from bunter.datastore.sftp import open_sftp

        return open_sftp(address)
    options: dict[str, Any] = {}
    if address.scheme in _ON_A_HOST:
        host, _, port = address.place.partition(":")
        user, password = netrc_login(address.place) or ("", "")
        options = {"host": host, **({"port": int(port)} if port else {})}
        options |= {
            name: value for name, value in (("username", address.name or user), ("password", password)) if value
        }
    try:
        return fsspec.filesystem(address.scheme, skip_instance_cache=True, **options)
    except ImportError as exc:
        raise MissingExtraError(f"{address} needs a library for fsspec: {exc}") from exc
    except ValueError as exc:
        raise ConfigurationError(f"{address}: no service {address.scheme!r} is known: {exc}") from exc
    except Exception as exc:
        raise Unavailable(f"{address} cannot be reached: {exc}") from exc
