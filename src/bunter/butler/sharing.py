"""Repositories that a group of people writes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bunter import effects
from bunter.errors import ConfigurationError, near

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["share_folder"]


def share_folder(root: Path, group: str | None) -> None:
    """Make the folder of a new repository so that its group may write all that comes into it.

    Parameters
    ----------
    root : Path
        The folder; made if it is not there.
    group : str, optional
        Name of the group; None leaves the folder to the group it has.

    Raises
    ------
    ConfigurationError
        If there is no such group, or the user may not give files to it.
    """
    number = -1 if group is None else _number(group)
    effects.share(root)
    effects.mkdirs(root)
    try:
        if number >= 0:
            os.chown(root, -1, number)
        effects.chmod(root, 0o2775)
    except PermissionError as exc:
        raise ConfigurationError(
            f"{root} cannot be given to the group {group or 'of its own'}: {exc.strerror}; ask somebody who is in that group"
        ) from exc


def _number(group: str) -> int:
    import grp

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        known = [each.gr_name for each in grp.getgrall()]
        raise ConfigurationError(f"there is no group {group!r}{near(group, known)}; `id -Gn` lists yours") from None
