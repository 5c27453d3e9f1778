"""The program that runs: its command line, and the versions of its code."""

from __future__ import annotations

import re
import shlex
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["code_of_program", "commit_of", "current_command", "told_command"]

_told: ContextVar[tuple[str, str] | None] = ContextVar("command", default=None)
_SECRET = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
_LONGEST = 4000


@contextmanager
def told_command(name: str, words: Sequence[str]) -> Iterator[None]:
    """Say which command is carried out in the block; passwords in URLs are left out."""
    token = _told.set((name, _SECRET.sub(r"\1:***@", shlex.join(words))[:_LONGEST]))
    try:
        yield
    finally:
        _told.reset(token)


def current_command() -> tuple[str, str]:
    """Name and line of the command that runs; of another program no name, and how it was called."""
    told = _told.get()
    if told is not None:
        return told
    line = shlex.join(sys.argv) if sys.argv and sys.argv[0] else "python"
    return "", _SECRET.sub(r"\1:***@", line)[:_LONGEST]


@cache
def code_of_program() -> dict[str, str]:
    """Versions of what runs: ``bunter``, ``python``, and ``program`` with its commit, as far as they can be told."""
    found = {"bunter": _version("bunter"), "python": ".".join(map(str, sys.version_info[:3]))}
    if commit := commit_of(Path(__file__)):
        found["bunter_commit"] = commit
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main:
        found["program"] = Path(main).name
        if (commit := commit_of(Path(main))) and commit != found.get("bunter_commit"):
            found["program_commit"] = commit
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def commit_of(path: Path) -> str | None:
    """Return the commit of the git checkout that a file lies in, None if it lies in none; runs no program."""
    for folder in path.absolute().parents:
        try:
            head = (folder / ".git" / "HEAD").read_bytes().decode().strip()
            return _resolved(folder / ".git", head)
        except (OSError, UnicodeDecodeError):
            continue
    return None


def _resolved(git: Path, head: str) -> str | None:
    if not head.startswith("ref: "):
        return head or None
    name = head.removeprefix("ref: ")
    try:
        return (git / name).read_bytes().decode().strip()
    except OSError:
        packed = (git / "packed-refs").read_bytes().decode().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
