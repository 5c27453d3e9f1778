"""Whether anybody takes connections at the address of a service: asked at once, where requests are repeated for a while."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bunter import effects
from bunter.errors import StoreUnavailableError

__all__ = ["HasEndpoint", "knock"]

_TIMEOUT_S = 2.5
_PORTS = {"http": 80, "https": 443}


@runtime_checkable
class HasEndpoint(Protocol):
    """A bucket that knows where its service is."""

    @property
    def endpoint(self) -> str:
        """Address of the service, such as ``https://s3.example.org``; empty where it is not known before a request."""


def knock(endpoint: str) -> None:
    """Open a connection and close it again; nothing is asked where a proxy stands in between.

    Raises
    ------
    StoreUnavailableError
        If there is no such host, or it takes no connection within 2.5 s.
    """
    parts = urlsplit(endpoint)
    host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)
    if not host or not port or (parts.scheme in getproxies() and not proxy_bypass(parts.netloc)):
        return
    effects.request("knock", endpoint, changes=False)
    try:
        with closing(socket.create_connection((host, port), _TIMEOUT_S)):
            pass
    except OSError as exc:
        raise StoreUnavailableError(
            f"nothing answers at {parts.scheme}://{parts.netloc}, so the endpoint is wrong, or the service or the network is down"
        ) from exc
