"""What is wrong with a repository: its configuration, its registry, and each of its stores; `bunter doctor REPO`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bunter.butler.config import CONFIG_NAME
from bunter.butler.diagnosis import Symptom, diagnose
from bunter.butler.opening import Address, configuration_at, existing_place, open_repository
from bunter.butler.remote_root import is_remote
from bunter.butler.seal_note import seal_sentence
from bunter.database import is_server
from bunter.datastore.constraint_checks import meaningless_entries
from bunter.datastore.services import open_bucket, place_below
from bunter.datastore.template_checks import check_for_universe
from bunter.errors import ButlerError
from bunter.values import Principal, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler.config import Configuration
    from bunter.datastore.config import ChildConfig
    from bunter.datastore.store_address import StoreAddress

__all__ = ["examine"]


def examine(address: str) -> list[Symptom]:
    """Try out a repository with all that it is made of; or a store, a folder or a server, as `diagnose` does.

    Parameters
    ----------
    address : str
        A repository by path, address or label; or what `diagnose` takes.
    """
    if address.startswith("file://"):
        address = str(place_below(None, address))
    found = _repository_at(address)
    if found is not None:
        return list(_repository(found))
    if not is_server(address) and Path(address).is_file():
        return [Symptom("address", "wrong", f"{address} is a file; name the folder of a repository, or of a store")]
    return diagnose(address)


def _repository_at(text: str) -> Address | None:
    """Return the repository at an address; None if there is none, or none can be seen."""
    if is_server(text) or text.startswith(("memory://", "http://", "https://")):
        return None
    try:
        address = Address.of(text, writeable=False)
        if is_remote(address.text):
            existing_place(address)
            return address
    except (ButlerError, OSError):
        return None  # a look at the place itself says why
    return address if (Path(address.text) / CONFIG_NAME).is_file() else None


def _repository(address: Address) -> Iterator[Symptom]:
    root = existing_place(address)
    try:
        configuration = configuration_at(root)
    except (ButlerError, OSError) as exc:
        yield Symptom("configuration", "wrong", str(exc))
        return
    yield Symptom("configuration", "ok", f"the settings in {CONFIG_NAME} are understood")
    yield from _registry(address, configuration)
    is_only_read = seal_sentence(root, configuration) is not None
    for name, place, child in _stores(root, configuration):
        symptoms = _store(name, place, child, is_only_read=is_only_read)
        yield from (replace(each, check=f"{name}: {each.check}") for each in symptoms)


def _registry(address: Address, configuration: Configuration) -> Iterator[Symptom]:
    """See whether the database answers and fits, and whether the configuration fits what is registered."""
    database = configuration.model.registry.database
    if database is not None and is_server(database):
        for each in diagnose(database):
            if each.check not in {"create", "schema"}:
                yield replace(each, check=f"registry: {each.check}")
    try:
        repository = open_repository(address)
    except (ButlerError, OSError) as exc:
        yield Symptom("registry", "wrong", str(exc))
        return
    try:
        facts = repository.facts(Principal.current())
        kinds, many = facts.dataset_types.values(), len(list(facts.collections))
        told = f"{counted(len(kinds), 'dataset type')}, {counted(many, 'collection')}"
        yield Symptom("registry", "ok", f"it opens, and knows {told}")
        settings = configuration.model.datastore
        check_for_universe(settings, facts.universe)
        for text in meaningless_entries(settings, [kind.name for kind in kinds], facts.universe):
            yield Symptom("settings", "warning", text)
        for text in (text for kind in kinds for text in repository.datastore.chain.troubles(kind)):
            yield Symptom("settings", "wrong", text)
    except (ButlerError, OSError) as exc:
        yield Symptom("settings", "wrong", str(exc))
    finally:
        repository.close()


def _stores(
    root: Path | StoreAddress, configuration: Configuration
) -> Iterator[tuple[str, Path | StoreAddress | None, ChildConfig | None]]:
    """Yield name, place and settings of each store; no place for those in memory."""
    settings = configuration.model.datastore
    yield "main", place_below(root, settings.root), None
    for name, child in settings.stores.items():
        yield name, None if child.root is None else place_below(root, child.root), child


def _store(
    name: str, place: Path | StoreAddress | None, child: ChildConfig | None, *, is_only_read: bool
) -> list[Symptom]:
    if place is None:
        return [Symptom("address", "ok", "in the memory of the process that has it open")]
    if not is_only_read and (child is None or not child.read_only):
        return diagnose(str(place))
    return [_folder(name, place) if isinstance(place, Path) else _bucket(name, place)]


def _folder(name: str, place: Path) -> Symptom:
    if place.is_dir():
        return Symptom("address", "ok", f"{place} is there, to be read")
    told = f"there is no folder {place}, from which it is read; mount it, or correct datastore.stores.{name}.root"
    return Symptom("address", "wrong", told)


def _bucket(name: str, place: StoreAddress) -> Symptom:
    try:
        is_empty = next(iter(open_bucket(place).walk()), None) is None
    except (ButlerError, OSError) as exc:
        return Symptom("list", "wrong", str(exc))
    if is_empty:
        told = (
            f"there is nothing in {place}, from which it is read; correct datastore.stores.{name}.root if it has moved"
        )
        return Symptom("list", "warning", told)
    return Symptom("list", "ok", f"{place} can be listed, to be read")
