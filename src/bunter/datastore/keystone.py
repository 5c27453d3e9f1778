"""Tokens of OpenStack's Keystone (version 3), with the settings that OpenStack's own clients take."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bunter import effects, safe_yaml
from bunter.errors import ConfigurationError, StoreDeniedError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Session", "keystone_settings", "log_in"]

_TIMEOUT_S = 30.0
_PLACES = ("clouds.yaml", "~/.config/openstack/clouds.yaml", "/etc/openstack/clouds.yaml")


@dataclass(frozen=True, slots=True)
class Session:
    """What Keystone gives.

    Parameters
    ----------
    account : str
        Address of the account in the object store.
    token : str
        Opens it for some hours.
    """

    account: str
    token: str


def keystone_settings() -> dict[str, str]:
    """Return the settings of Keystone, such as ``auth_url`` and ``username``; none where there is no ``auth_url``.

    They are those of the entry ``OS_CLOUD`` of ``clouds.yaml``, and above them the variables of the environment that begin with ``OS_``.

    Raises
    ------
    ConfigurationError
        If ``OS_CLOUD`` names an entry that is not there.
    """
    cloud = os.environ.get("OS_CLOUD")
    found = _of_cloud(cloud) if cloud else {}
    found |= {name[3:].lower(): value for name, value in os.environ.items() if name.startswith("OS_") and value}
    return found if "auth_url" in found else {}


def _of_cloud(name: str) -> dict[str, str]:
    named = os.environ.get("OS_CLIENT_CONFIG_FILE")
    paths = [Path(place).expanduser() for place in ([named] if named else _PLACES)]
    path = next((path for path in paths if effects.stat(path) is not None), None)
    if path is None:
        raise ConfigurationError(f"OS_CLOUD names {name!r}, and there is no {' or '.join(map(str, paths))}")
    clouds = (safe_yaml.load(effects.read_bytes(path)) or {}).get("clouds") or {}
    if name not in clouds:
        raise ConfigurationError(f"OS_CLOUD names {name!r}, which {path} does not have{near(name, clouds)}")
    entry = clouds[name]
    flat = {key: value for key, value in entry.items() if isinstance(value, str)}
    return {key: str(value) for key, value in {**flat, **(entry.get("auth") or {})}.items()}


def log_in(settings: Mapping[str, str]) -> Session:
    """Get a token and the place of the object store.

    Raises
    ------
    ConfigurationError
        If settings are lacking, or the catalogue has no object store for the region.
    StoreDeniedError
        If Keystone refuses user, password or project.
    """
    url = f"{settings['auth_url'].rstrip('/').removesuffix('/v3')}/v3/auth/tokens"
    status, headers, content = _post(url, {"auth": {"identity": _identity(settings), **_scope(settings)}})
    if status in {401, 403}:
        raise StoreDeniedError(f"{url} refuses {_who(settings)}; see OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME")
    if status != 201:
        raise ConnectionError(f"{url} gives no token (status {status})")
    catalogue = json.loads(content)["token"].get("catalog", [])
    return Session(_object_store(catalogue, settings, url), headers["x-subject-token"])


def _identity(settings: Mapping[str, str]) -> dict[str, Any]:
    if "application_credential_id" in settings:
        secret = _needed(settings, "application_credential_secret")
        known = {"id": settings["application_credential_id"], "secret": secret}
        return {"methods": ["application_credential"], "application_credential": known}
    if "token" in settings and "password" not in settings:
        return {"methods": ["token"], "token": {"id": settings["token"]}}
    user: dict[str, Any] = {"password": _needed(settings, "password")}
    if "user_id" in settings:
        user["id"] = settings["user_id"]
    else:
        user |= {"name": _needed(settings, "username"), "domain": _domain(settings, "user")}
    return {"methods": ["password"], "password": {"user": user}}


def _scope(settings: Mapping[str, str]) -> dict[str, Any]:
    """Say which project is meant; application credentials have theirs already."""
    if "application_credential_id" in settings:
        return {}
    if "project_id" in settings:
        return {"scope": {"project": {"id": settings["project_id"]}}}
    name = settings.get("project_name") or settings.get("tenant_name")
    return {"scope": {"project": {"name": name, "domain": _domain(settings, "project")}}} if name else {}


def _domain(settings: Mapping[str, str], of: str) -> dict[str, str]:
    if found := settings.get(f"{of}_domain_id"):
        return {"id": found}
    named = settings.get(f"{of}_domain_name")
    return {"name": named} if named else {"id": settings.get("default_domain_id", "default")}


def _needed(settings: Mapping[str, str], name: str) -> str:
    try:
        return settings[name]
    except KeyError:
        raise ConfigurationError(
            f"{settings['auth_url']} needs OS_{name.upper()} in the environment, or {name} in clouds.yaml"
        ) from None


def _who(settings: Mapping[str, str]) -> str:
    if "application_credential_id" in settings:
        return f"the application credential {settings['application_credential_id']!r}"
    project = settings.get("project_name") or settings.get("project_id")
    return f"the user {settings.get('username', settings.get('user_id'))!r} for the project {project!r}"


def _object_store(catalogue: list[dict[str, Any]], settings: Mapping[str, str], url: str) -> str:
    wanted, region = settings.get("interface", "public").removesuffix("URL"), settings.get("region_name")
    endpoints = [each for entry in catalogue if entry["type"] == "object-store" for each in entry["endpoints"]]
    fitting = [each["url"] for each in endpoints if each["interface"] == wanted and region in {None, each["region"]}]
    if not fitting:
        known = ", ".join(sorted({f"{each['region']} ({each['interface']})" for each in endpoints})) or "none"
        raise ConfigurationError(
            f"the catalogue of {url} has no object store for {_who(settings)} in region {region!r} ({wanted}); it has {known}"
        )
    return str(fitting[0]).rstrip("/")


def _post(url: str, body: object) -> tuple[int, dict[str, str], bytes]:
    effects.request("token", url, changes=False)
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(kind(parts.netloc, timeout=_TIMEOUT_S)) as connection:
        connection.request("POST", parts.path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content
