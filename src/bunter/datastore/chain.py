"""Several stores seen as one: which takes a new dataset, which get copies of it, and where a known one is looked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bunter.datastore.choice import choose, has_instruments
from bunter.datastore.local import LocalStore
from bunter.datastore.store import MAIN
from bunter.datastore.template_checks import refuse_useless
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dataset import DatasetRef, DatasetType
    from bunter.datastore.choice import Choice
    from bunter.datastore.config import DatastoreConfig
    from bunter.datastore.store import PublishingStore
    from bunter.dimensions import DataCoordinate

__all__ = ["Chain", "Child", "Route"]


@dataclass(frozen=True, slots=True)
class Child:
    """A store of a chain.

    Parameters
    ----------
    name : str
        By which it is recorded.
    store : PublishingStore
        Where its artifacts are.
    config : DatastoreConfig or None
        Constraints, formats and templates of what it takes.
    read_only : bool
        Whether it is only read.
    copies : bool
        Whether it takes copies of what other children take, instead of datasets of its own.
    alone : bool
        Whether of what it takes no other child gets a copy.
    """

    name: str
    store: PublishingStore
    config: DatastoreConfig | None = None
    read_only: bool = False
    copies: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Where a new dataset goes.

    Parameters
    ----------
    choice : Choice
        How it is stored.
    store : str
        The child that is recorded as having it.
    copies : tuple of str
        Children that get a copy under the same key.
    """

    choice: Choice
    store: str = MAIN
    copies: tuple[str, ...] = ()


@dataclass(slots=True)
class Chain:
    """Stores in the order in which they are asked.

    A new dataset goes to the first child that is no keeper of copies and takes it, and as a copy to every keeper of
    copies that takes it; all or none. A known one is looked for in the child that is recorded and in the keepers of
    copies, in the order of the chain, then in all others: keys are never used twice, so whoever has the key has the
    artifact.

    Parameters
    ----------
    children : sequence of Child
        The stores, in order.
    exact : bool
        Whether exact templates give exact names; outputs of tasks have names that are never used twice.
    """

    children: Sequence[Child]
    exact: bool = True
    _routes: dict[tuple[DatasetType, object], Route] = field(default_factory=dict)
    _by_instrument: bool = False

    def __post_init__(self) -> None:
        self._by_instrument = any(child.config and has_instruments(child.config) for child in self.children)

    def child(self, name: str) -> Child | None:
        """Return the child of a name, None if there is none."""
        return next((child for child in self.children if child.name == name), None)

    def route(self, dataset_type: DatasetType, data_id: DataCoordinate | Mapping[str, object] | None = None) -> Route:
        """Say where a new dataset goes.

        Raises
        ------
        ConfigurationError
            If no child takes it.
        """
        instrument = data_id.get("instrument") if self._by_instrument and data_id is not None else None
        try:
            return self._routes[dataset_type, instrument]
        except KeyError:
            route = self._routes[dataset_type, instrument] = self._new_route(dataset_type, instrument)
            return route

    def routes(self, refs: Sequence[DatasetRef]) -> list[Route]:
        """Say for many new datasets which stores take each, and how; see `route`."""
        if self._by_instrument:
            return [self.route(ref.dataset_type, ref.data_id.mapping) for ref in refs]
        kinds = {id(ref.dataset_type): ref.dataset_type for ref in refs}
        known = {number: self.route(kind) for number, kind in kinds.items()}
        return [known[id(ref.dataset_type)] for ref in refs]

    def copies_of(self, dataset_type: DatasetType, data_id: Mapping[str, object]) -> tuple[str, ...]:
        """Return the children that are to keep copies of a dataset; none where nobody takes it any more."""
        try:
            return self.route(dataset_type, data_id).copies
        except ConfigurationError:
            return ()

    def _new_route(self, dataset_type: DatasetType, instrument: object) -> Route:
        chosen = [
            (child, choose(child.config, dataset_type, instrument)) for child in self.children if not child.read_only
        ]
        takers = [(child, choice) for child, choice in chosen if choice.accepted]
        first = next(((child, choice) for child, choice in takers if not child.copies), None)
        if first is None:
            whose = f" of instrument {instrument!r}" if instrument is not None else ""
            places = ", ".join(child.name for child in self.children)
            raise ConfigurationError(
                f"this datastore does not take {dataset_type.name!r}{whose}: none of its stores ({places}) does; "
                "see datastore.constraints in bunter.yaml"
            )
        refuse_useless(first[1].template, dataset_type)
        keepers = [child for child, _ in takers if child.copies and not first[0].alone]
        copies = tuple(child.name for child in keepers)
        if not self.exact or first[0].alone:
            plain = replace(first[1], template=first[1].template.with_nonce())
            return Route(plain, first[0].name, copies)
        _refuse_exact(dataset_type, first[1], [first[0], *keepers])
        return Route(first[1], first[0].name, copies)

    @property
    def has_exact(self) -> bool:
        """Whether any template gives exact names."""
        return any(
            text.startswith("exact:")
            for child in self.children
            if child.config
            for text in child.config.templates.values()
        )

    def troubles(self, dataset_type: DatasetType) -> list[str]:
        """Say what stands in the way of storing datasets of a type; nothing if all is well."""
        said: list[str] = []
        instruments = {None, *self._instruments()}
        for child in self.children:
            for instrument in sorted(instruments, key=str) if not child.read_only else ():
                choice = choose(child.config, dataset_type, instrument)
                if choice.accepted:
                    found = choice.template.troubles(dataset_type.dimensions)
                    said += [
                        f"{dataset_type.name} in {child.name}: template {choice.template.text!r}: {text}"
                        for text in found
                    ]
        if not said and not self._by_instrument:
            try:
                self.route(dataset_type)
            except ConfigurationError as exc:
                said.append(str(exc))
        return list(dict.fromkeys(said))

    def _instruments(self) -> set[str]:
        """Instruments that the configuration names."""
        named = [
            key
            for child in self.children
            if child.config
            for key in (*child.config.templates, *child.config.formats, *child.config.constraints.accept)
        ]
        return {key[11:].partition(">")[0] for key in named if key.startswith("instrument<")}

    def holders(self, name: str) -> list[PublishingStore]:
        """Return the stores that may have an artifact recorded in the child ``name``, in the order to ask them."""
        if len(self.children) == 1:
            return [child.store for child in self.children if child.name == name]
        near = [child for child in self.children if child.name == name or (child.copies and not child.read_only)]
        near += [child for child in self.children if child not in near]
        return [child.store for child in near]

    def keepers(self, name: str) -> list[PublishingStore]:
        """Return the stores from which an artifact recorded in the child ``name`` goes when it is removed."""
        return [child.store for child in self.children if not child.read_only and (child.name == name or child.copies)]


def _refuse_exact(dataset_type: DatasetType, choice: Choice, children: Sequence[Child]) -> None:
    """Refuse exact names where they cannot be given, or would not tell components apart."""
    if not choice.template.is_exact:
        return
    where = f"the exact template {choice.template.text!r} for {dataset_type.name!r}"
    if strange := [child.name for child in children if not isinstance(child.store, LocalStore)]:
        raise ConfigurationError(
            f"{where} needs folders, and {', '.join(strange)} {'is' if len(strange) == 1 else 'are'} none; leave 'exact:' out, "
            "or constrain the other stores"
        )
    if choice.components and "component" not in choice.template.names:
        raise ConfigurationError(f"{where} does not tell its components apart; add {{component}}")
