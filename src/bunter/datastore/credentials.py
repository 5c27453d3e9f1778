"""Credentials from the standard places of the services: never from an address, a repository or a file of ours."""

from __future__ import annotations

import base64
import netrc
import os
from pathlib import Path

from bunter import effects
from bunter.errors import ConfigurationError

__all__ = ["netrc_header", "netrc_login"]


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
