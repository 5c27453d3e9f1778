"""Repositories whose root is in a storage service: the configuration file lies there, the registry elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.butler.config import CONFIG_NAME
from bunter.database import is_server
from bunter.datastore.bucket import Upload
from bunter.datastore.services import open_bucket
from bunter.datastore.store_address import StoreAddress, is_store_address
from bunter.errors import ConfigurationError, KeyMissingError, RepositoryExistsError, RepositoryNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "RemoteFile",
    "check_database",
    "check_empty",
    "configuration_file",
    "is_remote",
    "remote_root",
    "with_database",
]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A small text in a storage service.

    Parameters
    ----------
    folder : StoreAddress
        Where it lies.
    name : str
        Its name there.
    """

    folder: StoreAddress
    name: str

    def read_text(self) -> str:
        """Return the text; KeyMissingError if there is none."""
        return open_bucket(self.folder).read(self.name)[0].decode()

    def write_text(self, text: str) -> None:
        """Write the text, whole."""
        content = text.encode()
        open_bucket(self.folder).write_many([Upload(self.name, content, len(content))])

    def __str__(self) -> str:
        return f"{self.folder}/{self.name}"


def is_remote(text: str) -> bool:
    """Whether an address names a root in a storage service; ``http`` and ``https`` belong to servers."""
    return is_store_address(text) and text.partition("://")[0] not in {"http", "https"}


def remote_root(text: str) -> StoreAddress:
    """Read the address of a root, or of the configuration file in it."""
    return StoreAddress.of(text.removesuffix(CONFIG_NAME))


def configuration_file(text: str) -> RemoteFile:
    """Return the configuration file of a repository; RepositoryNotFoundError if there is none."""
    file = RemoteFile(remote_root(text), CONFIG_NAME)
    try:
        file.read_text()
    except KeyMissingError as exc:
        raise RepositoryNotFoundError(
            f"no repository at {file.folder}; `bunter create {file.folder} --database ...` makes one"
        ) from exc
    return file


def check_empty(root: StoreAddress) -> None:
    """Refuse a root that holds anything."""
    first = next(iter(open_bucket(root).walk()), None)
    if first is None:
        return
    is_repository = open_bucket(root).stat_many([CONFIG_NAME])[0] is not None
    what = "is a repository already" if is_repository else f"is not empty (it holds {first[0]})"
    raise RepositoryExistsError(f"{root} {what}; choose an address where there is nothing")


def with_database(root: str | Path, argument: Mapping[str, Any] | None, database: str | None) -> dict[str, Any]:
    """Return the settings of a new repository with the place of its registry, which a remote root does not hold itself."""
    settings = dict(argument or {})
    if database is None:
        return settings
    if is_remote(str(root)) and not is_server(database):
        database = str(Path(database).absolute())
    return {**settings, "registry": {"database": database}}


def check_database(root: StoreAddress, database: str) -> None:
    """Refuse a registry inside a remote root."""
    if not is_server(database) and not database.startswith("/"):
        raise ConfigurationError(
            f"the registry of {root} cannot lie in the store; name a PostgreSQL database or a file of this machine: "
            f"`bunter create {root} --database /path/registry.sqlite3`"
        )
