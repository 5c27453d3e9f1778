"""What can be configured about a datastore."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ConstraintsConfig", "DatastoreConfig"]


class ConstraintsConfig(BaseModel):
    """Which datasets a datastore takes; each entry is a dataset type, a dimension group ``a+b`` or a storage class."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accept: tuple[str, ...] = Field((), description="Take only these; empty takes all.")
    reject: tuple[str, ...] = Field((), description="Never take these.")


class DatastoreConfig(BaseModel):
    """Where artifacts are, how they are named, and which format writes what.

    The keys of ``templates`` and ``formats`` are looked up in this order: dataset type, dimension group written
    ``a+b``, storage class, ``default``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: str = Field(
        "data", description="Directory of the artifacts, relative to the repository; '.' is the repository itself."
    )
    templates: dict[str, str] = Field(default_factory=dict, description="Templates of file names.")
    formats: dict[str, str] = Field(default_factory=dict, description="Short names of the formats that write.")
    constraints: ConstraintsConfig = Field(default=ConstraintsConfig(accept=(), reject=()))
    durability: Literal["full", "batch", "none"] = Field(
        "full",
        description="When bytes are on stable storage: as a call returns, once per batch, or when the system likes.",
    )
