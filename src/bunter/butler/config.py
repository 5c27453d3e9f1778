"""The configuration of a repository: one YAML file, read once into one frozen model, in layers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bunter import safe_yaml
from bunter.database import ServerAddress, is_server
from bunter.datastore.config import DatastoreConfig
from bunter.errors import ConfigurationError, near

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "CONFIG_NAME",
    "EXPORT_NAME",
    "Configuration",
    "RegistryConfig",
    "RepositoryConfig",
    "TextFile",
    "load_configuration",
]

CONFIG_NAME = "bunter.yaml"
EXPORT_NAME = "bunter-export.json"
"""Name of the file that makes a folder an export, see `bunter.butler.transfers`."""

FORMAT_VERSION = 1


class ServerConfig(BaseModel):
    """How a PostgreSQL server is used, where the registry is on one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_name: str | None = Field(
        None, description="Schema that holds the tables, if the address names none (`bunter` by default)."
    )
    connect_timeout_s: float = Field(10.0, gt=0, description="Longest wait for a connection, in seconds.")
    statement_timeout_s: float = Field(
        0.0, ge=0, description="Longest time for one statement, in seconds; 0 is no limit."
    )
    idle_timeout_s: float = Field(60.0, gt=0, description="A connection unused for so long is given back, in seconds.")
    pool_size: int = Field(16, ge=1, description="Most connections of one process to one repository.")


class RegistryConfig(BaseModel):
    """Where the registry is and how long a writer waits for its turn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str = Field(
        "registry.sqlite3",
        description="File of the SQLite database, relative to the root, or an address such as "
        "`postgresql://user@host/database?schema=name`, without a password.",
    )
    lock_timeout_s: float = Field(300.0, gt=0, description="Longest wait for the write lock, in seconds.")
    server: ServerConfig = Field(default_factory=ServerConfig)

    @field_validator("database")
    @classmethod
    def _without_password(cls, database: str) -> str:
        if is_server(database):
            ServerAddress.of(database)
        return database


class RepositoryConfig(BaseModel):
    """Everything that is configured about a repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(FORMAT_VERSION, description="Version of this file's layout.")
    registry: RegistryConfig = Field(default_factory=RegistryConfig)
    datastore: DatastoreConfig = Field(default_factory=DatastoreConfig)
    shared: bool = Field(
        False, description="Whether all files can be written by the group that owns the folder, whoever makes them."
    )
    runs: str | None = Field(
        None,
        description="Folder for what is kept of runs: graphs, journals, logs. By default the repository's own; for one in a "
        "storage service a folder beside the file of the registry, or of the user where that is on a server.",
    )
    resolver: str | None = Field(
        None,
        description="Where positions of objects are looked up by name: 'sesame' (over the network), or a .ecsv or .csv file with "
        "name, ra, dec (ICRS degrees), relative to the root; without it names are not looked up.",
    )


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration with the source of each value.

    Parameters
    ----------
    model : RepositoryConfig
        The values.
    sources : mapping of str to str
        Dotted name of each value that is not the package's default, to the layer it comes from.
    """

    model: RepositoryConfig
    sources: Mapping[str, str]

    def rows(self) -> list[tuple[str, object, str]]:
        """Return every value as (dotted name, value, source), in order."""
        return [(".".join(place), value, source) for place, value, source in self.places()]

    def places(self) -> list[tuple[tuple[str, ...], object, str]]:
        """Return every value with the keys that lead to it, which may have dots in them, and its source."""
        found = _places(self.model.model_dump(mode="json"))
        return [(place, value, self._source(".".join(place))) for place, value in found]

    def _source(self, name: str) -> str:
        if f"{name}.default" in self.sources:  # of an instrument, which the model writes shorter
            return self.sources[f"{name}.default"]
        while name:
            if name in self.sources:
                return self.sources[name]
            name = name.rpartition(".")[0]
        return "package"


def _places(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _places(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value


class TextFile(Protocol):
    """A file that can be read, wherever it is; as text it is its address."""

    def read_text(self) -> str:
        """Return what it holds."""


def _read_yaml(path: TextFile) -> dict[str, Any]:
    try:
        tree = safe_yaml.load(path.read_text())
    except OSError as exc:
        raise ConfigurationError(f"cannot read configuration {path}: {exc.strerror}") from exc
    except yaml.YAMLError as exc:
        raise ConfigurationError(f"{path} is not YAML: {' '.join(str(exc).split())}") from exc
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{path} must hold a mapping such as 'datastore: ...', not a {type(tree).__name__}")
    return tree


def _site_file() -> Path | None:
    if named := os.environ.get("BUNTER_SITE_CONFIG"):
        return Path(named)
    places = (Path.home() / ".config/bunter/config.yaml", Path("/etc/bunter/config.yaml"))
    return next((path for path in places if path.is_file()), None)


def _from_environment() -> dict[str, Any]:
    """Read ``BUNTER_CONFIG__DATASTORE__ROOT=...`` and the like: double underscores are dots."""
    tree: dict[str, Any] = {}
    for name, text in os.environ.items():
        if name.startswith("BUNTER_CONFIG__"):
            *parents, last = name.removeprefix("BUNTER_CONFIG__").lower().split("__")
            branch = tree
            for parent in parents:
                branch = branch.setdefault(parent, {})
            branch[last] = safe_yaml.load(text)
    return tree


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def load_configuration(
    repository_file: TextFile | None = None, *, seed: Path | None = None, argument: Mapping[str, Any] | None = None
) -> Configuration:
    """Read all layers: package < site < repository < environment < argument.

    Parameters
    ----------
    repository_file : TextFile, optional
        ``bunter.yaml`` of a repository, in a folder or in a store.
    seed : Path, optional
        A partial file given when a repository is created; takes the repository's place.
    argument : mapping, optional
        Values given in the call.

    Raises
    ------
    ConfigurationError
        If a file cannot be read, or a value is unknown or wrong; the message names the layer and the value.
    """
    layers: list[tuple[str, Mapping[str, Any]]] = []
    if (site := _site_file()) is not None:
        layers.append((f"site {site}", _read_yaml(site)))
    layers += [(f"repository {path}", _read_yaml(path)) for path in (repository_file, seed) if path is not None]
    layers += [("environment", _from_environment()), ("argument", argument or {})]
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer, tree in layers:
        merged = _merge(merged, tree)
        sources.update({".".join(place): layer for place, _ in _places(tree)})
    return Configuration(_validated(merged, sources), sources)


def _validated(tree: Mapping[str, Any], sources: Mapping[str, str]) -> RepositoryConfig:
    try:
        model = RepositoryConfig.model_validate(tree)
    except ValidationError as exc:
        raise ConfigurationError("; ".join(_sentence(dict(error), sources) for error in exc.errors())) from exc
    if model.format > FORMAT_VERSION:
        raise ConfigurationError(
            f"this repository has format {model.format}, and this version of Bunter knows up to {FORMAT_VERSION}; upgrade Bunter"
        )
    return model


def _sentence(error: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    layer = next(
        (where for known, where in sources.items() if known == name or known.startswith(f"{name}.")), "package"
    )
    if error["type"] == "extra_forbidden":
        return f"unknown setting {name!r} ({layer}){near(str(error['loc'][-1]), _names_beside(error['loc']))}"
    return f"setting {name!r} ({layer}): {error['msg'].removeprefix('Value error, ')}"


def _names_beside(location: tuple[str | int, ...]) -> list[str]:
    model: Any = RepositoryConfig
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field is not None else None
    return list(getattr(model, "model_fields", {}))
