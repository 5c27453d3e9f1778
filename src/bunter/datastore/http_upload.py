"""Large files to WebDAV and other HTTP servers, in one request each: obstore sends these in parts, which such servers do not know."""

from __future__ import annotations

import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import quote

from bunter.datastore.bucket import PiecewiseUpload
from bunter.datastore.credentials import netrc_header
from bunter.datastore.patience import PASSING, PATIENCE_S, Attempts, may_pass
from bunter.errors import StoreDeniedError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.datastore.bucket import Upload
    from bunter.datastore.store_address import StoreAddress

__all__ = ["HttpUploads"]

_TIMEOUT_S = 300.0
_PIECE = 1 << 20
_NO_FOLDER = {404, 409}
_TAKEN = range(200, 300)


class HttpUploads:
    """What sends files of any size to a server, as they are read or made.

    Parameters
    ----------
    address : StoreAddress
        Of the server and a folder there; user and password come from ``~/.netrc``.
    """

    def __init__(self, address: StoreAddress) -> None:
        self._place = address
        self._is_safe = address.scheme in {"https", "webdavs"}
        self._folders: set[str] = set()

    def put(self, item: Upload | PiecewiseUpload) -> None:
        """Send one file, and again after failures that pass.

        Raises
        ------
        StoreDeniedError
            If the server refuses it.
        StoreUnavailableError
            If it fails for longer than a minute, or takes no connection for some seconds.
        """
        path = f"/{self._place.prefix}/{item.key}" if self._place.prefix else f"/{item.key}"
        attempts = Attempts(PATIENCE_S)
        while True:
            self._make_folders(path)
            told = self._attempt(path, item)
            if told in _TAKEN:
                return
            if told in _NO_FOLDER:  # somebody has removed it since
                self._folders.clear()
            elif isinstance(told, int) and told not in PASSING:
                self._refuse(item.key, told)
            goes_on = told in _NO_FOLDER or may_pass(told)
            if not (goes_on and attempts.has_time(told)):
                raise StoreUnavailableError(
                    f"{self._place}/{item.key}: {_said(told)}; `bunter doctor {self._place}` looks for the cause"
                )
            attempts.pause()

    def _attempt(self, path: str, item: Upload | PiecewiseUpload) -> int | Exception:
        try:
            return self._ask("PUT", path, item)
        except ssl.SSLCertVerificationError as exc:
            raise StoreDeniedError(f"{self._place} shows a certificate that is not trusted: {exc}") from exc
        except (OSError, HTTPException) as exc:
            return exc

    def _refuse(self, key: str, status: int) -> None:
        raise StoreDeniedError(
            f"{self._place}/{key}: the server refuses it ({status}); `bunter doctor {self._place}` says which rights are missing"
        )

    def _make_folders(self, path: str) -> None:
        """Make the folders above a file; what is not to be had shows when the file is sent."""
        parts = path.strip("/").split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/" + "/".join(parts[:depth])
            if folder not in self._folders:
                try:
                    self._ask("MKCOL", folder)
                except (OSError, HTTPException):
                    return
                self._folders.add(folder)

    def _ask(self, method: str, path: str, item: Upload | PiecewiseUpload | None = None) -> int:
        headers = {"Authorization": header} if (header := netrc_header(self._place.place)) else {}
        kind = HTTPSConnection if self._is_safe else HTTPConnection
        with closing(kind(self._place.place, timeout=_TIMEOUT_S)) as connection:
            if item is None:
                connection.request(method, quote(path), headers=headers)
            else:
                headers |= {"Content-Length": str(item.size), "Content-Type": "application/octet-stream"}
                connection.request(method, quote(path), body=_pieces(item), headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status


def _pieces(item: Upload | PiecewiseUpload) -> Iterator[bytes | memoryview]:
    if isinstance(item, PiecewiseUpload):
        yield from item.content
    elif isinstance(item.content, bytes):
        whole = memoryview(item.content)
        yield from (whole[begin : begin + _PIECE] for begin in range(0, len(whole), _PIECE))
    else:
        with item.content.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


def _said(told: int | Exception) -> str:
    return f"the server answers {told}" if isinstance(told, int) else str(told)
