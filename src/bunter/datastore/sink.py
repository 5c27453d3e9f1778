"""Places that take values out of datasets, beside the stores that keep them: metrics tables, catalogues, other databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bunter.errors import ConfigurationError, near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Transaction
    from bunter.dataset import DatasetRef
    from bunter.datastore.config import DatastoreConfig, SinkConfig

__all__ = ["InnerSink", "KeepingSink", "OuterSink", "SinkItem", "opened_sinks", "scalars_of"]


@dataclass(frozen=True, slots=True)
class SinkItem:
    """A dataset for a sink.

    Parameters
    ----------
    ref : DatasetRef
        Which one: id, type, run and data ID.
    content : object
        The dataset.
    """

    ref: DatasetRef
    content: object


@runtime_checkable
class InnerSink(Protocol):
    """A sink in the repository's own database: it takes and gives up rows in a transaction."""

    def append(self, tx: Transaction, items: Sequence[SinkItem]) -> None:
        """Take datasets in; what was there of them is replaced."""

    def remove(self, tx: Transaction, ids: Sequence[bytes]) -> None:
        """Give up datasets; one that is not there is no error."""


@runtime_checkable
class KeepingSink(InnerSink, Protocol):
    """A sink that may be the only place of datasets, whose content is in the database beside its rows."""

    def check(self, items: Sequence[SinkItem]) -> None:
        """Refuse datasets of which it would have no rows; FormatError or StorageClassError say what fits."""


@runtime_checkable
class OuterSink(Protocol):
    """A sink elsewhere. Each dataset is sent at least once: the same id again means the same dataset.

    Found by its short name among the entry points ``bunter.sinks``, which are called with name and configuration.
    """

    def send(self, items: Sequence[SinkItem]) -> None:
        """Send datasets; OSError if that failed, and they are sent again later."""

    def forget(self, ids: Sequence[bytes]) -> None:
        """Tell that datasets were removed; OSError if that failed."""


_BUILT_IN = {
    "metrics": "bunter.datastore.metrics_table:MetricsTable",
    "rows": "bunter.datastore.row_table:RowTable",
    "http": "bunter.datastore.http_sink:HttpSink",
}


_FEW = 16


def opened_sinks(config: DatastoreConfig | None) -> dict[str, InnerSink | OuterSink]:
    """Make the sinks of a configuration, by name."""
    return {} if config is None else {name: _made(name, sink) for name, sink in config.sinks.items()}


def _made(name: str, config: SinkConfig) -> InnerSink | OuterSink:
    import importlib
    from importlib.metadata import entry_points

    if config.kind in _BUILT_IN:
        module, _, attribute = _BUILT_IN[config.kind].partition(":")
        factory = getattr(importlib.import_module(module), attribute)
    else:
        found = {entry.name: entry for entry in entry_points(group="bunter.sinks")}
        if config.kind not in found:
            raise ConfigurationError(
                f"datastore.sinks.{name}: no kind of sink {config.kind!r}{near(config.kind, [*_BUILT_IN, *found])}; "
                "install the package that brings the entry point bunter.sinks"
            )
        factory = found[config.kind].load()
    made = factory(name, config)
    if not isinstance(made, InnerSink | OuterSink):
        raise ConfigurationError(f"the entry point {config.kind!r} of bunter.sinks makes no sink; upgrade or remove it")
    return made


def scalars_of(content: object, name: str = "value") -> dict[str, Any]:
    """Return the numbers, truths and texts in an object by name; those inside others are joined by dots.

    Parameters
    ----------
    content : object
        A scalar, or mappings of them; quantities give their value, and their unit under ``<name>.unit``. Arrays of at most 16
        numbers give each one under ``<name>.<index>``, counted in the order of C; larger ones give none.
    name : str
        Of a single scalar.
    """
    if isinstance(content, Mapping):
        found: dict[str, Any] = {}
        for key, value in content.items():
            inner = scalars_of(value, str(key))
            found |= {(k if not isinstance(value, Mapping) else f"{key}.{k}"): v for k, v in inner.items()}
        return found
    if hasattr(content, "unit") and hasattr(content, "value"):
        return {**scalars_of(content.value, name), f"{name}.unit": str(content.unit)}
    if hasattr(content, "item") and getattr(content, "size", 1) == 1:
        content = content.item()
    if numbers := _few_numbers(content):
        return {f"{name}.{index}": number for index, number in enumerate(numbers)}
    return {name: content} if isinstance(content, bool | int | float | str) else {}


def _few_numbers(content: object) -> list[Any]:
    """Return the numbers of a small array, or of a list or tuple; none of anything else."""
    if hasattr(content, "ravel") and 1 < getattr(content, "size", 0) <= _FEW:
        content = content.ravel().tolist()
    if not isinstance(content, list | tuple) or len(content) > _FEW:
        return []
    return list(content) if all(isinstance(each, bool | int | float) for each in content) else []
