"""The part of the butler's face that asks: queries, look-ups explained, calibrations, usage, SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.butler.builder import Query
from bunter.butler.operators import Operators
from bunter.butler.question import dataset_type_of
from bunter.dataset import DatasetType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from bunter.butler.coverage import Coverage
    from bunter.butler.explanation import LookupExplanation
    from bunter.butler.lookup import Lookup
    from bunter.butler.metrics import Metrics
    from bunter.butler.mirror import MirrorReport
    from bunter.butler.operators import Usage
    from bunter.butler.queries import Queries
    from bunter.butler.repository import Repository
    from bunter.butler.results import DataIdResults, DatasetResults, JoinedResults, RecordResults
    from bunter.butler.search import Names, Search
    from bunter.butler.session import Session
    from bunter.butler.timeline import Timeline
    from bunter.dataset import StoredArtifact
    from bunter.dataset.operator import SqlAnswer
    from bunter.dimensions import DataCoordinate
    from bunter.query.bind import Where
    from bunter.values import Timespan

__all__ = ["AskingButler"]


class AskingButler:
    """What `bunter.Butler` offers to those who look and change nothing."""

    _session: Session
    _queries: Queries
    _lookup: Lookup
    repository: Repository

    @property
    def root(self) -> Path | None:
        """Folder of the repository, None if it has none."""
        raise NotImplementedError

    def query_datasets(
        self, dataset_type: str | DatasetType, collections: Names = None, *, find_first: bool | None = None, **more: Any
    ) -> DatasetResults:
        """Ask for the datasets of one type.

        Parameters
        ----------
        dataset_type : str
            The type.
        collections : str or sequence of str, optional
            Where to look, in order; names, chains or globs; ``...`` is all.
        find_first : bool, optional
            Only the first dataset of each data ID; by default so, but not with globs.
        **more
            ``where`` (expression), ``bind``, ``data_id``, ``data_ids`` (a table of data IDs: Arrow, astropy, pandas, results of a
            query, or a list of mappings; its other columns come back in tables), ``order_by``, ``limit``, ``offset``, ``with_dimension_records``; data-ID keys.
        """
        return self._queries.datasets(dataset_type, collections, find_first=find_first, **more)

    def metrics(self, dataset_type: str, names: str | Sequence[str] = (), **more: Any) -> Metrics:
        """Ask for what a table of metrics has of the datasets of one type: a row for each, a column for each metric.

        Parameters
        ----------
        dataset_type : str
            The type.
        names : str or sequence of str
            Which metrics, such as ``"fwhm"`` or ``"fit.chi2"``; all that the datasets have by default.
        **more
            As for `query_datasets`: ``collections``, ``find_first``, ``where`` (over data IDs), ``order_by``, ``limit``,
            ``with_dimension_records``, data-ID keys.

        Examples
        --------
        >>> butler.metrics("seeing", "fwhm", collections="nightly", where="band = 'r'").to_pandas()
        """
        from bunter.butler.metrics import Metrics

        chosen = [names] if isinstance(names, str) else list(names)
        return Metrics(self._session, self.query_datasets(dataset_type, **more), chosen)

    def query(self) -> Query:
        """Begin a question that is put together step by step: see `bunter.butler.builder.Query`.

        Examples
        --------
        >>> butler.query().join_datasets("src").where("band = 'r'").data_ids("visit")
        """
        return Query(self._queries)

    def query_data_ids(self, dimensions: str | Iterable[str], **more: Any) -> DataIdResults:
        """Ask for data IDs; with ``datasets=`` (and ``collections=``) those for which datasets exist."""
        return self._queries.data_ids(dimensions, **more)

    def query_dimension_records(self, element: str, **more: Any) -> RecordResults:
        """Ask for the records of a dimension element."""
        return self._queries.records(element, **more)

    def query_joined(
        self, *dataset_types: str | DatasetType | Search, collections: Names = None, **more: Any
    ) -> JoinedResults:
        """Ask for rows with one dataset of each type, joined by their data IDs.

        There is a row for each data ID of the union of their dimensions: a dataset with fewer dimensions stands in several
        rows, regions of the sky map join where they overlap, calibrations by the time of what is observed.

        Parameters
        ----------
        *dataset_types : str, DatasetType or Search
            The types; a `Search` says also where to look, what to call it, and whether it may be missing.
        collections : str or sequence of str, optional
            Where to look for those that do not say.
        **more
            As for `query_datasets`.

        Examples
        --------
        >>> butler.query_joined("visit_image", Search("src", optional=True), where="src.id IS NULL")
        """
        return self._queries.joined(dataset_types, collections, **more)

    def query_missing(
        self,
        dataset_type: str | DatasetType | Search,
        of: str | DatasetType | Search | Iterable[str],
        *,
        collections: Names = None,
        **more: Any,
    ) -> DatasetResults | DataIdResults:
        """Ask for what has no dataset of a type.

        Parameters
        ----------
        dataset_type : str, DatasetType or Search
            What is missing; a calibration is missing where none is valid at the time.
        of : str, DatasetType, Search or iterable of str
            What should have it: a dataset type, or dimensions.
        collections : str or sequence of str, optional
            Where to look for both, unless a `Search` says otherwise.
        **more
            As for `query_datasets`.

        Examples
        --------
        >>> butler.query_missing("src", of="visit_image", where="band = 'r'")
        """
        return self._queries.missing(dataset_type, of, collections, **more)

    def at(  # noqa: PLR0913 - a question with its narrowings
        self,
        ra: Any,
        dec: Any = None,
        *,
        radius_deg: float = 0.0,
        collections: Names = None,
        dataset_types: str | Iterable[str] | None = None,
        where: Where = "",
        bind: Mapping[str, object] | None = None,
        time: object = None,
        find_first: bool = True,
    ) -> Coverage:
        """Find every dataset that covers a position, by type.

        Parameters
        ----------
        ra, dec : float or str
            ICRS degrees, or sexagesimal text (right ascension in hours); or one `astropy.coordinates.SkyCoord`; or the name
            of an object, where a resolver is configured.
        radius_deg : float
            Find what overlaps a circle of this radius in degrees.
        collections : str or sequence of str, optional
            Where to look, in order.
        dataset_types : str or sequence of str, optional
            Types, or globs of their names; all by default.
        where : str or expression, optional
            A condition on dimensions, such as ``band = 'r'``.
        bind : mapping, optional
            Values of the names in it.
        time : time, Timespan or str, optional
            Only what was taken then; a text without a scale is UTC.
        find_first : bool
            Only the first dataset of each data ID.

        Raises
        ------
        PositionError
            If that is no position, and no object that is known.
        """
        from bunter.butler.covering import Covering, Narrowing
        from bunter.butler.resolvers import place_of

        narrowing = Narrowing(collections, dataset_types, find_first, where, bind, time)
        return Covering(self._session, self._queries).at(place_of(ra, dec, self.root), radius_deg, narrowing)

    def calibrations(
        self, dataset_type: str | DatasetType, collections: Names = None, *, history: bool = False
    ) -> pa.Table:
        """Return the memberships of a dataset type: id, data-ID values, run, collection, validity range.

        With ``history`` those in CALIBRATION collections only, with those that were taken away: ``added`` and ``retired``
        are numbers of changes, ``added_time`` and ``retired_time`` in ns TAI, ``added_by`` and ``retired_by`` users.
        """
        return self._queries.associations(dataset_type, collections, history=history)

    def calibration_timeline(
        self, dataset_type: str | DatasetType, collections: Names = None, *, where: str = ""
    ) -> Timeline:
        """Return when calibrations of a type are valid, to be printed, or drawn with ``.svg()``; gaps are named."""
        from bunter.butler.timeline import arranged

        kind = (
            dataset_type
            if isinstance(dataset_type, DatasetType)
            else dataset_type_of(self._session.facts, dataset_type)
        )
        rows = self.calibrations(kind, collections).to_pylist()
        if where:
            chosen = self.query_datasets(kind, collections, find_first=False, where=where).to_arrow()["id"]
            kept = set(chosen.to_pylist())
            rows = [row for row in rows if row["id"] in kept]
        return arranged(kind.name, kind.dimensions.required, rows)

    def locate(self, ids: Sequence[bytes]) -> list[list[StoredArtifact]]:
        """Return the artifacts of datasets by id, in bulk."""
        return self.repository.locate(self._session.principal, ids)

    def sql(
        self,
        text: str,
        bind: Mapping[str, object] | None = None,
        *,
        limit: int | None = None,
        time_limit_s: float = 60.0,
    ) -> SqlAnswer:
        """Carry out one SELECT over the documented views (``v1_...``); nothing can be changed by it.

        Parameters
        ----------
        text : str
            The statement; values may be left open as ``:name``.
        bind : mapping, optional
            Values for these.
        limit : int, optional
            At most this many rows; the answer's ``is_complete`` says whether there were more.
        time_limit_s : float
            After so many seconds the statement is given up.
        """
        return Operators(self._session).sql(text, bind, limit=limit, time_limit_s=time_limit_s)

    def sql_views(self) -> SqlAnswer:
        """List the views that `sql` can ask: name, what it holds, columns."""
        return Operators(self._session).views()

    def mirror(self, target: str | Path, *, dry_run: bool = False) -> MirrorReport:
        """Copy the views for other programs, or bring such a copy up to date.

        Parameters
        ----------
        target : str or Path
            A file that ends in ``.duckdb`` (extra ``mirror``), or a folder for Parquet files. What was removed here since
            the last time is removed there.
        dry_run : bool
            Whether only to say from which change to which.
        """
        return self.repository.mirror(self._session.principal, str(target), dry_run=dry_run)

    def usage(self) -> Usage:
        """Count datasets and bytes by type, run, instrument, night, user, host and day of registration."""
        return Operators(self._session).usage()

    def explain_lookup(
        self,
        dataset_type: str | DatasetType,
        data_id: Mapping[str, object] | DataCoordinate | None = None,
        *,
        collections: Names = None,
        timespan: Timespan | None = None,
        **key: object,
    ) -> LookupExplanation:
        """Say why `find_dataset` finds what it finds: for each collection in search order which candidate won or why it lost."""
        return self._lookup.explain(dataset_type, data_id, collections=collections, timespan=timespan, **key)
