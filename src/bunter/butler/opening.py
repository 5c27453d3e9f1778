"""From an address to an open repository: folders, labels of the site's index, memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bunter import safe_yaml
from bunter.butler.claims import claim_on
from bunter.butler.config import CONFIG_NAME, EXPORT_NAME, load_configuration
from bunter.butler.making import making, refuse_unless_new
from bunter.butler.outer_repository import refuse_inside_another
from bunter.butler.registry_place import folder_and_database, options_of, place_of
from bunter.butler.remote_root import check_empty, configuration_file, is_remote, remote_root, with_database
from bunter.butler.seal_note import seal_sentence
from bunter.butler.sharing import share_folder
from bunter.database import Database, ServerAddress, is_server
from bunter.errors import ConfigurationError, ReadOnlyError, RepositoryExistsError, RepositoryNotFoundError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.butler.config import Configuration
    from bunter.butler.direct import DirectRepository
    from bunter.butler.past import When
    from bunter.butler.repository import Repository
    from bunter.datastore.store_address import StoreAddress
    from bunter.dimensions import Universe

__all__ = [
    "Address",
    "check_creation",
    "configuration_at",
    "configuration_of",
    "create_repository",
    "existing_place",
    "forget_in_memory",
    "labels",
    "open_repository",
    "shown_as_of",
]

_MEMORY = "memory://"
_in_memory: dict[str, DirectRepository] = {}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository is.

    Parameters
    ----------
    text : str
        Path of the folder or ``memory://name``.
    writeable : bool, optional
        What the caller asked for; None leaves it to the permissions of the files.
    live : Repository, optional
        One that is open already.
    """

    text: str
    writeable: bool | None = None
    live: Repository | None = None

    @classmethod
    def of(cls, repo: str | Path | Repository | Address, *, writeable: bool | None = None) -> Self:
        """Read what a user gives: a path, a configuration file, a label, ``memory://name``, or an open repository."""
        if isinstance(repo, Address):
            return cls(repo.text, writeable, repo.live)
        if not isinstance(repo, str | Path):
            return cls("", writeable, repo)
        text = os.fspath(repo)
        if text.startswith(_MEMORY):
            return cls(text, writeable)
        if is_server(text):
            raise RepositoryNotFoundError(
                f"{ServerAddress.of(text)} is the database of a repository; open the folder whose {CONFIG_NAME} names it"
            )
        if is_remote(text):
            return cls(str(remote_root(text)), writeable)
        path = Path(text)
        if path.name == CONFIG_NAME and path.is_file():
            path = path.parent
        if not (path / CONFIG_NAME).is_file() and (known := labels()).get(text):
            if is_remote(known[text]):
                return cls(str(remote_root(known[text])), writeable)
            path = Path(known[text])
        return cls(str(path.resolve() if ".." in path.parts else path.absolute()), writeable)

    @property
    def root(self) -> Path | None:
        """Folder of the repository, None in memory or in a store."""
        if self.live is not None or self.text.startswith(_MEMORY) or is_remote(self.text):
            return None
        return Path(self.text)

    def reopen(self) -> Any:
        """Return what `Butler` takes to open the same repository again."""
        return self.live if self.live is not None else self.text


def labels() -> dict[str, str]:
    """Return the labels of the site: name to folder, from the YAML file named by ``BUNTER_REPOSITORY_INDEX``.

    Without that variable, ``~/.config/bunter/repositories.yaml`` is read if it is there.

    Raises
    ------
    ConfigurationError
        If the file that is named is not there, or maps no labels to folders.
    """
    named = os.environ.get("BUNTER_REPOSITORY_INDEX")
    path = Path(named) if named else Path.home() / ".config/bunter/repositories.yaml"
    if not path.is_file():
        if named:
            raise ConfigurationError(f"BUNTER_REPOSITORY_INDEX names {path}, which is not there")
        return {}
    index = safe_yaml.load(path.read_text())
    if not isinstance(index, dict):
        raise ConfigurationError(f"{path} must map labels to folders, such as 'dr1: /data/dr1'")
    return {str(label): str(folder) for label, folder in index.items()}


def forget_in_memory(location: str) -> None:
    """Let go of a repository in memory; one that is not there is no error."""
    _in_memory.pop(location, None)


def open_repository(address: Address) -> Repository:
    """Open what the address names.

    Raises
    ------
    RepositoryNotFoundError
        If there is no repository; nothing is ever created.
    """
    if address.live is not None:
        return address.live
    if address.text.startswith(_MEMORY):
        if address.text not in _in_memory:
            raise RepositoryNotFoundError(
                f"no repository {address.text} in this process; Butler.create({address.text!r}) makes one"
            )
        return _in_memory[address.text]
    from bunter.butler.direct import DirectRepository

    if is_remote(address.text):
        configuration = load_configuration(configuration_file(address.text))
        place = remote_root(address.text)
        return DirectRepository.open(place, configuration, read_only=_is_closed(place, configuration, address))
    if not (Path(address.text) / CONFIG_NAME).is_file() and _is_export(address.text):
        from bunter.butler.transfers.opened import open_export

        return open_export(address.text, writeable=address.writeable)
    root = existing_root(address)
    configuration = load_configuration(root / CONFIG_NAME)
    return DirectRepository.open(root, configuration, read_only=_read_only(root, address, configuration))


def _is_export(text: str) -> bool:
    """Whether there is an export in a folder, or may be in a zip file."""
    path = Path(text)
    return (path / EXPORT_NAME).is_file() or (path.suffix == ".zip" and path.is_file())


def shown_as_of(address: Address, repository: Repository, when: When) -> Repository:
    """Return an open repository as it stood at a moment.

    Raises
    ------
    ReadOnlyError
        If it was to be written.
    MissingSnapshotError
        If nothing is known of that moment.
    """
    from bunter.butler.past import change_of
    from bunter.values import Principal

    if address.writeable:
        raise ReadOnlyError("the past cannot be changed; leave out writeable=True, or as_of")
    return repository.as_of(change_of(repository, Principal.current(), when))


def _is_closed(root: Path | StoreAddress, configuration: Configuration, address: Address) -> bool:
    if (sealed := seal_sentence(root, configuration)) is not None:
        if address.writeable:
            raise ReadOnlyError(f"{sealed} and cannot be changed; `bunter seal {root} --unseal` opens it for writing")
        return True
    return address.writeable is False


def _read_only(root: Path, address: Address, configuration: Configuration) -> bool:
    if _is_closed(root, configuration, address):
        return True
    permitted = os.access(root, os.W_OK)
    if address.writeable and not permitted:
        raise ReadOnlyError(f"no permission to write in {root}; open it with writeable=False")
    return not permitted


def create_repository(
    root: str | Path,
    *,
    dimensions: str | Path | Mapping[str, Any] | None = None,
    database: str | None = None,
    datastore: Mapping[str, Any] | None = None,
    seed_config: str | Path | None = None,
    shared: bool | str = False,
) -> str | Path:
    """Make an empty repository and return its address.

    Parameters
    ----------
    root : str or Path
        A folder that is empty or does not exist, ``memory://name``, or the address of a store, such as
        ``s3://bucket/repo``, with a database elsewhere. The address of a database on a server stands for the folder of its
        schema's name.
    dimensions, database, datastore, seed_config : optional
        Definition of the dimensions, settings, a partial configuration file.
    shared : bool or str
        Whether the group that owns the folder may write all files; the name of a group makes it that one.

    Raises
    ------
    RepositoryExistsError
        If the folder holds anything, or the name in memory is taken.
    """
    from bunter.butler.direct import DirectRepository
    from bunter.butler.own_database import make_repository

    root, database = folder_and_database(root, database)
    argument = {
        **({"datastore": dict(datastore)} if datastore else {}),
        **({"shared": True} if shared else {}),
    }
    universe, configuration = check_creation(
        root, dimensions=dimensions, seed_config=seed_config, database=database, argument=argument
    )
    if str(root).startswith(_MEMORY):
        _in_memory[str(root)] = DirectRepository.in_memory(str(root), universe, configuration)
    elif is_remote(str(root)):
        make_repository(remote_root(str(root)), universe, configuration, kept=_kept(configuration))
    else:
        if configuration.model.shared:
            share_folder(Path(root).absolute(), shared if isinstance(shared, str) else None)
        with making(Path(root).absolute()):
            make_repository(Path(root).absolute(), universe, configuration, kept=_kept(configuration))
    return root


def check_creation(
    root: str | Path,
    *,
    dimensions: str | Path | Mapping[str, Any] | None = None,
    seed_config: str | Path | None = None,
    database: str | None = None,
    argument: Mapping[str, Any] | None = None,
) -> tuple[Universe, Configuration]:
    """Read all that a new repository needs and see that it could be made; nothing is."""
    from bunter.datastore.template_checks import check_for_universe
    from bunter.dimensions import Universe

    root, database = folder_and_database(root, database)
    argument = with_database(root, argument, database)
    universe = Universe.default() if dimensions is None else Universe.load(dimensions)
    configuration = load_configuration(seed=None if seed_config is None else Path(seed_config), argument=argument)
    check_for_universe(configuration.model.datastore, universe)
    if is_remote(str(root)):
        place = place_of(remote_root(str(root)), configuration.model.registry)
        check_empty(remote_root(str(root)))
        claim = claim_on(place, remote_root(str(root)))
        Database.check_absent(place, options_of(configuration.model.registry), claim=claim)
    elif not str(root).startswith(_MEMORY):
        folder, registry = Path(root).absolute(), configuration.model.registry
        refuse_unless_new(folder)
        refuse_inside_another(folder, configuration)
        place = place_of(folder, registry)
        if (claim := claim_on(place, folder)) is not None:  # one inside was left by what was killed
            Database.check_absent(place, options_of(registry), claim=claim)
    elif str(root) in _in_memory:
        raise RepositoryExistsError(f"{root} exists already; open it with Butler({str(root)!r})")
    return universe, configuration


def configuration_of(repo: str | Path) -> Configuration:
    """Return the configuration of a repository with the source of each value."""
    address = Address.of(repo)
    if is_remote(address.text):
        return load_configuration(configuration_file(address.text))
    return load_configuration(existing_root(address) / CONFIG_NAME)


def existing_place(address: Address) -> Path | StoreAddress:
    """Return the root of a repository that is there, a folder or in a store, or raise RepositoryNotFoundError."""
    if is_remote(address.text):
        configuration_file(address.text)
        return remote_root(address.text)
    return existing_root(address)


def configuration_at(root: Path | StoreAddress) -> Configuration:
    """Read the configuration of the repository at a root."""
    return load_configuration(root / CONFIG_NAME if isinstance(root, Path) else configuration_file(str(root)))


def existing_root(address: Address) -> Path:
    """Return the folder of a repository that is there, or raise RepositoryNotFoundError."""
    if is_remote(address.text):
        raise ConfigurationError(
            f"{address.text} is in a store; this works on repositories in a folder of this machine"
        )
    root = Path(address.text)
    if (root / CONFIG_NAME).is_file():
        return root
    if _is_export(address.text):
        raise ReadOnlyError(
            f"{root} is an export, which is only read; `bunter import` takes it into a repository first"
        )
    known = labels()
    raise RepositoryNotFoundError(
        f"no repository at {root}{near(root.name, known)}; `bunter create {root}` makes one"
        + (f", and the labels known here are {', '.join(known)}" if known else "")
    )


def _kept(configuration: Configuration) -> dict[str, Any]:
    """Return what the new repository's own file says: values of its seed and of the call, not those of the site."""
    tree: dict[str, Any] = {}
    for (*parents, last), value, source in configuration.places():
        if source == "argument" or source.startswith("repository "):
            branch = tree
            for parent in parents:
                branch = branch.setdefault(parent, {})
            branch[last] = value
    return tree
