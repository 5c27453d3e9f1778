"""Whether the machine itself gives out credentials, asked within a second: without this, libraries knock for minutes."""

from __future__ import annotations

import os
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bunter import effects
from bunter.errors import StoreDeniedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.datastore.store_address import StoreAddress

__all__ = ["METADATA", "RoleQuestion", "is_set", "refuse_without_role"]

METADATA = "http://169.254.169.254"
"""Where the machines of Amazon, Google and Microsoft give out the credentials of their role."""

_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class RoleQuestion:
    """What a machine with a role answers.

    Parameters
    ----------
    url : str
        Address on the machine's own network.
    headers : mapping
        What shows that no web page asks.
    method : str
        Of the request.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"


def refuse_without_role(
    address: StoreAddress, looked_in: Sequence[str], advice: str, question: RoleQuestion | None
) -> None:
    """Return if this machine has a role that may give credentials.

    Parameters
    ----------
    address : StoreAddress
        What is to be opened.
    looked_in : sequence of str
        Where credentials were looked for and not found.
    advice : str
        What gives credentials, as an instruction.
    question : RoleQuestion, optional
        What to ask this machine; None where it is not to be asked.

    Raises
    ------
    StoreDeniedError
        If it does not answer within a second, or has no role.
    """
    if question is not None and _is_answered(question):
        return
    role = "" if question is None else f", and {urlsplit(question.url).netloc} knows of no role of this machine"
    raise StoreDeniedError(
        f"no credentials for {address}: none in {', '.join(looked_in)}{role}; {advice}, or set 'anonymous: true' for its "
        "endpoint in the site's endpoint file if it is public"
    )


def _is_answered(question: RoleQuestion) -> bool:
    effects.request("role", question.url, changes=False)
    asked = urllib.request.Request(question.url, headers=dict(question.headers), method=question.method)  # noqa: S310 - http only
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(asked, timeout=_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def is_set(*names: str) -> bool:
    """Whether all of these environment variables have a value."""
    return all(os.environ.get(name) for name in names)
