"""What a store, a folder or a database server allows and how fast it is, tried out: `bunter doctor`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from bunter import effects
from bunter.butler.remote_root import is_remote
from bunter.database import ServerAddress, ServerOptions, is_server
from bunter.datastore.bucket import Signs, Upload
from bunter.datastore.knocking import HasEndpoint, knock
from bunter.datastore.services import open_bucket, place_below
from bunter.errors import ButlerError, KeyMissingError
from bunter.values import ByteRange, sized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bunter.datastore.bucket import Bucket

__all__ = ["Symptom", "diagnose"]

_LARGE = 12 << 20
_SMALL, _COUNT = 100_000, 32
_SKEW_S, _REFUSED_SKEW_S = 30.0, 900.0
_SLOW_S = 0.25


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was tried.

    Parameters
    ----------
    check : str
        What.
    verdict : str
        ``ok``, ``warning`` or ``wrong``.
    detail : str
        What was found, and what to do about it.
    """

    check: str
    verdict: str
    detail: str


def diagnose(address: str) -> list[Symptom]:
    """Try out everything that Bunter needs of a place; what is written for it is removed again.

    Parameters
    ----------
    address : str
        A store such as ``s3://bucket/prefix``, a folder, or ``postgresql://user@host/database``.
    """
    if is_server(address):
        return list(_server(address))
    if is_remote(address) or address.startswith(("http://", "https://")):
        return list(_store(address))
    place = place_below(Path.cwd(), address)
    return list(_folder(Path(str(place))))


def _try(check: str, act: Callable[[], str | Symptom]) -> Symptom:
    try:
        found = act()
    except (ButlerError, OSError) as exc:
        return Symptom(check, "wrong", str(exc).partition("; `bunter doctor ")[0])  # which is what is being done
    except Exception as exc:  # noqa: BLE001 - whatever a service's client does, what was found so far is worth telling
        return Symptom(check, "wrong", f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}")
    return found if isinstance(found, Symptom) else Symptom(check, "ok", found)


def _is_bad(symptom: Symptom) -> bool:
    return symptom.verdict == "wrong"


# ------------------------------------------------------------------------------------------------- stores


def _store(address: str) -> Iterator[Symptom]:
    found: list[Bucket] = []
    yield (opened := _try("address", lambda: found.append(open_bucket(address)) or f"opens as {found[0].address}"))  # type: ignore[func-returns-value]
    if _is_bad(opened):
        return
    bucket, name = found[0], f"doctor-{secrets.token_hex(6)}"
    yield (listed := _try("list", lambda: _list(bucket)))
    if _is_bad(listed):
        return
    yield (put := _try("put", lambda: _put(bucket, f"{name}/small")))
    if not _is_bad(put):
        yield from _with_an_object(bucket, name)


def _with_an_object(bucket: Bucket, name: str) -> Iterator[Symptom]:
    yield _try("get", lambda: _get(bucket, f"{name}/small"))
    yield _try("consistency", lambda: _consistency(bucket, name))
    yield _try("clock", lambda: _clock(bucket, f"{name}/small"))
    yield _try("multipart", lambda: _multipart(bucket, f"{name}/large"))
    yield _try("sign", lambda: _sign(bucket, f"{name}/small"))
    yield _try("speed", lambda: _speed(bucket, name))
    yield _try("delete", lambda: _delete(bucket, name))


def _list(bucket: Bucket) -> str:
    if isinstance(bucket, HasEndpoint):
        knock(bucket.endpoint)
    first = next(iter(bucket.walk()), None)
    return "objects can be listed" if first else "objects can be listed; there are none"


def _put(bucket: Bucket, key: str) -> str:
    bucket.write_many([Upload(key, b"0123456789", 10)])
    return "objects can be written"


def _get(bucket: Bucket, key: str) -> str:
    if bucket.read(key) != [b"0123456789"] or bucket.read(key, [ByteRange(2, 3)]) != [b"234"]:
        raise OSError("what is read is not what was written; ask who runs the service")
    return "objects and ranges of them can be read"


def _consistency(bucket: Bucket, name: str) -> str:
    """See that what was written is listed at once, and what was removed is gone at once."""
    keys = [f"{name}/c{number}" for number in range(5)]
    bucket.write_many([Upload(key, b"x", 1) for key in keys])
    if missing := set(keys) - {key for key, _ in bucket.walk(f"{name}/c")}:
        raise OSError(f"{len(missing)} of {len(keys)} objects are not listed right after they were written")
    bucket.delete_many(keys)
    if left := {key for key, _ in bucket.walk(f"{name}/c")} | {
        key for key, stat in zip(keys, bucket.stat_many(keys), strict=True) if stat
    }:
        raise OSError(f"{len(left)} of {len(keys)} objects are there still right after they were removed")
    try:
        bucket.read(keys[0])
    except KeyMissingError:
        return "what is written is seen at once, and what is removed is gone at once"
    raise OSError("a removed object can be read still; there is a cache in between")


def _clock(bucket: Bucket, key: str) -> Symptom:
    stat = bucket.stat_many([key])[0]
    if stat is None:
        return Symptom("clock", "wrong", "an object just written is not there")
    skew = (stat.modified_ns - effects.now_ns()) / 1e9
    return _clock_symptom(skew)


def _clock_symptom(skew: float) -> Symptom:
    told = f"the clocks differ by {abs(skew):.0f} s"
    if abs(skew) > _REFUSED_SKEW_S:
        return Symptom(
            "clock", "wrong", f"{told}, and signed requests are refused beyond 15 minutes; set the time by NTP"
        )
    if abs(skew) > _SKEW_S:
        return Symptom("clock", "warning", f"{told}; set the time by NTP")
    return Symptom("clock", "ok", told)


def _multipart(bucket: Bucket, key: str) -> str:
    content = secrets.token_bytes(_LARGE)
    begin = effects.monotonic()
    bucket.write_many([Upload(key, content, len(content))])
    written = effects.monotonic()
    if bucket.read(key)[0] != content:
        raise OSError("a large object comes back with other content; the service breaks multipart uploads")
    read = effects.monotonic()
    up, down = _LARGE / (written - begin), _LARGE / (read - written)
    return f"an object of {sized(_LARGE)} in parts: {sized(int(up))}/s up, {sized(int(down))}/s down"


def _sign(bucket: Bucket, key: str) -> str:
    if not isinstance(bucket, Signs) or not bucket.address.startswith(("s3:", "gs:", "az:")):
        return "there are no signed addresses here; clients of a server read through the server"
    with urlopen(bucket.sign(key, 60.0), timeout=30) as answer:  # noqa: S310 - an address of the service itself
        if answer.read() != b"0123456789":
            raise OSError("a signed address gives other content")
    return "signed addresses open objects"


def _speed(bucket: Bucket, name: str) -> Symptom:
    keys = [f"{name}/s{number}" for number in range(_COUNT)]
    content = secrets.token_bytes(_SMALL)
    begin = effects.monotonic()
    bucket.write_many([Upload(key, content, _SMALL) for key in keys])
    written = effects.monotonic()
    bucket.read_many(keys)
    read = effects.monotonic()
    bucket.stat_many(keys[:1])
    latency = effects.monotonic() - read
    told = (
        f"{_COUNT / (written - begin):.0f} objects of {sized(_SMALL)} written and {_COUNT / (read - written):.0f} read in a second; "
        f"a request takes {latency * 1000:.1f} ms"
    )
    if latency > _SLOW_S:
        return Symptom(
            "speed", "warning", f"{told}: far away; work near the data, or use a cache (datastore.cache.root)"
        )
    return Symptom("speed", "ok", told)


def _delete(bucket: Bucket, name: str) -> str:
    keys = [key for key, _ in bucket.walk(f"{name}/")]
    if failed := bucket.delete_many(keys):
        raise next(iter(failed.values()))
    if left := [key for key, _ in bucket.walk(f"{name}/")]:
        raise OSError(f"{len(left)} objects are there still, such as {bucket.address}/{left[0]}")
    return "objects can be removed; nothing of this is left"


# ------------------------------------------------------------------------------------------------- folders


def _folder(folder: Path) -> Iterator[Symptom]:
    place = folder
    while not place.is_dir() and place != place.parent:
        place = place.parent
    there = "is there" if place == folder else f"is not there yet and would be made in {place}"
    yield Symptom("address", "ok", f"{folder} {there}")
    room = place / f".doctor-{secrets.token_hex(6)}"
    yield (made := _try("put", lambda: _make(room)))
    if _is_bad(made):
        return
    try:
        yield _try("get", lambda: _read_file(room))
        yield _try("link", lambda: _link(room))
        yield _try("lock", lambda: _lock(room))
        yield _file_clock(room)
        yield _try("speed", lambda: _file_speed(room))
    finally:
        yield _try("delete", lambda: _clear(room))


def _make(room: Path) -> str:
    effects.mkdirs(room)
    effects.write_new(room / "small", b"0123456789", sync=True)
    return "files can be written"


def _read_file(room: Path) -> str:
    if effects.read_bytes(room / "small") != b"0123456789":
        raise OSError("what is read is not what was written")
    return "files can be read"


def _link(room: Path) -> str:
    effects.link(room / "small", room / "link")
    return "hard links can be made, which publishing needs"


def _lock(room: Path) -> str:
    lock = effects.flock(room / "lock")
    if lock is None:
        raise OSError("a new file cannot be locked")
    lock.close()
    return "files can be locked"


def _file_clock(room: Path) -> Symptom:
    stat = effects.stat(room / "small")
    return _clock_symptom(0.0 if stat is None else (stat.st_mtime_ns - effects.now_ns()) / 1e9)


def _file_speed(room: Path) -> str:
    content = secrets.token_bytes(_SMALL)
    begin = effects.monotonic()
    for number in range(_COUNT):
        effects.write_new(room / f"s{number}", content, sync=True)
    taken = effects.monotonic() - begin
    return f"{_COUNT / taken:.0f} files of {sized(_SMALL)} written in a second, each put on stable storage"


def _clear(room: Path) -> str:
    for name in effects.listdir(room):
        effects.unlink(room / name)
    if not effects.rmdir(room):
        raise OSError(f"{room} cannot be removed")
    return "files can be removed; nothing of this is left"


# ------------------------------------------------------------------------------------------------- databases


def _server(address: str) -> Iterator[Symptom]:
    from bunter.database.postgres.diagnosis import diagnose_server

    try:
        place = ServerAddress.of(address)
        for name, value in diagnose_server(place, ServerOptions()):
            yield _server_symptom(name, value, place)
    except ButlerError as exc:
        yield Symptom("address", "wrong", str(exc))


def _server_symptom(name: str, value: float | bool | str, place: ServerAddress) -> Symptom:  # noqa: FBT001 - what was found
    if name == "version":
        return Symptom("address", "ok", f"{place} answers; PostgreSQL {value}")
    if name == "skew":
        return _clock_symptom(float(value))
    if name == "latency":
        verdict = "warning" if float(value) > _SLOW_S else "ok"
        return Symptom("speed", verdict, f"a question takes {float(value) * 1000:.2f} ms")
    told = {
        "schema": (f"the schema {place.schema!r} is there", f"there is no schema {place.schema!r} yet"),
        "create": (
            "schemas can be made",
            "schemas cannot be made; an existing one will do, or ask for the right CREATE",
        ),
        "write": ("tables can be made in it", f"tables cannot be made in it; ask for CREATE on schema {place.schema}"),
    }[name]
    return Symptom(name, "ok" if value or name != "write" else "wrong", told[0 if value else 1])
