"""What the clients of S3, Google and Azure are told: endpoint, region, and credentials from the standard places of each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bunter import effects
from bunter.datastore.aws_profile import AwsProfile
from bunter.datastore.instance_role import METADATA, RoleQuestion, is_set, refuse_without_role
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from bunter.datastore.aws_profile import KeysByCommand
    from bunter.datastore.store_address import StoreAddress

__all__ = ["CloudOptions", "azure_options", "endpoint_of", "google_options", "s3_options"]


@dataclass(frozen=True, slots=True)
class CloudOptions:
    """What a client is told.

    Parameters
    ----------
    config : dict
        Options of the service by their names in obstore.
    endpoint : str
        Address of the service, empty for its usual one; plain http is allowed where this says so.
    keys : KeysByCommand, optional
        Gives keys when they are needed, where they are not among the options.
    headers : dict, optional
        What goes along with every request.
    """

    config: dict[str, Any]
    endpoint: str = ""
    keys: KeysByCommand | None = None
    headers: dict[str, str] | None = None

    @property
    def allows_http(self) -> bool:
        """Whether requests may go without encryption."""
        return self.endpoint.startswith("http://")


def s3_options(address: StoreAddress) -> CloudOptions:
    """Return the options for S3; StoreDeniedError where there are no credentials."""
    profile = address.profile
    endpoint = profile.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    named = AwsProfile.find(profile.credentials)
    region = profile.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    region = region or named.settings.get("region", "us-east-1")
    config: dict[str, Any] = {"region": region, "virtual_hosted_style_request": not profile.path_style}
    if endpoint:
        config["endpoint"] = endpoint
    if profile.requester_pays:
        config["request_payer"] = True
    if profile.anonymous:
        return CloudOptions({**config, "skip_signature": True}, endpoint)
    if profile.credentials is None and is_set("AWS_ACCESS_KEY_ID"):
        found = {name: os.environ[f"AWS_{name.upper()}"] for name in _KEYS if is_set(f"AWS_{name.upper()}")}
        return CloudOptions({**config, **found}, endpoint)
    if named.keys:
        return CloudOptions({**config, **named.keys}, endpoint)
    if (command := named.command) is not None:
        return CloudOptions(config, endpoint, command)
    return CloudOptions({**config, **_aws_role(address, named)}, endpoint)


_KEYS = ("access_key_id", "secret_access_key", "session_token")


def _aws_role(address: StoreAddress, named: AwsProfile) -> dict[str, str]:
    if is_set("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"):
        return {}
    if is_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or is_set("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        return {}
    host = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", METADATA).rstrip("/")
    seconds = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    question: RoleQuestion | None = RoleQuestion(f"{host}/latest/api/token", seconds, "PUT")
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        question = None
    advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`"
    if named.needs_sign_in:
        again = f"aws configure export-credentials --profile {named.name} --format process"
        advice = f"the profile {named.name!r} signs in by a browser, so give another one 'credential_process = {again}'"
    refuse_without_role(
        address,
        ("AWS_ACCESS_KEY_ID", os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")),
        advice,
        question,
    )
    return {"metadata_endpoint": host}


def google_options(address: StoreAddress) -> CloudOptions:
    """Return the options for Google; StoreDeniedError where there are no credentials.

    An endpoint comes from the profile, ``GOOGLE_BASE_URL`` or ``STORAGE_EMULATOR_HOST``; in a profile, ``credentials`` is the
    path of a service account's file.
    """
    profile = address.profile
    endpoint = profile.endpoint or os.environ.get("GOOGLE_BASE_URL") or os.environ.get("STORAGE_EMULATOR_HOST") or ""
    if endpoint and "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    config: dict[str, Any] = {"base_url": endpoint.rstrip("/")} if endpoint else {}
    headers = {"x-goog-user-project": profile.billed_project} if profile.billed_project else None
    if profile.anonymous:
        return CloudOptions({**config, "skip_signature": True}, endpoint, headers=headers)
    if profile.credentials:
        path = Path(profile.credentials).expanduser()
        _refuse_missing(address, path, "'credentials' of its endpoint")
        return CloudOptions({**config, "service_account": str(path)}, endpoint, headers=headers)
    _find_google_credentials(address)
    return CloudOptions(config, endpoint, headers=headers)


_GOOGLE = (
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
    "GOOGLE_SKIP_SIGNATURE",
)


def _find_google_credentials(address: StoreAddress) -> None:
    if any(is_set(name) for name in _GOOGLE):
        return
    if named := os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        _refuse_missing(address, Path(named), "GOOGLE_APPLICATION_CREDENTIALS")
        return
    usual = Path.home() / ".config/gcloud/application_default_credentials.json"
    if effects.stat(usual) is not None:
        return
    host = os.environ.get("GCE_METADATA_HOST") or os.environ.get("GCE_METADATA_IP") or urlsplit(METADATA).netloc
    email = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/email"
    refuse_without_role(
        address,
        ("GOOGLE_APPLICATION_CREDENTIALS", str(usual)),
        "name the file of a service account in GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`",
        RoleQuestion(email, {"Metadata-Flavor": "Google"}),
    )


def _refuse_missing(address: StoreAddress, path: Path, named_by: str) -> None:
    if effects.stat(path) is None:
        raise ConfigurationError(f"no credentials for {address}: {named_by} names {path}, which is not there")


def azure_options(address: StoreAddress) -> CloudOptions:
    """Return the options for Azure; StoreDeniedError where there are no credentials.

    The account comes from ``AZURE_STORAGE_CONNECTION_STRING``, ``AZURE_STORAGE_ACCOUNT_NAME``, or the host of the endpoint.
    """
    profile = address.profile
    config, endpoint = _connection_string()
    if profile.endpoint or (named := os.environ.get("AZURE_STORAGE_ENDPOINT")):
        endpoint = profile.endpoint or named or ""
    if endpoint:
        config["endpoint"] = endpoint
    config.setdefault("account_name", os.environ.get("AZURE_STORAGE_ACCOUNT_NAME") or _account_of(endpoint))
    if not config["account_name"]:
        raise ConfigurationError(
            f"{address} does not say whose container it is: set AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_CONNECTION_STRING, "
            "or an endpoint such as https://account.blob.core.windows.net in the endpoint file of the site"
        )
    if profile.anonymous:
        return CloudOptions({**config, "skip_signature": True}, endpoint)
    if "account_key" not in config and "sas_key" not in config:
        _find_azure_credentials(address)
    return CloudOptions(config, endpoint)


def _connection_string() -> tuple[dict[str, Any], str]:
    """Read what Azure's own tools take, such as ``AccountName=...;AccountKey=...;BlobEndpoint=...``."""
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    given = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    names = {"AccountName": "account_name", "AccountKey": "account_key", "SharedAccessSignature": "sas_key"}
    return {new: given[old] for old, new in names.items() if given.get(old)}, given.get("BlobEndpoint", "")


def _account_of(endpoint: str) -> str:
    """Return the account that an endpoint names: the first word of its host, or of its path where the host is an address."""
    parts = urlsplit(endpoint)
    first = parts.path.strip("/").partition("/")[0]
    return first or ((parts.hostname or "").partition(".")[0] if ".blob." in (parts.hostname or "") else "")


_AZURE = (
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USE_AZURE_CLI",
    "AZURE_SKIP_SIGNATURE",
    "IDENTITY_ENDPOINT",
)


def _find_azure_credentials(address: StoreAddress) -> None:
    if any(is_set(name) for name in _AZURE):
        return
    refuse_without_role(
        address,
        (
            "AZURE_STORAGE_CONNECTION_STRING",
            "AZURE_STORAGE_ACCOUNT_KEY",
            "AZURE_STORAGE_SAS_TOKEN",
            "AZURE_CLIENT_SECRET",
        ),
        "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_USE_AZURE_CLI=true after `az login`",
        RoleQuestion(f"{METADATA}/metadata/instance?api-version=2021-02-01", {"Metadata": "true"}),
    )


_PLAIN = {"webdav": "http", "webdavs": "https"}


def endpoint_of(address: StoreAddress) -> str:
    """Return the address of the service that a place is in."""
    if address.scheme == "s3":
        options = s3_options(address)
        return options.endpoint or f"https://s3.{options.config['region']}.amazonaws.com"
    if address.scheme == "gs":
        return google_options(address).endpoint or "https://storage.googleapis.com"
    if address.scheme == "az":
        azure = azure_options(address)
        return azure.endpoint or f"https://{azure.config['account_name']}.blob.core.windows.net"
    return f"{_PLAIN.get(address.scheme, address.scheme)}://{address.place}"
