"""A profile of Amazon's own tools: keys, a command that gives keys, and a region."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.errors import ConfigurationError, StoreDeniedError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AwsProfile", "KeysByCommand"]

_TIMEOUT_S = 60.0
_NAMES = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}


@dataclass(frozen=True, slots=True)
class AwsProfile:
    """What ``~/.aws/credentials`` and ``~/.aws/config`` say under one name.

    Parameters
    ----------
    name : str
        Of the profile.
    settings : mapping of str to str
        As they are written there; what the first file says counts more.
    """

    name: str
    settings: Mapping[str, str]

    @classmethod
    def find(cls, name: str | None = None) -> AwsProfile:
        """Read a profile: the one named, that of ``AWS_PROFILE``, or ``default``, which may be missing.

        Raises
        ------
        ConfigurationError
            If one is named that is not there.
        """
        wanted = name or os.environ.get("AWS_PROFILE")
        keys, more = _file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), _file("AWS_CONFIG_FILE", "config")
        known = {each.removeprefix("profile "): dict(more[each]) for each in more.sections()}
        for each in keys.sections():
            known[each] = {**known.get(each, {}), **keys[each]}
        if wanted and wanted not in known:
            raise ConfigurationError(
                f"{_path('AWS_SHARED_CREDENTIALS_FILE', 'credentials')} has no section [{wanted}]{near(wanted, known)} with "
                "aws_access_key_id and aws_secret_access_key"
            )
        return cls(wanted or "default", known.get(wanted or "default", {}))

    @property
    def keys(self) -> dict[str, str]:
        """Keys that are written there, by their names in clients."""
        return {new: self.settings[old] for old, new in _NAMES.items() if old in self.settings}

    @property
    def command(self) -> KeysByCommand | None:
        """What gives keys, if it is a command."""
        words = self.settings.get("credential_process")
        return None if words is None else KeysByCommand(self.name, tuple(shlex.split(words)))

    @property
    def needs_sign_in(self) -> bool:
        """Whether its keys come from a sign-in in a browser, which only Amazon's own tools can do."""
        return any(name.startswith("sso_") for name in self.settings)


@dataclass(frozen=True, slots=True)
class KeysByCommand:
    """Gives keys each time that a client needs new ones.

    Parameters
    ----------
    profile : str
        Name of the profile.
    words : tuple of str
        The command; it is that of the user's own file.
    """

    profile: str
    words: tuple[str, ...]

    def __call__(self) -> dict[str, Any]:
        """Run the command; StoreDeniedError if it gives none."""
        try:
            done = subprocess.run(self.words, capture_output=True, timeout=_TIMEOUT_S, check=True)  # noqa: S603 - see above
            told = json.loads(done.stdout)
            ends = told.get("Expiration")
            return {
                "access_key_id": told["AccessKeyId"],
                "secret_access_key": told["SecretAccessKey"],
                "token": told.get("SessionToken"),
                "expires_at": None if ends is None else datetime.fromisoformat(ends),
            }
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, AttributeError) as exc:
            said = getattr(exc, "stderr", None) or b""
            reason = said.decode(errors="replace").strip().partition("\n")[0] or type(exc).__name__
            raise StoreDeniedError(
                f"the credential_process of the profile {self.profile!r}, {self.words[0]!r}, gives no keys: {reason}; run it by hand"
            ) from None


def _path(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / ".aws" / name)


def _file(variable: str, name: str) -> configparser.RawConfigParser:
    path = _path(variable, name)
    parser = configparser.RawConfigParser()
    if effects.stat(path) is not None:
        try:
            parser.read_string(effects.read_bytes(path).decode(), str(path))
        except (configparser.Error, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"cannot read {path}: {exc}") from exc
    return parser
