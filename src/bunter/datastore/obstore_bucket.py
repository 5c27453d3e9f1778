"""Buckets of S3, Google, Azure, HTTP and WebDAV services; the one module that imports obstore."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.datastore.bucket import PiecewiseUpload
from bunter.datastore.bucket_region import region_of
from bunter.datastore.cloud_options import azure_options, endpoint_of, google_options, s3_options
from bunter.datastore.credentials import netrc_header
from bunter.datastore.forked import refuse_fork
from bunter.datastore.http_upload import HttpUploads
from bunter.datastore.patience import PATIENCE_S, Patience, may_pass, tells_of_nobody
from bunter.datastore.service_words import failure
from bunter.datastore.store import Stat
from bunter.datastore.together import each, each_as_it_comes, each_in_threads, in_lanes
from bunter.datastore.worded import Worded
from bunter.errors import (
    ButlerError,
    KeyMissingError,
    MissingExtraError,
    StoreDeniedError,
    StoreUnavailableError,
)
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bunter.datastore.bucket import CopyOf, Upload
    from bunter.datastore.cloud_options import CloudOptions
    from bunter.datastore.store_address import StoreAddress

try:
    import obstore
    from obstore import exceptions as refused
    from obstore import store as services
except ImportError as exc:
    raise MissingExtraError("object stores need obstore: pip install 'bunter[s3]'") from exc

__all__ = ["SCHEMES", "ObstoreBucket"]

SCHEMES = ("s3", "gs", "az", "http", "https", "webdav", "webdavs")

_HOSTS = {"http", "https", "webdav", "webdavs"}
_WORKERS = 16
_MOST_COPIED = 5 << 30  # services copy larger objects in parts only
_LARGE_WORKERS = 3
_FEW = 8
_SHORT = 1 << 20
_RANGE_WORKERS = 48
_PART = 8 << 20
_PART_WORKERS = 6
_PIECE = 1 << 20
_IN_PARTS: dict[str, int] = {"chunk_size": _PART, "max_concurrency": _PART_WORKERS}
_FOLDER_ATTEMPTS = 20
_WORDLESS = ("400 Bad Request", "401 Unauthorized", "403 Forbidden")
_DELETED_AT_ONCE = 1000


class ObstoreBucket:
    """Objects of a service below one address.

    Parameters
    ----------
    address : StoreAddress
        Such as ``s3://endpoint@bucket/prefix``; endpoint and region come from the site's file or the environment, credentials
        from the service's standard places.
    """

    def __init__(self, address: StoreAddress) -> None:
        self.address = str(address)
        self.place = address
        self._patience = _patience(address)
        self._store: Any = _open(address)
        self._base = f"{address.prefix}/" if address.prefix and address.scheme in _HOSTS else ""
        self._whole = HttpUploads(address) if address.scheme in _HOSTS else None
        self._says_whole = False  # of ranges, which it sends nevertheless

    def __repr__(self) -> str:
        return f"ObstoreBucket({self.address!r})"

    def __reduce__(self) -> tuple[type[ObstoreBucket], tuple[StoreAddress]]:
        return ObstoreBucket, (self.place,)

    @property
    def endpoint(self) -> str:
        """Address of the service."""
        return endpoint_of(self.place)

    # ------------------------------------------------------------------ reading

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the object or ranges of it; ranges that touch are fetched together."""
        with self._asking("store_get", key):
            return [self._whole_object(key)] if ranges is None else self._ranges(key, ranges)

    def _whole_object(self, key: str) -> bytes:
        return self._patience.again(lambda: self._got(key))

    def _got(self, key: str) -> bytes:
        found = obstore.get(self._store, self._base + key)
        if found.range[1] <= _PIECE:
            content: bytes = found.bytes().to_bytes()
            return content
        # As a stream, which costs a third of the library's own gathering of large objects (seen in 0.12).
        return b"".join(found.stream(min_chunk_size=_PIECE))

    def chunks(self, key: str) -> Iterator[bytes | memoryview]:
        """Yield an object in pieces; where the answer breaks off, the rest is asked for in ranges."""
        with self._asking("store_get", key):
            done = 0
            try:
                found = self._patience.again(lambda: obstore.get(self._store, self._base + key))
                # What is small comes whole: each step of a stream gives up the interpreter and has to wait for it.
                some = [found.bytes()] if found.range[1] <= _PIECE else found.stream(min_chunk_size=_PIECE)
                for piece in some:
                    done += len(piece)
                    yield memoryview(piece)
            except (refused.BaseError, OSError):
                if not done:
                    raise
                yield from self._rest(key, done)

    def _rest(self, key: str, begin: int) -> Iterator[bytes]:
        size = self._size(key)
        for place in range(begin, size, _PART):
            yield self._get_ranges(key, [ByteRange(place, min(_PART, size - place))])[0]

    def _size(self, key: str) -> int:
        return int(self._patience.again(lambda: obstore.head(self._store, self._base + key))["size"])

    def _ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[bytes]:
        wanted = [piece for piece in ranges if piece.size]
        found = iter(self._get_ranges(key, wanted)) if wanted else iter(())
        return [next(found) if piece.size else b"" for piece in ranges]

    def _get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[bytes]:
        if self._says_whole:
            return self._get_each_range(key, ranges)
        if len(ranges) > _FEW and sum(piece.size for piece in ranges) <= _SHORT * len(ranges):
            return self._get_many_ranges(key, ranges)
        starts, lengths = [piece.begin for piece in ranges], [piece.size for piece in ranges]
        place = self._base + key
        try:
            # Not joined over gaps: who reads a cutout has weighed requests against bytes (`ranged.coalesced`).
            found = self._patience.again(
                lambda: obstore.get_ranges(self._store, place, starts=starts, lengths=lengths, coalesce=0)
            )
            return [bytes(item) for item in found]
        except (refused.GenericError, ValueError) as exc:
            if may_pass(exc):
                raise
            # Services differ in what they answer to ranges that reach beyond the end, or that are the whole object.
            return self._get_each_range(key, ranges)

    def _get_each_range(self, key: str, ranges: Sequence[ByteRange]) -> list[bytes]:
        size = self._size(key)
        return each_in_threads(ranges, lambda piece: self._get_range(key, piece, size), _WORKERS)

    def _get_many_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[bytes]:
        """Ask for many short ranges, more at a time than obstore would; each waits for the service rather than for the line."""
        strange, place = list[ByteRange](), self._base + key

        async def get(piece: ByteRange) -> bytes:
            if strange:
                return b""
            try:
                found = await self._patience.again_async(
                    lambda: obstore.get_range_async(self._store, place, start=piece.begin, length=piece.size)
                )
            except (refused.GenericError, ValueError) as exc:
                if may_pass(exc):
                    raise
                strange.append(piece)
                return b""
            return bytes(found)

        found = each(ranges, get, _RANGE_WORKERS)
        return self._get_each_range(key, ranges) if strange else found

    def _get_range(self, key: str, piece: ByteRange, size: int) -> bytes:
        if piece.begin >= size:
            return b""
        if piece.begin == 0 and piece.end >= size:
            return self._whole_object(key)
        place, end = self._base + key, min(piece.end, size)
        if not self._says_whole:
            try:
                found = self._patience.again(lambda: obstore.get_range(self._store, place, start=piece.begin, end=end))
                return bytes(found)
            except refused.GenericError as exc:
                if "non-partial" not in str(exc):
                    raise
            self._says_whole = True
        return self._get_signed_range(key, piece)

    def _get_signed_range(self, key: str, piece: ByteRange) -> bytes:
        """Ask without obstore: rclone (seen in 1.75) sends the right bytes with status 200, which obstore refuses."""
        from urllib.request import Request, urlopen

        address = obstore.sign(self._store, "GET", self._base + key, timedelta(minutes=1))
        asked = Request(address, headers={"Range": f"bytes={piece.begin}-{piece.end - 1}"})  # noqa: S310 - our own address
        with urlopen(asked, timeout=60) as answer:  # noqa: S310 - our own address
            content: bytes = answer.read(piece.size)
            told = str(answer.headers.get("Content-Range", ""))
        return content if told.startswith(f"bytes {piece.begin}-") else self.read(key)[0][piece.begin : piece.end]

    def read_many(self, keys: Sequence[str]) -> list[bytes]:
        """Return whole objects, sixteen at a time."""
        # By threads: obstore's asynchronous reads take up to forty times as long for 100 MB (seen in 0.12).
        return each_in_threads(keys, lambda key: self.read(key)[0], _WORKERS)

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each object, sixteen requests at a time."""
        if len(keys) == 1:
            return [self._stat(keys[0])]

        async def head(key: str) -> Stat | None:
            try:
                with self._asking("store_head", key):
                    return _stat(
                        await self._patience.again_async(lambda: obstore.head_async(self._store, self._base + key))
                    )
            except KeyMissingError:
                return None

        return each(keys, head, _WORKERS)

    def _stat(self, key: str) -> Stat | None:
        try:
            with self._asking("store_head", key):
                return _stat(self._patience.again(lambda: obstore.head(self._store, self._base + key)))
        except KeyMissingError:
            return None

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every object, a thousand in each request."""
        folder = (self._base + prefix).rpartition("/")[0]
        with self._asking("store_list", prefix):
            try:
                for found in self._listed(folder or None):
                    key = found["path"].removeprefix(self._base)
                    if key.startswith(prefix):
                        yield key, _stat(found)
            except FileNotFoundError:  # a WebDAV folder that is not there
                return

    def _listed(self, folder: str | None) -> Iterator[Any]:
        """Yield what is there; where the list breaks off, it is asked for again from the last name on."""
        last: list[str | None] = [None]
        coming = [iter(obstore.list(self._store, folder, chunk_size=1000))]

        def more() -> Sequence[Any]:
            try:
                return next(coming[0], ())
            except BaseException:
                coming[0] = iter(obstore.list(self._store, folder, offset=last[0], chunk_size=1000))
                raise

        while batch := self._patience.again(more):
            last[0] = batch[-1]["path"]
            yield from batch

    def sign(self, key: str, seconds: float, method: str = "GET") -> str:
        """Return an address that allows one method on one object; the credentials are not in it."""
        with self._asking("store_sign", key):
            return str(obstore.sign(self._store, method, self._base + key, timedelta(seconds=seconds)))

    # ------------------------------------------------------------------ writing

    def write_many(self, uploads: Sequence[Upload]) -> None:
        """Send objects: sixteen small ones at a time, or three large ones, these in parts of 8 MB."""
        small = [item for item in uploads if item.size <= _PART]
        large = [item for item in uploads if item.size > _PART]
        self.write_each(len(small), small.__getitem__, is_large=False)
        self.write_each(len(large), large.__getitem__, is_large=True)

    def write_each(self, count: int, make: Callable[[int], Upload | PiecewiseUpload], *, is_large: bool) -> None:
        """Send objects as they are made; see `write_many`."""
        if is_large and self._whole is not None:
            put = self._whole.put
            in_lanes(lambda number: self._put_whole(make(number), put), count, _LARGE_WORKERS)
        elif is_large:  # so that an interrupt need not wait for the end of what is being sent
            each_as_it_comes(map(make, range(count)), self._put_async, min(count, _LARGE_WORKERS))
        else:  # by threads: a request costs the client a third less than by the asynchronous calls
            in_lanes(lambda number: self._put(make(number)), count, _WORKERS)

    def _put(self, item: Upload | PiecewiseUpload) -> None:
        with self._asking("store_put", item.key, changes=True):
            for attempt in range(_FOLDER_ATTEMPTS):
                try:
                    self._patience.again(
                        lambda: obstore.put(self._store, self._base + item.key, _sent(item), **_IN_PARTS)
                    )
                except refused.GenericError as exc:
                    _refuse_all_but_folders(exc, attempt)
                else:
                    return

    def _put_whole(self, item: Upload | PiecewiseUpload, put: Callable[[Upload | PiecewiseUpload], None]) -> None:
        with self._asking("store_put", item.key, changes=True):
            put(item)

    async def _put_async(self, item: Upload | PiecewiseUpload) -> None:
        with self._asking("store_put", item.key, changes=True):
            for attempt in range(_FOLDER_ATTEMPTS):
                try:
                    await self._patience.again_async(
                        lambda: obstore.put_async(self._store, self._base + item.key, _sent(item), **_IN_PARTS)
                    )
                except refused.GenericError as exc:
                    _refuse_all_but_folders(exc, attempt)
                else:
                    return

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove objects, a thousand in one request where the service can."""
        failed: dict[str, OSError] = {}
        for first in range(0, len(keys), _DELETED_AT_ONCE):
            batch = list(keys[first : first + _DELETED_AT_ONCE])
            try:
                with self._asking("store_delete", batch[0], changes=True):
                    names = [self._base + key for key in batch]
                    self._patience.again(partial(obstore.delete, self._store, names))
            except (KeyMissingError, StoreUnavailableError) as exc:
                if exc.__cause__ is not None and tells_of_nobody(exc.__cause__):
                    raise  # who is not there for all of them is not there for each
                failed |= self._delete_each(batch)
        return failed

    def _delete_each(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove one by one, where one of many was refused."""

        async def delete(key: str) -> OSError | None:
            try:
                with self._asking("store_delete", key, changes=True):
                    await self._patience.again_async(lambda: obstore.delete_async(self._store, self._base + key))
            except KeyMissingError:
                return None
            except StoreDeniedError as exc:
                return exc
            return None

        found = zip(keys, each(keys, delete, _WORKERS), strict=True)
        return {key: error for key, error in found if error is not None}

    def rename(self, key: str, target: str) -> None:
        """Copy within the service, then remove."""
        with self._asking("store_rename", target, changes=True):
            self._patience.again(lambda: obstore.copy(self._store, self._base + key, self._base + target))
        self.delete_many([key])

    def reaches(self, other: object, size: int) -> bool:
        """Whether the other one is seen with the same credentials, in the same bucket or S3 service, and one request copies the object."""
        if not isinstance(other, ObstoreBucket) or self.place.scheme in _HOSTS or size > _MOST_COPIED:
            return False
        there, here = other.place, self.place
        if (there.scheme, there.name) != (here.scheme, here.name):
            return False
        return there.place == here.place or (here.scheme == "s3" and here.profile.path_style)

    def copy_many(self, copies: Sequence[tuple[CopyOf, str]]) -> None:
        """Copy within the service, sixteen at a time."""
        origins = {source.bucket.place.place for source, _ in copies if isinstance(source.bucket, ObstoreBucket)}
        ways = {origin: self._way_from(origin) for origin in origins}
        here = f"{self.place.prefix}/" if self.place.prefix else ""

        async def copy(item: tuple[CopyOf, str]) -> None:
            source, key = item
            place = source.bucket.place if isinstance(source.bucket, ObstoreBucket) else self.place
            there, way = place.prefix, ways[place.place]
            try:
                with self._asking("store_copy", key, changes=True):
                    origin = f"{there}/{source.key}" if there else source.key
                    await self._patience.again_async(lambda: obstore.copy_async(way, origin, f"{here}{key}"))
            except KeyMissingError as exc:
                missing = f"{source.bucket.address}/{source.key}"
                raise KeyMissingError(f"no object {missing}; `bunter check` lists what is missing") from exc

        each(copies, copy, _WORKERS)

    def _way_from(self, origin: str) -> Any:
        """Return a client that copies from another bucket, or this one, to names of this bucket."""
        if origin == self.place.place:
            return _open(replace(self.place, prefix=""))
        # Obstore copies within one bucket. It names the source by its bucket and the target by its address, so an address
        # that has this bucket in it already, as for buckets that are hosts, makes two of them.
        options = s3_options(self.place)
        endpoint = endpoint_of(self.place).rstrip("/")
        config = {
            **options.config,
            "endpoint": f"{endpoint}/{self.place.place}",
            "virtual_hosted_style_request": True,
        }
        return _cloud(services.S3Store, replace(self.place, place=origin, prefix=""), replace(options, config=config))

    # ------------------------------------------------------------------ errors

    def _asking(self, operation: str, key: str, *, changes: bool = False) -> Worded:
        """Tell of a request before it is made, and say in our words how it failed."""
        refuse_fork()
        effects.request(operation, f"{self.address}/{key}", changes=changes)
        return Worded(self._say, operation, key)

    def _say(self, exc: BaseException, operation: str, key: str) -> None:
        if isinstance(exc, ButlerError):
            return
        where = f"{self.address}/{key}"
        if isinstance(exc, FileNotFoundError):
            if operation == "store_put" or "NoSuchBucket" in str(exc):
                raise failure(exc, operation, where, self.address, denied=False, region=self._region) from exc
            raise KeyMissingError(f"no object {where}; `bunter check` lists what is missing") from exc
        if isinstance(exc, refused.BaseError | OSError | ValueError | NotImplementedError):
            wordless = operation == "store_head" and any(status in str(exc) for status in _WORDLESS)
            told = (self._spoken(key) if wordless else None) or exc
            denied = isinstance(told, refused.PermissionDeniedError | refused.UnauthenticatedError | PermissionError)
            raise failure(told, operation, where, self.address, denied=denied, region=self._region) from exc

    def _spoken(self, key: str) -> Exception | None:
        """Ask for an object whose size was refused: only then a service says why."""
        try:
            obstore.get_range(self._store, self._base + key, start=0, length=1)
        except FileNotFoundError:
            return None
        except (refused.BaseError, OSError, ValueError) as exc:
            return exc
        return None

    def _region(self) -> str:
        return region_of(self.endpoint, self.place.place) if self.place.scheme == "s3" else ""


def _sent(item: Upload | PiecewiseUpload) -> Any:
    return iter(item.content) if isinstance(item, PiecewiseUpload) else item.content


def _refuse_all_but_folders(exc: Exception, attempt: int) -> None:
    """Raise what is not worth another attempt; WebDAV: another request has just made the same folder."""
    if "MKCOL" not in str(exc) or attempt == _FOLDER_ATTEMPTS - 1:
        raise exc


def _stat(found: Any) -> Stat:
    return Stat(int(found["size"]), int(found["last_modified"].timestamp() * 1e9))


def _open(address: StoreAddress) -> Any:
    opened = {"s3": _s3, "gs": _google, "az": _azure}.get(address.scheme, _http)(address)
    refuse_fork()
    return opened


def _patience(address: StoreAddress) -> Patience:
    profile = address.profile if address.scheme in {"s3", "gs", "az"} else None
    return Patience(PATIENCE_S if profile is None else profile.retry_s)


def _common(address: StoreAddress) -> dict[str, Any]:
    return {"retry_config": _patience(address).of_client()}


def _s3(address: StoreAddress) -> Any:
    return _cloud(services.S3Store, address, s3_options(address))


def _google(address: StoreAddress) -> Any:
    return _cloud(services.GCSStore, address, google_options(address))


def _azure(address: StoreAddress) -> Any:
    return _cloud(services.AzureStore, address, azure_options(address))


def _cloud(kind: Any, address: StoreAddress, options: CloudOptions) -> Any:
    client: dict[str, Any] = {"allow_http": options.allows_http, "timeout": timedelta(seconds=300)}
    if options.headers:
        client["default_headers"] = options.headers
    more = _common(address) | ({} if options.keys is None else {"credential_provider": options.keys})
    return kind(address.place, prefix=address.prefix or None, config=options.config, client_options=client, **more)


def _http(address: StoreAddress) -> Any:
    endpoint = endpoint_of(address)
    options: dict[str, Any] = {"allow_http": endpoint.startswith("http:")}
    if header := netrc_header(address.place):
        options["default_headers"] = {"authorization": header}
    return services.HTTPStore.from_url(endpoint, client_options=options, **_common(address))
