"""Places on this machine that exports, bundles and dumps are written to, and read from."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from bunter.errors import ConfigurationError

__all__ = ["local_place"]

_FILE = "file://"


def local_place(path: str | Path, what: str) -> Path:
    """Return the absolute path of a file or folder of this machine.

    Parameters
    ----------
    path : str or Path
        The path; ``file:///...`` is one as well.
    what : str
        What lies there, for the message, such as "an export".

    Raises
    ------
    ConfigurationError
        If it is an address: as a path it would be a folder named ``s3:`` beside the user.
    """
    text = os.fspath(path)
    if text.startswith(f"{_FILE}/"):
        return Path(unquote(text[len(_FILE) :])).absolute()
    if "://" in text:
        raise ConfigurationError(
            f"{text} is an address, but {what} lies in the file system: name a path, and copy it from or to the service with a "
            "tool of that service; between repositories, `bunter transfer-datasets` and `bunter sync` go to any store"
        )
    return Path(text).absolute()
