"""The Butler: the flat public face of a repository; every method is one call into a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from bunter.butler.annotated import AnnotatedButler
from bunter.butler.asking import AskingButler
from bunter.butler.caring import CaringButler
from bunter.butler.collections import Collections
from bunter.butler.data_ids import DataIds, check_keys
from bunter.butler.dataset_types import DatasetTypes
from bunter.butler.files import Files, FilesReport
from bunter.butler.lookup import Lookup
from bunter.butler.notes import Notes
from bunter.butler.opening import Address, create_repository, open_repository, shown_as_of
from bunter.butler.packers import Packers
from bunter.butler.publishing import Publishing, new_refs
from bunter.butler.put_one import PutOne
from bunter.butler.queries import Queries
from bunter.butler.records import DimensionRecords
from bunter.butler.removal import Removal
from bunter.butler.search import collections_of
from bunter.butler.session import Defaults, Session
from bunter.butler.snapshots import Snapshots
from bunter.butler.transferring import TransferringButler
from bunter.dataset import DatasetRef, DatasetType, DeferredDataset, split_component
from bunter.dataset.metadata import checked_metadata
from bunter.values import Principal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType
    from uuid import UUID

    from bunter.butler.past import When
    from bunter.butler.repository import Repository
    from bunter.butler.search import Names
    from bunter.dataset import CollectionInfo, FileDataset
    from bunter.dataset.changes import Change
    from bunter.dataset.id_mode import IdMode
    from bunter.datastore import ArtifactURI, Datastore
    from bunter.datastore.nearline import RecallOrder
    from bunter.dimensions import DataCoordinate, Packer, Universe
    from bunter.values import Timespan

__all__ = ["Butler"]


class Butler(AskingButler, AnnotatedButler, CaringButler, TransferringButler):
    """Access to a repository of datasets.

    Parameters
    ----------
    repo : str or Path
        Folder of a repository, its ``bunter.yaml``, a label of the site's index, or ``memory://name``.
    collections : str or sequence of str, optional
        Collections to search where a call names none, in order. Without it, every collection is searched, newest first.
    run : str, optional
        RUN collection that `put` writes; made if it is not there.
    writeable : bool, optional
        Whether the repository may be changed; by default as far as its files permit.
    as_of : int, str or time, optional
        Show the repository as it stood, for reading: after a change (its number), at a snapshot (its name), or at a time
        (an `astropy.time.Time`, a datetime, or text, in UTC if it says nothing else).
    **default_data_id
        Data-ID values that calls need not repeat, such as ``instrument="DemoCam"``.

    Examples
    --------
    >>> butler = Butler("demo")
    >>> coadd = butler.get("coadd", tract=0, patch=3, band="r")
    """

    def __init__(
        self,
        repo: str | Path | Repository,
        *,
        collections: Names = None,
        run: str | None = None,
        writeable: bool | None = None,
        as_of: When | None = None,
        **default_data_id: object,
    ) -> None:
        self._address = Address.of(repo, writeable=writeable)
        self.repository: Repository = open_repository(self._address)
        if as_of is not None:
            self.repository = shown_as_of(self._address, self.repository, as_of)
        names = collections_of(collections)
        searched = names or ((run,) if run else ())
        self._session = Session(self.repository, Principal.current(), Defaults(searched, run, default_data_id))
        self._data_ids = DataIds(self._session)
        self._queries = Queries(self._session, self._data_ids)
        self._lookup = Lookup(self._session, self._queries, self._data_ids)
        self._publishing = Publishing(self._session, self._lookup)
        self._put_one = PutOne(self._session, self._data_ids, self._publishing)
        self.collections = Collections(self._session)
        self.snapshots = Snapshots(self._session)
        self.dataset_types = DatasetTypes(self._session)
        self.dimension_records = DimensionRecords(self._session)
        self.packers = Packers(self._session)
        self.removal = Removal(self._session)
        if default_data_id:
            check_keys(self._session.facts.universe, default_data_id, ("collections", "run", "writeable", "as_of"))
            self._data_ids.check_defaults()
        if run is not None and self.as_of is None:
            self.collections.register(run)

    @classmethod
    def create(
        cls,
        root: str | Path,
        *,
        dimensions: str | Path | Mapping[str, Any] | None = None,
        database: str | None = None,
        datastore: Mapping[str, Any] | None = None,
        seed_config: str | Path | None = None,
        shared: bool | str = False,
    ) -> Butler:
        """Make an empty repository and open it.

        Parameters
        ----------
        root : str or Path
            A folder that is empty or does not exist, or ``memory://name``. The address of a database on a server stands
            for the folder of its schema's name.
        dimensions : path or mapping, optional
            Definition of the dimensions; the default universe is meant for imaging surveys.
        database, datastore : optional
            Settings of the registry's database and of the datastore.
        seed_config : path, optional
            A partial configuration file.
        shared : bool or str
            Whether the group that owns the folder may write all files, whoever makes them; the name of a group makes it
            that one.

        Raises
        ------
        RepositoryExistsError
            If the folder holds anything.
        """
        made = create_repository(
            root,
            dimensions=dimensions,
            database=database,
            datastore=datastore,
            seed_config=seed_config,
            shared=shared,
        )
        return cls(made, writeable=True)

    def clone(
        self, *, collections: Names = None, run: str | None = None, as_of: When | None = ..., **default_data_id: object
    ) -> Butler:
        """Open the same repository again with other defaults; or as it stood (``as_of``), or as it is (``as_of=None``)."""
        old = self._session.defaults
        then = self.as_of if as_of is ... else as_of
        return Butler(
            self._address.reopen(),
            collections=old.collections if collections is None and run is None else collections,
            run=run or (old.run if collections is None else None),
            writeable=None if then is not None else self._address.writeable,
            as_of=then,
            **{**old.data_id, **default_data_id},
        )

    # Datasets in and out

    def put(
        self,
        obj: Any,
        dataset_type: str | DatasetType | DatasetRef,
        data_id: Mapping[str, object] | DataCoordinate | None = None,
        *,
        run: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        header: bool = False,
        id_mode: IdMode = "unique",
        **key: object,
    ) -> DatasetRef:
        """Store an object and return its ref.

        Equal content at the same data ID and run is no error and returns the ref that is there. ``metadata`` is kept
        beside it, see `set_metadata`; with ``header`` the header cards of its FITS file are, to be asked for.
        ``id_mode`` is "unique", or "dataid_type" or "dataid_type_run" for an id that is derived from these.

        Raises
        ------
        ConflictingDatasetError
            If the run has other content for this data ID.
        """
        notes = Notes.of(metadata, header=header)
        if isinstance(dataset_type, DatasetRef):
            return self._publishing.put(obj, dataset_type, notes)
        return self._put_one(obj, dataset_type, data_id, key, run=run, notes=notes, id_mode=id_mode)

    def put_many(
        self,
        objects: Iterable[Any],
        dataset_type: str | DatasetType,
        data_ids: Iterable[Mapping[str, object] | DataCoordinate],
        *,
        run: str | None = None,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        id_mode: IdMode = "unique",
    ) -> list[DatasetRef]:
        """Store many objects of one type at once, all or none; ``metadata`` has one mapping for each; ids as in `put`."""
        kind = self._queries.dataset_type(dataset_type)
        coordinates = [self._data_ids.standardize(data_id, kind.dimensions) for data_id in data_ids]
        refs = new_refs(kind, coordinates, self._publishing.run(run), id_mode)
        notes = None if metadata is None else [Notes(checked_metadata(each)) for each in metadata]
        return self._publishing.put_many(zip(objects, refs, strict=True), notes)

    def get(
        self,
        dataset_type: str | DatasetType | DatasetRef,
        data_id: Mapping[str, object] | DataCoordinate | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
        collections: Names = None,
        timespan: Timespan | None = None,
        **key: object,
    ) -> Any:
        """Read a dataset, or a component of one (``"calexp.wcs"``).

        Raises
        ------
        DatasetNotFoundError
            If there is none; the message says where we looked.
        """
        return self._lookup.get(
            dataset_type,
            data_id,
            parameters=parameters,
            storage_class=storage_class,
            collections=collections,
            timespan=timespan,
            **key,
        )

    def get_many(
        self,
        refs: Iterable[DatasetRef],
        *,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
    ) -> Generator[Any]:
        """Yield the objects of many datasets, in order; few are in memory at a time.

        What lies in a storage service is fetched by several threads before it is asked for, up to 128 MB.

        Raises
        ------
        DatasetNotFoundError
            If one has no artifact; those before it come first.
        """
        from bunter.butler.reading_ahead import ReadingAhead

        reading = ReadingAhead(self._session, self._lookup, parameters=parameters, storage_class=storage_class)
        return reading.objects(refs)

    def get_deferred(
        self, dataset_type: str | DatasetRef, data_id: Mapping[str, object] | DataCoordinate | None = None, **more: Any
    ) -> DeferredDataset:
        """Find a dataset now and read it later with ``.get()``."""
        if isinstance(dataset_type, DatasetRef):
            return DeferredDataset(self._lookup.read, dataset_type)
        name, component = split_component(dataset_type)
        return DeferredDataset(self._lookup.read, self._lookup.get_ref(name, data_id, **more), component)

    def find_dataset(
        self,
        dataset_type: str | DatasetType,
        data_id: Mapping[str, object] | DataCoordinate | None = None,
        *,
        collections: Names = None,
        timespan: Timespan | None = None,
        **key: object,
    ) -> DatasetRef | None:
        """Return the first dataset of this data ID, None if there is none."""
        return self._lookup.find(dataset_type, data_id, collections=collections, timespan=timespan, **key)

    def get_dataset(self, id: UUID) -> DatasetRef | None:  # noqa: A002 - the field's word
        """Return the dataset with this id, None if there is none."""
        return self._lookup.refs([id])[0]

    def exists(
        self, dataset_type: str | DatasetType | DatasetRef, data_id: Mapping[str, object] | None = None, **more: Any
    ) -> bool:
        """Say whether a dataset is registered and its artifact is there."""
        ref = dataset_type if isinstance(dataset_type, DatasetRef) else self._lookup.find(dataset_type, data_id, **more)
        return ref is not None and self._lookup.exists_many([ref])[0]

    def exists_many(self, refs: Sequence[DatasetRef]) -> list[bool]:
        """Say of each dataset whether it is registered and its artifact is there, in bulk."""
        return self._lookup.exists_many(refs)

    def stored(self, ref: DatasetRef) -> bool:
        """Say whether an artifact is recorded for a dataset, without looking at the file."""
        return bool(self._lookup.locate([ref])[0])

    def get_uri(
        self, dataset_type: str | DatasetRef, data_id: Mapping[str, object] | None = None, **more: Any
    ) -> ArtifactURI:
        """Return where the only artifact of a dataset is, or for ``type.component`` the one that holds the component."""
        return self._lookup.uri(dataset_type, data_id, **more)

    def get_uris(self, refs: Sequence[DatasetRef]) -> list[list[ArtifactURI]]:
        """Return where the artifacts of each dataset are, in bulk."""
        return self._lookup.uris(refs)

    def recall(self, refs: Iterable[DatasetRef], *, dry_run: bool = False) -> list[RecallOrder]:
        """Order artifacts back that are nearline, such as on tape; one order for each store, grouped by container."""
        stored = [item for each in self._lookup.locate(list(refs)) for item in each]
        return self.datastore.recall(stored, dry_run=dry_run)

    def ingest(
        self, *files: FileDataset, transfer: str = "auto", skip_existing: bool = False, header: bool = False
    ) -> list[DatasetRef]:
        """Register files that exist as datasets, all or none.

        Parameters
        ----------
        *files : FileDataset
            Files with the datasets that each holds.
        transfer : str
            "auto", "copy", "move", "link", "hardlink", "symlink", "relsymlink" or "direct" (stay where they are).
        skip_existing : bool
            Whether a file all of whose datasets are registered is left out instead of being an error.
        header : bool
            Whether to keep the header cards of FITS files beside the datasets, to be asked for.
        """
        refs: list[DatasetRef] = []
        Files(self._session, self._lookup).ingest(
            files,
            transfer=transfer,
            skip_existing=skip_existing,
            header=header,
            took=lambda some: refs.extend([ref for file in some for ref in file.refs]),
        )
        return refs

    def ingest_many(self, files: Iterable[FileDataset], *, transfer: str = "auto", **more: Any) -> FilesReport:
        """Register files as `ingest` does, all or none, and only count them: memory does not grow with their number.

        Parameters
        ----------
        files : iterable of FileDataset
            Such as a generator; gone through once.
        transfer : str
            As for `ingest`.
        **more
            ``skip_existing`` and ``header`` as for `ingest`; ``make_runs``: make runs that are not there; ``dry_run``: only look
            whether the files are there, and count.
        """
        return Files(self._session, self._lookup).ingest(files, transfer=transfer, **more)

    # Changes

    def transaction(self) -> AbstractContextManager[Any]:
        """Publish everything put in the block at once when it ends; discard it if an exception leaves the block."""
        return self._session.transaction()

    def apply(self, *changes: Change) -> None:
        """Apply changes in one transaction, in order."""
        self._session.commit(changes)

    def remove_datasets(
        self,
        refs: Iterable[DatasetRef],
        *,
        purge: bool = True,
        unstore: bool = True,
        disassociate: str | Iterable[str] | None = None,
        keep_days: float | None = None,
    ) -> int:
        """Remove datasets: registry rows, memberships and the artifacts that are ours; return how many.

        Parameters
        ----------
        refs : iterable of DatasetRef
            Which ones; of the results of a query, ids alone are read, so that any number takes little memory.
        purge : bool
            Whether the datasets are forgotten; without it they stay registered.
        unstore : bool
            Whether the artifacts go, if the datasets stay.
        disassociate : str or sequence of str, optional
            TAGGED collections to take them out of, if the datasets stay.
        keep_days : float, optional
            For how many days `undo` can bring them back; what the configuration says if None.
        """
        return self.removal.datasets(refs, purge=purge, unstore=unstore, disassociate=disassociate, keep_days=keep_days)

    def remove_runs(
        self, names: str | Iterable[str], *, unlink_from_chains: bool = False, keep_days: float | None = None
    ) -> int:
        """Remove RUN collections with their datasets, as `remove_datasets` does; return how many datasets went."""
        return self.removal.runs(names, unlink_from_chains=unlink_from_chains, keep_days=keep_days)

    # The repository

    @property
    def universe(self) -> Universe:
        """Dimensions of this repository."""
        return self._session.facts.universe

    dimensions = universe

    def packer(self, name: str, **fixed: str | int) -> Packer:
        """Return the packer of a name, which makes data IDs integers and integers data IDs.

        Parameters
        ----------
        name : str
            Such as ``visit_detector``; `packers` lists and defines them.
        **fixed
            What it is for, such as ``instrument="HSC"``; may be left out if there is one layout only.
        """
        return self.packers.get(name, **fixed)

    @property
    def datastore(self) -> Datastore:
        """The storage of this repository."""
        return self.repository.datastore

    @property
    def root(self) -> Path | None:
        """Folder of this repository, None if it has none."""
        return self._address.root

    @property
    def as_of(self) -> int | None:
        """Number of the change after which the repository is shown, None if as it is now."""
        return self._session.facts.as_of

    @property
    def run(self) -> str | None:
        """RUN collection that `put` writes by default."""
        return self._session.defaults.run

    @property
    def writeable(self) -> bool:
        """Whether this access may change the repository."""
        return self._session.facts.writeable

    def standardize(
        self, data_id: Mapping[str, object] | None, dimensions: Iterable[str], **key: object
    ) -> DataCoordinate:
        """Return a complete, checked data ID of these dimensions."""
        return self._data_ids.standardize(data_id, self.universe.conform(dimensions), **key)

    def info(self, name: str) -> CollectionInfo:
        """Return what is known of a collection."""
        return self.collections.info(name)

    def close(self) -> None:
        """Give back connections and leases; closing twice is no error."""
        self.repository.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        defaults = self._session.defaults
        return _reopen, (self._address, defaults.collections, defaults.run, dict(defaults.data_id), self.as_of)

    def __repr__(self) -> str:
        facts = self._session.facts
        mode = "" if facts.writeable else ", read-only" if facts.as_of is None else f", as of change {facts.as_of}"
        return (
            f"Butler({facts.location!r}{mode}): {len(facts.collections)} collections, {len(facts.dataset_types)} dataset types; "
            "try .collections, .dataset_types, .query_datasets('raw')"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{kind.name}</td><td>{kind.dimensions}</td><td>{kind.storage_class}</td></tr>"
            for kind in self.dataset_types
        )
        return f"<p>{self!r}</p><table><tr><th>dataset type</th><th>dimensions</th><th>storage class</th></tr>{rows}</table>"


def _reopen(
    address: Address, collections: tuple[str, ...], run: str | None, data_id: dict[str, object], as_of: int | None
) -> Butler:
    repo, writeable = address.reopen(), address.writeable
    return Butler(repo, collections=collections, run=run, writeable=writeable, as_of=as_of, **data_id)
