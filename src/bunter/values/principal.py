"""Who asks for something."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The person or service on whose behalf a change is made.

    Parameters
    ----------
    user : str
        Name of the account.
    host : str
        Name of the machine.
    """

    user: str
    host: str

    @classmethod
    def current(cls) -> Principal:
        """Account and machine of this process."""
        return cls(user=_account(), host=os.uname().nodename)

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


def _account() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return os.environ.get("USER") or f"uid{os.geteuid()}"
