"""What services answer when they will not, in sentences: by their codes, and by the statuses of HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.datastore.service_answers import Answer
from bunter.errors import ButlerError, StoreDeniedError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["failure", "first_line"]

_SERVICE = re.compile(r"https?://[^/\s]+")
_MARKUP = re.compile(r"<[^>]*>")
_DOINGS = {
    "store_get": "read",
    "store_head": "read",
    "store_list": "list",
    "store_put": "write",
    "store_copy": "copy",
    "store_rename": "rename",
    "store_delete": "remove",
}
_CLOUDS = {"s3", "gs", "az"}
_NOT_THERE = {"NoSuchBucket": "bucket", "ContainerNotFound": "container"}

_DENIED = ("403 Forbidden", "401 Unauthorized", "CredentialsError")
_GIVES_ONLY = ("501 Not Implemented", "405 Method Not Allowed")


def failure(
    exc: BaseException,
    operation: str,
    where: str,
    address: str,
    *,
    denied: bool,
    region: Callable[[], str] = str,
) -> ButlerError:
    """Return the error for a request that a service has refused, or has not answered.

    Parameters
    ----------
    exc : Exception
        What the service's client raised.
    operation : str
        Such as ``store_put``.
    where, address : str
        The object, and the place of the store.
    denied : bool
        Whether the client knows it for a want of rights.
    region : callable
        Finds out where a bucket is that is not where it was looked for; empty if that is not to be had.
    """
    asked = _Refused(where, address, first_line(exc), Answer.of(exc, region))
    return asked.by_code() or asked.by_status(_DOINGS.get(operation, "do"), denied=denied) or asked.otherwise()


@dataclass(frozen=True, slots=True)
class _Refused:
    """One request, and what came of it."""

    where: str
    address: str
    told: str
    answer: Answer

    @property
    def scheme(self) -> str:
        return self.address.partition("://")[0]

    @property
    def place(self) -> str:
        """Bucket or host."""
        return self.address.partition("://")[2].partition("/")[0].rpartition("@")[2]

    def by_code(self) -> ButlerError | None:
        code = self.answer.code
        if code in _NOT_THERE:
            what = f"there is no {_NOT_THERE[code]} {self.place!r}{_at(self.told)}"
            return StoreUnavailableError(f"{what}; make it, or correct the address {self.address}")
        if (why := self.answer.about_credentials(self.scheme)) is not None:
            return StoreDeniedError(f"{self.where}: {why} ({code})")
        if (why := self.answer.about_others()) is not None:
            return StoreUnavailableError(f"{self.where}: {why} ({code})")
        return None

    def by_status(self, doing: str, *, denied: bool) -> ButlerError | None:
        if "401 Unauthorized" in self.told and self.scheme not in _CLOUDS:
            why = "the server wants a user and a password, or others than it was given"
            return StoreDeniedError(f"{self.where}: {why}; put those of {self.place} into ~/.netrc")
        if denied or any(word in self.told for word in _DENIED):
            why = f"the service does not let these credentials {doing} this ({self.answer.code or self.told})"
            pays = ", and where the requester pays, 'requester_pays: true' belongs to its endpoint"
            more = pays if self.scheme == "s3" and doing in {"read", "list"} else ""
            return StoreDeniedError(
                f"{self.where}: {why}; `bunter doctor {self.address}` says which rights are missing{more}"
            )
        if self.scheme.startswith("http") and any(word in self.told for word in _GIVES_ONLY):
            return StoreDeniedError(
                f"{self.where}: this server gives files out and neither takes nor lists them; name it in datastore.stores "
                "with 'read_only: true', beside a store that can be written"
            )
        return None

    def otherwise(self) -> ButlerError:
        told = self.told
        if "error sending request" in told:
            told = f"nothing answers{_at(told)}, so the endpoint is wrong, or the service or the network is down"
        return StoreUnavailableError(f"{self.where}: {told}; `bunter doctor {self.address}` looks for the cause")


def first_line(exc: BaseException) -> str:
    """Return what a client said, without markup, in at most 400 characters."""
    text = str(exc).split("\n\nDebug source")[0]
    return " ".join(_MARKUP.sub(" ", text).split())[:400]


def _at(told: str) -> str:
    asked = _SERVICE.search(told)
    return f" at {asked.group()}" if asked else ""
