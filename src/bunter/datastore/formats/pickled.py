"""Python's own serialization, which runs code when it is read: only for those who ask for it, and only what they wrote."""

from __future__ import annotations

import hmac
import os
import pickle
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.datastore.format import ReadRequest

__all__ = ["PickleFormat", "pickles_allowed"]

_SIGNATURE = b"BUNTER PICKLE 1\n"
_DIGEST = 32
_allowed: ContextVar[bool] = ContextVar("pickles_allowed", default=False)


@contextmanager
def pickles_allowed() -> Iterator[None]:
    """Allow pickles to be written and read within this block, by this thread or task alone.

    A pickle is signed with a secret of the user who writes it (``bunter/pickle.key`` in the user's configuration folder),
    and is read only if that signature is right: one from a remote or imported repository, or of anybody else, never is.
    """
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


class PickleFormat:
    """Any Python object, signed by who wrote it. No configuration allows it: the calling code does, by `pickles_allowed`."""

    name = "pickle"
    version = 1
    extension = ".pickle"
    python_types = ("builtins:object",)

    def to_bytes(self, obj: object) -> bytes:
        """Write an object; FormatError if the caller has not allowed it."""
        _check_allowed("written")
        try:
            content = pickle.dumps(obj, protocol=5)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as exc:
            raise FormatError(
                f"a {type(obj).__name__} cannot be pickled: {exc}; choose a format for what it holds"
            ) from exc
        return _SIGNATURE + _sign(content) + content

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read an object that the same user wrote; FormatError for any other, before anything of it is looked at."""
        _check_allowed("read")
        if request.is_partial:
            raise FormatError("a pickle is read as a whole; take the part from the object")
        if not data.startswith(_SIGNATURE):
            raise FormatError("not a pickle that Bunter wrote")
        signed = data[len(_SIGNATURE) :]
        content = signed[_DIGEST:]
        if not hmac.compare_digest(signed[:_DIGEST], _sign(content)):
            raise FormatError(
                "this pickle was written by somebody else, or changed, and reading it could run their code; ask them for "
                "another format"
            )
        try:
            return pickle.loads(content)  # noqa: S301 - signed by this user
        except Exception as exc:  # a class that has gone or changed raises what it likes
            raise FormatError(
                f"the pickle cannot be read any more: {exc!r}; the classes in it may have changed"
            ) from exc

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether the bytes are equal; nothing is read."""
        return old == new


def _check_allowed(verb: str) -> None:
    if not _allowed.get():
        raise FormatError(
            f"pickles are {verb} only within 'with bunter.datastore.pickles_allowed():', since reading one runs code; "
            "better choose json, yaml, npy, parquet or fits"
        )


def _sign(content: bytes) -> bytes:
    return hmac.digest(_secret(), content, "sha256")


def _secret() -> bytes:
    """Return this user's secret, made when it is first needed."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "bunter"
    path = folder / "pickle.key"
    if effects.stat(path) is None:
        effects.mkdirs(folder)
        effects.chmod(folder, 0o700)
        try:
            effects.write_new(path, secrets.token_bytes(_DIGEST), sync=True)
            effects.chmod(path, 0o600)
        except FileExistsError:
            pass  # another process was faster
    return effects.read_bytes(path)
