"""What a site says about the endpoints of storage services; never a password."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bunter import effects, safe_yaml
from bunter.errors import ConfigurationError

__all__ = ["Endpoint", "endpoints"]


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
    requester_pays: bool = Field(False, description="Whether you pay for requests to buckets of others (S3).")
    billed_project: str | None = Field(
        None, description="Project that pays for requests to buckets of others (Google)."
    )
    anonymous: bool = Field(False, description="Whether requests are sent without credentials.")


def endpoints() -> dict[str, Endpoint]:
    """Return the endpoints of the site by name, from the YAML file named by ``BUNTER_ENDPOINTS``.

    Without that variable, ``~/.config/bunter/endpoints.yaml`` and ``/etc/bunter/endpoints.yaml`` are looked for. An entry that has
    the name of a scheme, such as ``s3``, counts for addresses that name no endpoint.

    Raises
    ------
    ConfigurationError
        If a file that is named is not there, or cannot be meant.
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
