"""What services answer when they will not, in sentences: the codes of S3, Azure and Google, and the statuses of HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bunter.errors import ButlerError, StoreDeniedError, StoreUnavailableError

__all__ = ["failure", "first_line"]

_SERVICE = re.compile(r"https?://[^/\s]+")
_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>")
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
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in ~/.aws/credentials",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}
_NOT_THERE = {"NoSuchBucket": "bucket", "ContainerNotFound": "container"}
_CREDENTIALS = {
    "InvalidAccessKeyId": "does not know the access key",
    "SignatureDoesNotMatch": "finds that the secret is not the one of the access key",
    "AuthenticationFailed": "does not take the account's key or token",
    "InvalidToken": "does not know the session's token",
    "ExpiredToken": "says that the session has expired",
}
_OTHERS = {
    "RequestTimeTooSkewed": "the clock of this machine is wrong by more than the service allows; set the time by NTP",
    "AuthorizationHeaderMalformed": "the region is another one; say it in AWS_REGION, or as 'region' of the endpoint",
    "PermanentRedirect": "the bucket is in another region; say it in AWS_REGION, or as 'region' of the endpoint",
    "QuotaExceeded": "the quota of the bucket is used up",
    "SlowDown": "the service asks for fewer requests, and went on asking until we gave up",
}

_DENIED = ("403 Forbidden", "401 Unauthorized", "CredentialsError")
_GIVES_ONLY = ("501 Not Implemented", "405 Method Not Allowed")


def failure(exc: BaseException, operation: str, where: str, address: str, *, denied: bool) -> ButlerError:
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
    """
    told, code = first_line(exc), _code(exc)
    asked = _Refused(where, address, told, code)
    return asked.by_code() or asked.by_status(_DOINGS.get(operation, "do"), denied=denied) or asked.otherwise()


@dataclass(frozen=True, slots=True)
class _Refused:
    """One request, and what came of it."""

    where: str
    address: str
    told: str
    code: str

    @property
    def scheme(self) -> str:
        return self.address.partition("://")[0]

    @property
    def place(self) -> str:
        """Bucket or host."""
        return self.address.partition("://")[2].partition("/")[0].rpartition("@")[2]

    def by_code(self) -> ButlerError | None:
        if self.code in _NOT_THERE:
            what = f"there is no {_NOT_THERE[self.code]} {self.place!r}{_at(self.told)}"
            return StoreUnavailableError(f"{what}; make it, or correct the address {self.address}")
        if self.code in _CREDENTIALS:
            why = f"the service {_CREDENTIALS[self.code]}; see {_KEYS[self.scheme]}"
            return StoreDeniedError(f"{self.where}: {why} ({self.code})")
        if self.code in _OTHERS:
            return StoreUnavailableError(f"{self.where}: {_OTHERS[self.code]} ({self.code})")
        return None

    def by_status(self, doing: str, *, denied: bool) -> ButlerError | None:
        if "401 Unauthorized" in self.told and self.scheme not in _KEYS:
            why = "the server wants a user and a password, or others than it was given"
            return StoreDeniedError(f"{self.where}: {why}; put those of {self.place} into ~/.netrc")
        if denied or any(word in self.told for word in _DENIED):
            why = f"the service does not let these credentials {doing} this ({self.code or self.told})"
            return StoreDeniedError(
                f"{self.where}: {why}; `bunter doctor {self.address}` says which rights are missing"
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


def _code(exc: BaseException) -> str:
    found = _CODE.search(str(exc))
    return found.group(1) if found else ""


def _at(told: str) -> str:
    asked = _SERVICE.search(told)
    return f" at {asked.group()}" if asked else ""
