"""Credentials from the standard places of the services: never from an address, a repository or a file of ours."""

from __future__ import annotations

import base64
import configparser
import netrc
import os
from pathlib import Path

from bunter import effects
from bunter.errors import ConfigurationError

__all__ = ["aws_credentials", "netrc_header", "netrc_login"]

_NAMES = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}


def aws_credentials(profile: str | None = None) -> dict[str, str]:
    """Return keys for S3; nothing where the service's own chain (web identity, instance metadata) is to decide.

    Parameters
    ----------
    profile : str, optional
        Section of the credentials file; without it, keys in the environment come first, then the section ``AWS_PROFILE`` or
        ``default``.

    Raises
    ------
    ConfigurationError
        If a section is asked for that is not there.
    """
    if profile is None and "AWS_ACCESS_KEY_ID" in os.environ:
        return {new: os.environ[old.upper()] for old, new in _NAMES.items() if old.upper() in os.environ}
    wanted = profile or os.environ.get("AWS_PROFILE")
    path = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws/credentials")
    parser = configparser.RawConfigParser()
    if effects.stat(path) is not None:
        parser.read_string(effects.read_bytes(path).decode(), str(path))
    if wanted and not parser.has_section(wanted):
        raise ConfigurationError(f"{path} has no section [{wanted}] with aws_access_key_id and aws_secret_access_key")
    section = wanted or "default"
    if not parser.has_section(section):
        return {}
    return {new: parser.get(section, old) for old, new in _NAMES.items() if parser.has_option(section, old)}


def netrc_login(host: str) -> tuple[str, str] | None:
    """Return user and password for a host from ``~/.netrc`` or the file named by ``NETRC``; None where it has none."""
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if effects.stat(path) is None:
        return None
    try:
        book = netrc.netrc(os.fspath(path))
    except netrc.NetrcParseError as exc:
        raise ConfigurationError(f"cannot read {path}: {exc}") from exc
    found = book.authenticators(host) or book.authenticators(host.partition(":")[0])
    return None if found is None else (found[0], found[2] or "")


def netrc_header(host: str) -> str | None:
    """Return the header ``Authorization`` for a host from ``~/.netrc``; None where that has none."""
    login = netrc_login(host)
    return None if login is None else f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"
