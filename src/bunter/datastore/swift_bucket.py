"""Containers of OpenStack Swift by its own protocol."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
import weakref
from collections import deque
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, BinaryIO, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from bunter import effects
from bunter.datastore.instance_role import is_set
from bunter.datastore.key import no_artifact
from bunter.datastore.keystone import keystone_settings, log_in
from bunter.datastore.patience import PASSING, Attempts, may_pass
from bunter.datastore.store import Stat
from bunter.datastore.together import each_in_threads
from bunter.errors import ConfigurationError, StoreDeniedError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.datastore.bucket import Upload
    from bunter.datastore.store_address import StoreAddress
    from bunter.values import ByteRange

__all__ = ["SwiftBucket"]

_WORKERS = 8
_LISTED = 10_000
_LARGEST = 5 * 2**30
_TIMEOUT_S = 120.0

_Answer: TypeAlias = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class SwiftBucket:
    """Objects of a container below one address ``swift://container/prefix``.

    The account is that of the environment, as for Swift's own client: ``OS_STORAGE_URL`` and ``OS_AUTH_TOKEN``; ``ST_AUTH``, ``ST_USER`` and
    ``ST_KEY``; or that of Keystone, see `bunter.datastore.keystone`.

    Parameters
    ----------
    address : StoreAddress
        The container and a prefix in it.
    """

    def __init__(self, address: StoreAddress) -> None:
        self.address, self._place = str(address), address
        self._limit_s = address.profile.retry_s
        self._idle: deque[HTTPConnection] = deque()
        weakref.finalize(self, _close_all, self._idle)
        self._lock = threading.Lock()
        self._account = ""
        self._token = ""
        self._prefix = f"{address.prefix}/" if address.prefix else ""

    def __repr__(self) -> str:
        return f"SwiftBucket({self.address!r})"

    def __reduce__(self) -> tuple[type[SwiftBucket], tuple[StoreAddress]]:
        return SwiftBucket, (self._place,)

    @property
    def endpoint(self) -> str:
        """Address of the account, or where it is asked for."""
        known = self._account or os.environ.get("OS_STORAGE_URL") or os.environ.get("ST_AUTH")
        return known or keystone_settings().get("auth_url", "")

    # ------------------------------------------------------------------ reading

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the object or ranges of it."""
        if ranges is None:
            return [self._get(key, {})]
        if not ranges:
            self._get(key, {"Range": "bytes=0-0"})
        return [self._get(key, {"Range": f"bytes={p.begin}-{p.begin + p.size - 1}"}) if p.size else b"" for p in ranges]

    def _get(self, key: str, headers: Mapping[str, str]) -> bytes:
        effects.request("store_get", f"{self.address}/{key}", changes=False)
        status, _, body = self._ask("GET", self._path(key), headers)
        if status == 404:
            raise no_artifact(f"{self.address}/{key}")
        return b"" if status == 416 else body

    def read_many(self, keys: Sequence[str]) -> list[bytes]:
        """Return whole objects, several at a time."""
        return each_in_threads(keys, lambda key: self._get(key, {}), _WORKERS)

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each object."""
        return each_in_threads(keys, self._stat, _WORKERS)

    def _stat(self, key: str) -> Stat | None:
        effects.request("store_head", f"{self.address}/{key}", changes=False)
        status, headers, _ = self._ask("HEAD", self._path(key), {})
        if status == 404:
            return None
        return Stat(int(headers["content-length"]), int(float(headers["x-timestamp"]) * 1e9))

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every object, ten thousand in each request."""
        marker = ""
        while True:
            effects.request("store_list", f"{self.address}/{prefix}", changes=False)
            asked = {"format": "json", "prefix": self._prefix + prefix, "marker": marker, "limit": _LISTED}
            status, _, body = self._ask("GET", f"/{quote(self._place.place)}?{urlencode(asked)}", {})
            if status == 404:
                raise self._no_container()
            found = json.loads(body) if status == 200 else []
            if not found:
                return
            for item in found:
                when = datetime.fromisoformat(item["last_modified"]).replace(tzinfo=UTC)
                yield item["name"].removeprefix(self._prefix), Stat(item["bytes"], int(when.timestamp() * 1e9))
            marker = found[-1]["name"]

    def sign(self, key: str, seconds: float, method: str = "GET") -> str:
        """Return an address that opens one object for a while; the account needs a key for temporary addresses."""
        _, headers, _ = self._ask("HEAD", "", {})
        secret = headers.get("x-account-meta-temp-url-key")
        if not secret:
            raise ConfigurationError(
                f"the account of {self.address} has no key for temporary addresses; `swift post -m 'Temp-URL-Key: ...'` sets one"
            )
        account = urlsplit(self._account)
        path, ends = f"{account.path}{self._path(key)}", int(effects.now_ns() / 1e9 + seconds)
        signature = hmac.new(secret.encode(), f"{method}\n{ends}\n{path}".encode(), hashlib.sha256).hexdigest()
        return f"{account.scheme}://{account.netloc}{path}?temp_url_sig={signature}&temp_url_expires={ends}"

    # ------------------------------------------------------------------ writing

    def write_many(self, uploads: Sequence[Upload]) -> None:
        """Send objects, several at a time; the service refuses those whose digest differs on arrival."""
        if large := [item.key for item in uploads if item.size > _LARGEST]:
            raise ConfigurationError(f"{large[0]} is larger than 5 GB, which Swift's S3 face takes: use s3:// for it")
        each_in_threads(uploads, self._put, _WORKERS)

    def _put(self, item: Upload) -> None:
        where = f"{self.address}/{item.key}"
        effects.request("store_put", where, changes=True)
        if isinstance(item.content, bytes):
            digest = hashlib.md5(item.content, usedforsecurity=False).hexdigest()
            status, _, _ = self._ask("PUT", self._path(item.key), {"ETag": digest}, item.content)
        else:
            with item.content.open("rb") as file:
                headers = {"Content-Length": str(item.size)}
                status, _, _ = self._ask("PUT", self._path(item.key), headers, file)
        if status == 404:
            raise self._no_container()
        if status != 201:
            raise StoreUnavailableError(
                f"{where}: the service answers {status}; `bunter doctor {self.address}` looks for the cause"
            )

    def _no_container(self) -> StoreUnavailableError:
        return StoreUnavailableError(f"there is no container {self._place.place!r}; make it, or correct {self.address}")

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove objects, several at a time."""
        found = zip(keys, each_in_threads(keys, self._delete, _WORKERS), strict=True)
        return {key: error for key, error in found if error is not None}

    def _delete(self, key: str) -> OSError | None:
        effects.request("store_delete", f"{self.address}/{key}", changes=True)
        try:
            self._ask("DELETE", self._path(key), {})
        except StoreDeniedError as exc:
            return exc
        return None

    def rename(self, key: str, target: str) -> None:
        """Copy within the service, then remove."""
        effects.request("store_rename", f"{self.address}/{target}", changes=True)
        self._ask("COPY", self._path(key), {"Destination": self._path(target)})
        self._delete(key)

    # ------------------------------------------------------------------ requests

    def _path(self, key: str) -> str:
        return f"/{quote(self._place.place)}/{quote(self._prefix + key)}"

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | BinaryIO | None = None) -> _Answer:
        """Send one request, again after failures that pass, and once more with a new token; return status, headers, body."""
        attempts, renewed = Attempts(self._limit_s), False
        while True:
            answer = self._attempt(method, path, headers, body)
            told = answer if isinstance(answer, Exception) else answer[0]
            if told == 401 and not renewed:
                renewed, self._token = True, ""
            elif told in {401, 403}:
                raise StoreDeniedError(
                    f"{self.address}: the service refuses ({told}); `bunter doctor {self.address}` says which rights are missing"
                )
            elif not isinstance(answer, Exception) and answer[0] < 500 and answer[0] not in PASSING:
                return answer
            elif not (may_pass(told) and attempts.has_time(told)):
                raise StoreUnavailableError(
                    f"{self.address}: {self._said(answer)}; `bunter doctor {self.address}` looks for the cause"
                )
            else:
                attempts.pause()
            if body is not None and not isinstance(body, bytes):
                body.seek(0)

    def _said(self, answer: _Answer | Exception) -> str:
        if isinstance(answer, Exception):
            asked = self.endpoint or "its address"
            return f"nothing answers at {asked} ({answer}), so that is wrong, or the service or the network is down"
        status, _, content = answer
        return f"the service answers {status} {content[:300].decode(errors='replace')}".rstrip()

    def _attempt(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | BinaryIO | None
    ) -> _Answer | Exception:
        """Send it once; what the network does counts as an answer too."""
        try:
            if not self._token:
                self._log_in()
            return self._send(method, path, headers, body)
        except StoreDeniedError:
            raise
        except (OSError, HTTPException) as exc:
            return exc

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | BinaryIO | None) -> _Answer:
        account = urlsplit(self._account)
        try:
            connection = self._idle.popleft()
        except IndexError:
            connection = _connection(self._account)
        try:
            connection.request(method, account.path + path, body=body, headers={"X-Auth-Token": self._token, **headers})
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def _log_in(self) -> None:
        with self._lock:
            if self._token:
                return
            if is_set("OS_STORAGE_URL", "OS_AUTH_TOKEN"):
                self._account, self._token = os.environ["OS_STORAGE_URL"], os.environ["OS_AUTH_TOKEN"]
                return
            wanted = ("ST_AUTH", "ST_USER", "ST_KEY")
            missing = [name for name in wanted if not is_set(name)]
            if missing and (settings := keystone_settings()):
                session = log_in(settings)
                self._account, self._token = session.account, session.token
                return
            if missing:
                raise StoreDeniedError(
                    f"no credentials for {self.address}: it needs OS_AUTH_URL with OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME "
                    f"(Keystone), OS_CLOUD, {', '.join(missing)}, or OS_STORAGE_URL with OS_AUTH_TOKEN in the environment"
                )
            self._exchange(*(os.environ[name] for name in wanted))

    def _exchange(self, url: str, user: str, key: str) -> None:
        """Get a token for user and key."""
        with closing(_connection(url)) as connection:
            connection.request("GET", urlsplit(url).path, headers={"X-Auth-User": user, "X-Auth-Key": key})
            answer = connection.getresponse()
            answer.read()
            if answer.status in {401, 403}:
                raise StoreDeniedError(f"{url} refuses the user {user!r}; see ST_USER and ST_KEY")
            self._account = answer.getheader("X-Storage-Url") or ""
            self._token = answer.getheader("X-Auth-Token") or ""
        if not self._token:
            raise ConnectionError(f"{url} gives no token (status {answer.status})")


def _close_all(connections: deque[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.netloc, timeout=_TIMEOUT_S)
