"""Events posted to an address, signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.errors import SubscriptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset.event import Subscription

__all__ = ["SECRET_VARIABLE", "DeliveryError", "Webhook", "signature"]

SECRET_VARIABLE = "BUNTER_EVENTS_SECRET_{}"  # noqa: S105 - its name
"""Environment variable with the secret of a subscription: its name in capitals, ``-`` as ``_``."""

_TIMEOUT_S = 10.0
_CONTENT = "application/cloudevents-batch+json"


class DeliveryError(OSError):
    """A receiver did not take events.

    Parameters
    ----------
    message : str
        What it said.
    retry_after_s : float, optional
        How long it wants us to wait, in seconds.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Webhook:
    """Posts events to the address that is the target: a JSON array of CloudEvents; any answer 2xx takes them.

    With a secret in the environment the request is signed as Standard Webhooks says: the header ``webhook-signature`` is
    ``v1,`` and the Base64 text of the HMAC-SHA256 of ``{webhook-id}.{webhook-timestamp}.{body}``. Redirections are not
    followed: they would carry the events to somebody whom nobody named.

    Parameters
    ----------
    subscription : Subscription
        Its target is an ``http`` or ``https`` address.
    """

    def __init__(self, subscription: Subscription) -> None:
        if not subscription.target.startswith(("http://", "https://")):
            raise SubscriptionError(
                f"the target of a webhook is an address such as https://example.org/hook, not {subscription.target!r}"
            )
        self._name, self._target = subscription.name, subscription.target
        self._variable = SECRET_VARIABLE.format(subscription.name.upper().replace("-", "_"))
        self._opener = urllib.request.build_opener(_StayHere)

    def send(self, events: Sequence[dict[str, Any]]) -> None:
        """See `EventSink`."""
        body = json.dumps(events, ensure_ascii=False).encode()
        effects.request("post", self._target, changes=True)
        asked = urllib.request.Request(self._target, body, self._headers(events, body), method="POST")  # noqa: S310 - http only, see __init__
        try:
            with self._opener.open(asked, timeout=_TIMEOUT_S):
                pass  # whatever it says beside 2xx is its own affair
        except urllib.error.HTTPError as exc:
            exc.close()
            raise DeliveryError(
                f"{self._target} answered {exc.code} {exc.reason}", _seconds(exc.headers.get("Retry-After"))
            ) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise DeliveryError(
                f"{self._target} does not answer: {getattr(exc, 'reason', None) or exc or type(exc).__name__}"
            ) from exc

    def _headers(self, events: Sequence[dict[str, Any]], body: bytes) -> dict[str, str]:
        name = f"{self._name}-{events[0]['id']}-{events[-1]['id']}"
        headers = {
            "Content-Type": _CONTENT,
            "User-Agent": "bunter",
            "webhook-id": name,
            "webhook-timestamp": str(effects.now_ns() // 10**9),
        }
        if secret := os.environ.get(self._variable):
            headers["webhook-signature"] = signature(secret, name, headers["webhook-timestamp"], body)
        return headers

    def close(self) -> None:
        """See `EventSink`."""
        self._opener.close()


def signature(secret: str, name: str, timestamp: str, body: bytes) -> str:
    """Return the header ``webhook-signature`` of a request; receivers compute it anew and compare.

    Parameters
    ----------
    secret : str
        What sender and receiver share; a text that begins with ``whsec_`` is Base64, any other one is taken as it is.
    name, timestamp : str
        The headers ``webhook-id`` and ``webhook-timestamp`` (seconds since 1970, UTC).
    body : bytes
        The body as it was sent.
    """
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdecimal() else None


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection."""

    def redirect_request(self, *_args: Any) -> None:
        """Refuse; the answer becomes an error."""
