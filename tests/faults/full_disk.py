"""Fills a small file system of its own while it writes to a repository there; run in a mount namespace by a test."""

# ruff: noqa: T201 - a script that prints what it saw
import os
import subprocess
import sys
from pathlib import Path

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions, put_thing
from bunter.errors import DatabaseUnavailableError

BUNTER = [sys.executable, "-c", "from bunter.cli import main; main()"]


def fill(path: Path, left: int) -> None:
    """Write a file that leaves so many bytes free."""
    free = os.statvfs(path.parent)
    size = free.f_bavail * free.f_frsize - left
    with path.open("wb") as file:
        file.write(b"0" * max(size, 0))


def readable(root: Path) -> set[int]:
    """Read all that is registered."""
    with Butler(root, writeable=False) as butler:
        return {butler.get(ref)["e"] for ref in butler.query_datasets("thing", "run1")}


def main(disk: Path, left: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=True)
    root, filler = disk / "repo", disk / "filler"
    with Butler.create(root) as butler:
        fill_dimensions(butler, exposures=40)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        put_thing(butler, 0, 0)
    fill(filler, left)
    acknowledged, said = {0}, ""
    for number in range(1, 40):
        try:
            with Butler(root) as butler:
                put_thing(butler, number, 0, pad="x" * 20_000)
        except Exception as exc:  # noqa: BLE001 - what it is, is seen by whoever reads this
            said = f"{type(exc).__name__}: {exc}"
            break
        acknowledged.add(number)
    print("said", said)
    export = str(root / "more")
    done = subprocess.run([*BUNTER, "dump", str(root), export], capture_output=True, text=True, check=False)
    print("command", done.returncode, "Traceback" in done.stderr, done.stderr.strip()[:300].replace("\n", " / "))
    try:
        print("readable", readable(root) == acknowledged)
    except DatabaseUnavailableError as exc:
        print("readable", exc)
    filler.unlink()
    print("later", readable(root) == acknowledged)
    with Butler(root, writeable=True) as butler:
        butler.repository.recover()
        butler.gc(older_than_s=0)
        print("clean", butler.check(deep=True))
        for number in range(1, 10):
            put_thing(butler, number, 0, pad="x" * 20_000)
        print("again", butler.query_datasets("thing", "run1").count() >= 10)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
