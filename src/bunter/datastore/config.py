"""What can be configured about a datastore."""

from __future__ import annotations

import posixpath
import re
from itertools import permutations
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bunter.datastore.store import MAIN

__all__ = ["OWN_KINDS", "CacheConfig", "ChildConfig", "ConstraintsConfig", "DatastoreConfig", "SinkConfig"]


def _flat(tree: Any) -> Any:
    """Write the keys below ``instrument<NAME>`` as ``instrument<NAME>.key``; ``default`` there is the name alone."""
    if not isinstance(tree, dict):
        return tree
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and re.fullmatch(r"instrument<[^<>]+>", str(key)):
            flat |= {(key if inner == "default" else f"{key}.{inner}"): text for inner, text in value.items()}
        else:
            flat[key] = value
    return flat


def _place(root: str) -> str:
    return root.rstrip("/") if "://" in root else posixpath.normpath(root)


def _is_inside(inner: str, outer: str) -> bool:
    """Whether a root lies in another one by how both are written; links are looked at when the stores are opened."""
    one, other = _place(inner), _place(outer)
    return one.startswith(f"{other}/") or (other == "." and not one.startswith((".", "/")) and "://" not in one)


_OBJECTS = {"copied": "object", "handed-over": "same-object"}
"""Formats that write nothing; only stores in memory have them."""

Lookup = Annotated[dict[str, str], BeforeValidator(_flat)]


class ConstraintsConfig(BaseModel):
    """Which datasets a store takes; entries are dataset types, dimension groups ``a+b``, storage classes, ``instrument<NAME>`` or ``all``.

    What is both accepted and rejected is taken, unless ``all`` alone accepts it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    accept: tuple[str, ...] = Field((), description="Take only these; empty takes all.")
    reject: tuple[str, ...] = Field((), description="Never take these.")

    @model_validator(mode="after")
    def _is_readable(self) -> ConstraintsConfig:
        for entry in (*self.accept, *self.reject):
            if not entry or ("<" in entry and not re.fullmatch(r"instrument<[^<>]+>(\.[^<>]+)?", entry)):
                raise ValueError(
                    f"{entry!r} cannot be read; write 'instrument<NAME>' or 'instrument<NAME>.dataset_type'"
                )
        return self


class ChildConfig(BaseModel):
    """A further store of the datastore."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["files", "memory"] = Field(
        "files", description="Whether artifacts are files or objects below `root`, or in the memory of a process."
    )
    root: str | None = Field(None, description="Directory relative to the repository, or address; none in memory.")
    read_only: bool = Field(False, description="Whether it is only read, such as a release under one's own store.")
    copies: bool = Field(False, description="Whether it gets a copy of what other stores take, under the same name.")
    objects: Literal["bytes", "copied", "handed-over"] = Field(
        "bytes",
        description="In memory: keep what a format writes; or objects, copied as they come and go; or the objects themselves.",
    )
    nearline: str | None = Field(
        None,
        description="Short name of what recalls its artifacts, if they may be on tape (entry point bunter.recall).",
    )
    templates: Lookup = Field(
        default_factory=dict, description="Templates of file names, above those of the datastore."
    )
    formats: Lookup = Field(default_factory=dict, description="Formats that write, above those of the datastore.")
    constraints: ConstraintsConfig = Field(default=ConstraintsConfig(accept=(), reject=()))

    @model_validator(mode="after")
    def _has_a_place(self) -> ChildConfig:
        if (self.kind == "files") == (self.root is None):
            raise ValueError("a store of files needs a root, and one in memory has none")
        if self.objects != "bytes" and self.kind != "memory":
            raise ValueError("only a store in memory keeps objects; leave 'objects' out")
        if self.objects != "bytes" and self.copies:
            raise ValueError("copies are bytes; leave 'objects' or 'copies' out")
        if self.read_only and self.kind == "memory":
            raise ValueError("a store in memory is empty at first, so it cannot be read-only")
        if self.read_only and self.copies:
            raise ValueError("a store that is only read takes no copies; leave 'read_only' or 'copies' out")
        return self


class CacheConfig(BaseModel):
    """A folder of this machine for artifacts that are read from afar; shared between processes and repositories."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: str | None = Field(None, description="The folder; none is no cache. `~` is the home folder.")
    max_bytes: int | None = Field(None, ge=0, description="Most bytes in it.")
    max_files: int | None = Field(None, ge=0, description="Most files in it.")
    max_datasets: int | None = Field(None, ge=0, description="Most datasets that have files in it.")
    max_age_s: float | None = Field(None, ge=0, description="What was not used for so long goes, in seconds.")
    cacheable: dict[str, bool] = Field(
        default_factory=dict,
        description="Which dataset types, dimension groups or storage classes are kept in it; `default` says it of all others, else they are.",
    )


OWN_KINDS = ("metrics", "rows")
"""Kinds of sinks that are tables of the repository's own database."""


class SinkConfig(BaseModel):
    """A place that takes values out of datasets, which are stored all the same, unless they are in it `alone`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(
        "metrics",
        description="`metrics` (scalars, view v1_metric), `rows` (tables, view v1_rows_<name>), `http`, or an entry point of bunter.sinks.",
    )
    address: str | None = Field(None, description="Where it is, if it is elsewhere; no tokens.")
    options: dict[str, str] = Field(default_factory=dict, description="Whatever else its kind knows.")
    alone: bool = Field(
        False,
        description="Whether datasets that it takes are in the repository's database alone, and in no file; for `metrics` and `rows`.",
    )
    constraints: ConstraintsConfig = Field(default=ConstraintsConfig(accept=(), reject=()))

    @model_validator(mode="after")
    def _can_be_alone(self) -> SinkConfig:
        if self.alone and self.kind not in OWN_KINDS:
            raise ValueError(
                f"what a sink of kind {self.kind!r} alone has could not be read back; leave 'alone' out, or have a sink of kind "
                f"{' or '.join(map(repr, OWN_KINDS))} beside it that is alone"
            )
        if self.alone and not self.constraints.accept:
            raise ValueError("a sink that is alone says what it takes; add 'constraints: {accept: [...]}'")
        if self.address is not None and self.kind in OWN_KINDS:
            raise ValueError(
                f"a sink of kind {self.kind!r} is a table of the repository's database; leave 'address' out"
            )
        return self


class DatastoreConfig(BaseModel):
    """Where artifacts are, how they are named, and which format writes what.

    The keys of ``templates`` and ``formats`` are looked up in this order: dataset type, dimension group written
    ``a+b``, storage class, ``default``; first all of them below ``instrument<NAME>``, then without.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: str = Field(
        "data", description="Directory of the artifacts, relative to the repository; '.' is the repository itself."
    )
    templates: Lookup = Field(default_factory=dict, description="Templates of file names.")
    formats: Lookup = Field(
        default_factory=dict, description="Short names of the formats that write, with a recipe as in `fits:lossless`."
    )
    composites: dict[str, bool] = Field(
        default_factory=dict,
        description="Which dataset types or storage classes are kept with one artifact per component.",
    )
    constraints: ConstraintsConfig = Field(default=ConstraintsConfig(accept=(), reject=()))
    durability: Literal["full", "batch", "none"] = Field(
        "full",
        description="When bytes are on stable storage: as a call returns, once per batch, or when the system likes.",
    )
    stores: dict[str, ChildConfig] = Field(
        default_factory=dict, description="Further stores by name, beside the one at `root`, whose name is `main`."
    )
    order: tuple[str, ...] = Field(
        (), description="In which order stores are asked; those not named come last, `main` before the others."
    )
    cache: CacheConfig = Field(default_factory=lambda: CacheConfig.model_validate({}))
    sinks: dict[str, SinkConfig] = Field(
        default_factory=dict, description="Places that take values out of datasets, by name."
    )
    stamps: bool = Field(
        True,
        description="Whether FITS files that runs write say in their headers where they come from (cards BNTID and others).",
    )
    trash_days: float = Field(
        0,
        ge=0,
        description="For how many days a removal can be undone by `bunter undo`; the files stay so long. 0: they go at once.",
    )
    offline: bool = Field(
        False, description="Whether a dataset that is not on this machine is an error instead of being fetched."
    )

    @model_validator(mode="after")
    def _knows_its_stores(self) -> DatastoreConfig:
        if MAIN in self.stores:
            raise ValueError(f"the store {MAIN!r} is the one at datastore.root; give the other one another name")
        if bad := [name for name in self.sinks if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name)]:
            raise ValueError(f"the sink {bad[0]!r} needs a name of small letters, digits and underscores")
        if same := [name for name in self.alone if name in (MAIN, *self.stores)]:
            raise ValueError(f"the sink {same[0]!r} is alone, so it needs a name that no store has")
        written = [*self.formats.values(), *(form for child in self.stores.values() for form in child.formats.values())]
        if kept := [form for form in written if form in _OBJECTS.values()]:
            raise ValueError(f"the format {kept[0]!r} writes nothing; give a store in memory 'objects: ...' instead")
        for name, child in self.stores.items():
            others = {MAIN: self.root} | {n: c.root for n, c in self.stores.items() if n != name and c.root is not None}
            same = [n for n, root in others.items() if child.root and _place(child.root) == _place(root)]
            if same and not child.read_only:
                raise ValueError(
                    f"the stores {name!r} and {same[0]!r} have the same root {child.root!r}; give each its own"
                )
        roots = {MAIN: self.root} | {name: child.root for name, child in self.stores.items() if child.root is not None}
        for inner, outer in permutations(roots, 2):
            if not (outer in self.stores and self.stores[outer].read_only) and _is_inside(roots[inner], roots[outer]):
                raise ValueError(
                    f"the store {inner!r} at {roots[inner]!r} lies inside the store {outer!r} at {roots[outer]!r}, which would take "
                    "its files for leftovers; give it a place beside it"
                )
        if unknown := [name for name in self.order if name not in self.ordered()]:
            raise ValueError(f"datastore.order names {unknown[0]!r}; the stores are {', '.join((MAIN, *self.stores))}")
        return self

    @property
    def alone(self) -> tuple[str, ...]:
        """Names of the sinks that are stores as well, as what they take is nowhere else."""
        return tuple(name for name, sink in self.sinks.items() if sink.alone)

    def ordered(self) -> list[str]:
        """Return the names of all stores in the order in which they are asked; sinks that are alone come first."""
        known = (MAIN, *self.stores)
        return [*self.alone, *dict.fromkeys([*(name for name in self.order if name in known), *known])]

    def of(self, name: str) -> DatastoreConfig:
        """Return what holds for one store: its own constraints, and its templates and formats above the common ones."""
        if name == MAIN:
            return self
        if name in self.alone:
            return self.model_copy(update={"constraints": self.sinks[name].constraints, "composites": {}})
        child = self.stores[name]
        if child.objects != "bytes":
            kept = {"default": _OBJECTS[child.objects]}
            return self.model_copy(update={"constraints": child.constraints, "formats": kept, "composites": {}})
        return self.model_copy(
            update={
                "templates": {**self.templates, **child.templates},
                "formats": {**self.formats, **child.formats},
                "constraints": child.constraints,
            }
        )
