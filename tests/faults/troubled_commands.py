"""Gives commands on a small file system that is full, read-only or closed to them, and again when it is not; run in a mount namespace.

Prints one line of JSON for each command: how it ended, what it said, and whether the same command then did what it does.
"""

# ruff: noqa: T201 - a script that prints what it saw
from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import test_kills_of_commands as commands
from full_disk import fill

from bunter import Butler
from bunter.cli.program import run
from plain_user import as_bound_by_permissions

MORE = {
    "retrieve-artifacts": "repo files -d thing",
    "export": "repo exported",
    "dump": "repo dumped",
    "bundle": "repo bundle.zip",
    "load": "given/dump loaded",
    "import": "other given/export",
    "ingest-zip": "other given/bundle.zip",
    "sync": "repo other",
    "prune-datasets": "repo -d thing --collections run1 --no-confirm",
    "remove-runs": "repo run0 --no-confirm --force",
    "undo": "repo",
}
WITH_FILES = (
    "create", "seal", "ingest-refcat", "ingest-files", "export-rubin", "import-rubin", "transfer-datasets", "set-metadata", "get", "overlay",
    "clone", "mirror",
)  # fmt: skip
ALL = {name: commands.COMMANDS[name] for name in WITH_FILES} | MORE
BUNTER = [sys.executable, "-m", "bunter"]


def make_template(base: Path) -> None:
    """Make what commands need."""
    commands.make_template(base)
    with Butler(base / "repo", writeable=False) as butler:
        butler.export(base / "given/export")
        butler.dump(base / "given/dump")
        butler.bundle(base / "given/bundle.zip")


def state(place: Path) -> dict:
    """Return what is there."""
    told = commands.state(place)
    if (place / "loaded/bunter.yaml").exists() and not (place / "loaded/.bunter-load").exists():
        told["loaded"] = commands.describe(place / "loaded")
    for name in ("files", "exported", "dumped"):
        told[name] = len([path for path in (place / name).rglob("*") if path.is_file()])
    if (place / "bundle.zip").exists():
        with zipfile.ZipFile(place / "bundle.zip") as bundle:
            told["bundle"] = (bundle.testzip(), len(bundle.namelist()))
    return told


def in_child(act, *arguments):
    """Do something in a process of its own, so that this one has no file open; return what it returned."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            told = json.dumps(act(*arguments)).encode()
            with os.fdopen(writing, "wb") as file:
                file.write(told)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    return json.loads(told)


def give(words: list[str], place: Path) -> tuple[int, str]:
    """Give a command here; return its exit code and what it said."""
    os.chdir(place)
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = run(["--no-progress", *words])
    return code, said.getvalue()


def give_bound(words: list[str], place: Path) -> tuple[int, str]:
    """Give a command in a process that permissions bind."""
    command = as_bound_by_permissions(*BUNTER, "--no-progress", *words)
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stderr


def chmod(place: Path, change: str) -> None:
    subprocess.run(["chmod", "-R", change, str(place)], check=True)


def troubled(kind: str, words: list[str], disk: Path, place: Path) -> tuple[int, str]:
    """Give a command in trouble, and end the trouble."""
    if kind.startswith("full"):
        fill(disk / "filler", int(kind.removeprefix("full")))
        told = in_child(give, words, place)
        (disk / "filler").unlink()
    elif kind == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        told = in_child(give, words, place)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    else:
        chmod(place, "a-w")
        told = give_bound(words, place)
        chmod(place, "u+w")
    return told


def main(kind: str, base: Path, disk: Path) -> None:
    template = base / "template"
    in_child(make_template, template)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)], check=True)
    for name, after in ALL.items():
        words, place = [*name.split(), *after.split()], disk / "place"
        shutil.copytree(template, place)
        in_child(give, words, place)
        done = in_child(state, place)
        shutil.rmtree(place)
        shutil.copytree(template, place)
        code, said = troubled(kind, words, disk, place)
        told = {"name": name, "code": code, "said": said.strip(), "is_done": in_child(state, place) == done}
        if not told["is_done"]:
            told["again"] = in_child(give, words, place)
            told["is_done"] = in_child(state, place) == done
        print(json.dumps(told), flush=True)
        shutil.rmtree(place)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
