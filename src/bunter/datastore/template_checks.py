"""Whether templates can name files: for a universe when they are configured, for a dataset type before its first file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.choice import check_configuration
from bunter.datastore.template import DEFAULT, Template
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from bunter.dataset import DatasetType
    from bunter.datastore.config import ChildConfig, DatastoreConfig
    from bunter.dimensions import Universe

__all__ = ["check_for_universe", "refuse_useless"]


def check_for_universe(config: DatastoreConfig, universe: Universe) -> None:
    """Refuse templates, formats and fields that no dataset of a universe could be stored with.

    Raises
    ------
    ConfigurationError
        If a template cannot be read, names a dimension or a field of records that there is not, or if a format is unknown.
    """
    parts: list[tuple[str, DatastoreConfig | ChildConfig]] = [("datastore", config)]
    parts += [(f"datastore.stores.{name}", child) for name, child in config.stores.items()]
    for place, part in parts:
        check_configuration(config.model_copy(update={"templates": part.templates, "formats": part.formats}))
        for key, text in part.templates.items():
            if unknown := Template(text).unknown(universe):
                raise ConfigurationError(f"{place}.templates.{key}: template {text!r}: {unknown[0]}")


def refuse_useless(template: Template, dataset_type: DatasetType) -> None:
    """Refuse a template that says something else than its author meant, or exact names that come twice.

    Raises
    ------
    ConfigurationError
        If it names a field that records have not; or if its names are exact, and would not tell datasets of the type apart.
    """
    # The default speaks of dimensions that are optional, and that a universe of one's own may not have.
    wrong = [] if template.text == DEFAULT else template.unknown(dataset_type.dimensions.universe)
    if not wrong and template.is_exact:
        wrong = template.alike(dataset_type.dimensions)
    if wrong:
        raise ConfigurationError(f"template {template.text!r} for {dataset_type.name!r}: {wrong[0]}")
