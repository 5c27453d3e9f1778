"""Addresses of storage services, and what a site says about their endpoints; never a password."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bunter import effects, safe_yaml
from bunter.errors import ConfigurationError, near

__all__ = ["Endpoint", "StoreAddress", "endpoints", "is_store_address"]

_PLACES = "the environment, the credentials file of the service, or ~/.netrc"


class Endpoint(BaseModel):
    """What a site says about one storage service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str | None = Field(None, description="Address of the service, such as 'https://s3.example.org'.")
    region: str | None = Field(None, description="Region that requests are signed for.")
    path_style: bool = Field(True, description="Whether the bucket stands in the path rather than in the host's name.")
    credentials: str | None = Field(
        None, description="Profile of the credentials file of the service (~/.aws/credentials for S3)."
    )
    retry_s: float = Field(60.0, ge=0, description="How long failing requests are repeated, in seconds.")
    anonymous: bool = Field(False, description="Whether requests are sent without credentials.")


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


_OTHERS = {"postgresql", "postgres", "memory", "sqlite"}


def endpoints() -> dict[str, Endpoint]:
    """Return the endpoints of the site by name, from the YAML file named by ``BUNTER_ENDPOINTS``.

    Without that variable, ``~/.config/bunter/endpoints.yaml`` and ``/etc/bunter/endpoints.yaml`` are looked for. An entry that has
    the name of a scheme, such as ``s3``, counts for addresses that name no endpoint.
    """
    named = os.environ.get("BUNTER_ENDPOINTS")
    places = (
        [Path(named)] if named else [Path.home() / ".config/bunter/endpoints.yaml", Path("/etc/bunter/endpoints.yaml")]
    )
    path = next((path for path in places if effects.stat(path) is not None), None)
    if path is None:
        if named:
            raise ConfigurationError(f"BUNTER_ENDPOINTS names {named}, which is not there")
        return {}
    tree = safe_yaml.load(effects.read_bytes(path).decode())
    try:
        return TypeAdapter(dict[str, Endpoint]).validate_python(tree or {})
    except ValidationError as exc:
        first = exc.errors()[0]
        raise ConfigurationError(
            f"{path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}; an entry has "
            f"{', '.join(Endpoint.model_fields)}"
        ) from exc
