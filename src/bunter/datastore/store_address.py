"""Addresses of places in storage services; never a password in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from bunter.errors import ConfigurationError, near

if TYPE_CHECKING:
    from bunter.datastore.endpoints import Endpoint

__all__ = ["StoreAddress", "is_store_address"]

_PLACES = "the environment, the credentials file of the service, or ~/.netrc"
_OTHERS = {"postgresql", "postgres", "memory", "sqlite"}


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """An address such as ``s3://profile@bucket/prefix``.

    Parameters
    ----------
    scheme : str
        Kind of service.
    place : str
        Bucket, container or host with port.
    prefix : str
        Path inside it, without slashes at the ends.
    name : str
        Of the endpoint profile (of the user, for hosts); empty for none.
    """

    scheme: str
    place: str
    prefix: str
    name: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """Read an address.

        Raises
        ------
        ConfigurationError
            If it holds a password, a key or a token, or names no bucket or host.
        """
        try:
            parts = urlsplit(text)
        except ValueError as exc:
            raise ConfigurationError("the address of a store looks like s3://bucket/prefix") from exc
        name, _, place = parts.netloc.rpartition("@")
        if ":" in name or parts.query or parts.fragment:
            raise ConfigurationError(
                f"the address {parts.scheme}://...@{place} may hold no password, key or token; put these into {_PLACES}"
            )
        prefix = parts.path.strip("/")
        if ".." in prefix.split("/") or (not place and parts.scheme not in {"file", "memory"}):
            raise ConfigurationError(f"{text!r} names no bucket or host; an address looks like s3://bucket/prefix")
        return cls(parts.scheme.lower(), place, prefix, name)

    def below(self, path: str) -> Self:
        """Return the address of a path below this one."""
        joined = "/".join(part for part in (self.prefix, path.strip("/")) if part and part != ".")
        return type(self)(self.scheme, self.place, joined, self.name)

    @property
    def profile(self) -> Endpoint:
        """What the site says about the endpoint that the address names; ConfigurationError for an unknown name."""
        from bunter.datastore.endpoints import Endpoint, endpoints

        known = endpoints()
        if not self.name:
            return known.get(self.scheme, Endpoint())
        if self.name not in known:
            raise ConfigurationError(
                f"{self} names the endpoint {self.name!r}, which the site's endpoint file does not have{near(self.name, known)}; "
                "see BUNTER_ENDPOINTS"
            )
        return known[self.name]

    def __str__(self) -> str:
        place = f"{self.name}@{self.place}" if self.name else self.place
        return f"{self.scheme}://{place}" + (f"/{self.prefix}" if self.prefix else "")


def is_store_address(text: object) -> bool:
    """Whether a text is the address of a storage service, not a path, nor a repository's database or server."""
    if not isinstance(text, str):
        return False
    scheme, found, _ = text.partition("://")
    return bool(found) and scheme.replace("+", "").isalnum() and scheme not in _OTHERS
