"""Which format, template and acceptance a dataset type gets from the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bunter.datastore.composites import component_formats
from bunter.datastore.format import format_of, formats_for
from bunter.datastore.template import DEFAULT, Template
from bunter.errors import ConfigurationError, FormatError
from bunter.storage_class import storage_class as named_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.dataset import DatasetType
    from bunter.datastore.config import ConstraintsConfig, DatastoreConfig
    from bunter.datastore.format import Format
    from bunter.storage_class import StorageClass

__all__ = [
    "Choice",
    "check_configuration",
    "choose",
    "has_instruments",
    "has_instruments_among",
    "is_cacheable",
    "takes",
]


@dataclass(frozen=True, slots=True)
class Choice:
    """How datasets of one type are stored.

    Parameters
    ----------
    storage_class : StorageClass
        What they are in memory.
    format : Format
        What writes them.
    template : Template
        What names them.
    accepted : bool
        Whether they may be stored here.
    components : mapping of str to Format
        What writes each component, where composites are kept in several artifacts; else empty.
    """

    storage_class: StorageClass
    format: Format
    template: Template
    accepted: bool
    components: Mapping[str, Format] = field(default_factory=dict)


def choose(config: DatastoreConfig | None, dataset_type: DatasetType, instrument: object = None) -> Choice:
    """Look up how a dataset type is stored.

    Parameters
    ----------
    config : DatastoreConfig or None
        What is configured; None for the package's defaults.
    dataset_type : DatasetType
        The type.
    instrument : str, optional
        Instrument of the data ID, for what is configured by instrument.

    Raises
    ------
    FormatError
        If no format is known for its storage class.
    """
    keys = list(_keys(dataset_type, instrument))
    storage_class = named_class(dataset_type.storage_class)
    configured = None if config is None else next((config.formats[key] for key in keys if key in config.formats), None)
    name = configured or formats_for(storage_class.name, storage_class.python_type)
    if name is None:
        raise FormatError(
            f"no format is known for storage class {storage_class.name!r}; set one in bunter.yaml, "
            f"as in 'datastore: {{formats: {{{storage_class.name}: json}}}}'"
        )
    templates = {} if config is None else config.templates
    text = next((templates[key] for key in keys if key in templates), DEFAULT)
    components = _components(config, keys, storage_class)
    return Choice(storage_class, format_of(name), Template(text), _accepted(config, keys), components)


def _components(config: DatastoreConfig | None, keys: list[str], storage_class: StorageClass) -> dict[str, Format]:
    """Return the formats of the components of a composite kept in several artifacts; empty for any other."""
    if config is None or not next((config.composites[key] for key in keys if key in config.composites), False):
        return {}

    def configured(component: str, part: str) -> str | None:
        names = (*(f"{key}.{component}" for key in keys), part)
        return next((config.formats[key] for key in names if key in config.formats), None)

    return component_formats(storage_class, configured)


def takes(constraints: ConstraintsConfig, dataset_type: DatasetType, instrument: object = None) -> bool:
    """Whether constraints let a dataset type in, of an instrument or whatever the instrument."""
    return _permitted(constraints, list(_keys(dataset_type, instrument)))


def is_cacheable(config: DatastoreConfig | None, dataset_type: DatasetType) -> bool:
    """Whether the cache may keep datasets of a type."""
    said = {} if config is None else config.cache.cacheable
    return next((said[key] for key in _keys(dataset_type, None) if key in said), True)


def has_instruments(config: DatastoreConfig) -> bool:
    """Whether anything is configured by instrument."""
    named = (*config.templates, *config.formats)
    return has_instruments_among(config.constraints) or any(key.startswith("instrument<") for key in named)


def has_instruments_among(constraints: ConstraintsConfig) -> bool:
    """Whether constraints tell instruments apart."""
    return any(key.startswith("instrument<") for key in (*constraints.accept, *constraints.reject))


def _keys(dataset_type: DatasetType, instrument: object) -> Iterator[str]:
    """Keys of the configuration that mean this dataset type, the most special first."""
    group = dataset_type.dimensions
    special = (dataset_type.name, group.key, "+".join(sorted(group.required)), dataset_type.storage_class)
    if instrument is not None:
        yield from (f"instrument<{instrument}>.{key}" for key in special)
        yield f"instrument<{instrument}>"
    yield from special
    yield "default"


def _accepted(config: DatastoreConfig | None, keys: list[str]) -> bool:
    return config is None or _permitted(config.constraints, keys)


def _permitted(constraints: ConstraintsConfig, keys: list[str]) -> bool:
    named = set(keys[:-1])
    accept, reject = set(constraints.accept), set(constraints.reject)
    if named & accept:
        return True
    if named & reject or "all" in reject:
        return False
    return not accept or "all" in accept


def check_configuration(config: DatastoreConfig) -> None:
    """Refuse a configuration whose templates or formats cannot be used."""
    for where, text in config.templates.items():
        try:
            Template(text)
        except ValueError as exc:
            raise ConfigurationError(f"datastore.templates.{where}: {exc}") from exc
    for where, name in config.formats.items():
        try:
            format_of(name)
        except FormatError as exc:
            raise ConfigurationError(f"datastore.formats.{where}: {exc}") from exc
