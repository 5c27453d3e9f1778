"""Reads through a cache on a small file system of its own, which fills up; run in a mount namespace by a test."""

# ruff: noqa: T201 - a script that prints what it saw
import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

from bunter.contracts.distant import DistantStore
from bunter.dataset import StoredArtifact
from bunter.datastore import MAIN, Datastore, DatastoreConfig
from bunter.values import digest, new_id

SIZE = 300_000


def kept(store: DistantStore, number: int) -> StoredArtifact:
    """Publish an artifact; return what would be recorded of it."""
    content = bytes([number]) * SIZE
    staged = store.stage(store.own(), f"run/{number}", content)
    store.publish([staged], None)
    store.settle([staged])
    digests = digest(content)
    ident = new_id().bytes
    return StoredArtifact(ident, "", staged.key, MAIN, SIZE, digests.sha256, digests.xxh3, "bytes", 1, True, "")


def main(disk: Path, left: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    free = os.statvfs(disk)
    (disk / "filler").write_bytes(b"0" * max(free.f_bavail * free.f_frsize - left, 0))
    said: list[str] = []
    logging.getLogger("bunter").addHandler(
        type("Keep", (logging.Handler,), {"emit": lambda _, r: said.append(r.getMessage())})()
    )
    store = DistantStore()
    config = DatastoreConfig(cache={"root": str(disk / "cache"), "max_files": 50})
    datastore = Datastore(config, {MAIN: store})
    items = [kept(store, number) for number in range(4)]
    wrong = 0
    for _ in range(2):
        for number, item in enumerate(items):
            wrong += datastore.read([item], storage_class="Bytes") != bytes([number]) * SIZE
    cached = datastore.fetching.cache.entries()
    print("wrong", wrong)
    print("cached", len(cached), "torn", sum(entry.size != SIZE for entry in cached))
    print("warnings", len(said), os.strerror(errno.ENOSPC) in "".join(said))


main(Path(sys.argv[1]), int(sys.argv[2]))
