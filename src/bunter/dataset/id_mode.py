"""How the ids of new datasets are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from bunter.errors import ConfigurationError, near
from bunter.values import deterministic_id, new_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset.type import DatasetType

__all__ = ["ID_MODES", "IdMode", "dataset_ids"]

IdMode = Literal["unique", "dataid_type", "dataid_type_run"]

ID_MODES: dict[str, str] = {
    "unique": "a new id each time (UUIDv7)",
    "dataid_type": "from dataset type and data ID (UUIDv5): the same in every run, so only one run of a repository can hold it",
    "dataid_type_run": "from dataset type, run and data ID (UUIDv5): the same at every site that ingests the same files",
}
"""Ways to make ids, with what they are for."""


def dataset_ids(dataset_type: DatasetType, data_ids: Sequence[Any], run: str, mode: str = "unique") -> list[UUID]:
    """Make an id for each data ID.

    Parameters
    ----------
    dataset_type : DatasetType
        What they are.
    data_ids : sequence of DataCoordinate
        Which ones.
    run : str
        The run that they come into.
    mode : str
        One of `ID_MODES`; those that are derived are those of the Rubin Data Butler.
    """
    if mode == "unique":
        return [UUID(bytes=id_) for id_ in new_ids(len(data_ids))]
    if mode not in ID_MODES:
        raise ConfigurationError(f"no id mode {mode!r}{near(mode, ID_MODES)}; there are {', '.join(ID_MODES)}")
    names, of_run = dataset_type.dimensions.required, run if mode == "dataid_type_run" else None
    return [
        deterministic_id(dataset_type.name, dict(zip(names, data_id.required_values, strict=True)), of_run)
        for data_id in data_ids
    ]
