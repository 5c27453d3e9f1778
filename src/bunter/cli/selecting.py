"""Options by which commands choose datasets, the same everywhere, and say how what they wrote is told."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.arguments import names_of
from bunter.cli.data_ids import agreeing, data_id_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bunter.butler import Butler
    from bunter.butler.results import DatasetResults
    from bunter.butler.transfers import Selection
    from bunter.butler.transfers.manifest import Manifest
    from bunter.butler.transfers.packed_datasets import PackedDatasets
    from bunter.cli.output import Emit
    from bunter.dataset import DatasetRef
    from bunter.values.packed_ids import PackedIds

__all__ = ["Chosen", "choosing_options", "tell_nothing", "tell_written"]

_OPTIONS = ("dataset_types", "collections", "where", "table", "order_by", "limit")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which datasets a command is about.

    Parameters
    ----------
    dataset_types : tuple of str
        Names or globs.
    collections : tuple of str
        Where to look; as the command has it if there are none.
    where : str
        Query expression.
    table : str, optional
        File with a table of data IDs, with one of which datasets must agree.
    order_by : tuple of str
        Names to sort the datasets of each type by, before they are counted.
    limit : int, optional
        At most so many datasets.
    """

    dataset_types: tuple[str, ...]
    collections: tuple[str, ...] = ()
    where: str = ""
    table: str | None = None
    order_by: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def within(self) -> list[str] | None:
        """Names of the collections; None if there are none."""
        return names_of(self.collections) or None

    def refs(
        self, butler: Butler, within: Sequence[str] | None = None, *, find_first: bool | None = None
    ) -> list[DatasetRef]:
        """Return the datasets, each once.

        Parameters
        ----------
        butler : Butler
            The repository.
        within : sequence of str, optional
            Collections to look in instead of those that were named.
        find_first : bool, optional
            As for `Butler.query_datasets`.
        """
        found = self._found(butler, within or self.within, find_first)
        return list(islice({ref.id: ref for ref in found}.values(), self.limit))

    def ids(self, butler: Butler, within: Sequence[str] | None = None, *, find_first: bool | None = None) -> PackedIds:
        """Return the ids of the datasets that `refs` returns, which take a fiftieth of the memory; ascending."""
        from bunter.butler.chosen_ids import chosen_ids
        from bunter.values.packed_ids import PackedIds

        if self.limit is not None:
            return chosen_ids(self.refs(butler, within, find_first=find_first))
        found = PackedIds()
        for results in self._results(butler, within or self.within, find_first):
            found += chosen_ids(results)
        return found.distinct()

    def packed(
        self, butler: Butler, within: Sequence[str] | None = None, *, find_first: bool | None = None
    ) -> PackedDatasets:
        """Return the datasets as `refs` does, in little memory."""
        from bunter.butler.transfers.packed_datasets import PackedDatasets

        found = PackedDatasets.of_results(self._results(butler, within or self.within, find_first))
        return found if self.limit is None else found.first(self.limit)

    def _found(self, butler: Butler, within: Sequence[str] | None, find_first: bool | None) -> Iterator[DatasetRef]:
        for results in self._results(butler, within, find_first):
            yield from results

    def _results(
        self, butler: Butler, within: Sequence[str] | None, find_first: bool | None
    ) -> Iterator[DatasetResults]:
        options = {"where": self.where, "order_by": tuple(names_of(self.order_by)), **agreeing(self.table)}
        for name in self._names(butler):
            yield butler.query_datasets(name, within, find_first=find_first, **options)

    def _names(self, butler: Butler) -> list[str]:
        """Return the names of the dataset types; MissingDatasetTypeError for a name, or glob, of none."""
        patterns = names_of(self.dataset_types)
        found = {pattern: [kind.name for kind in butler.dataset_types.query(pattern)] for pattern in patterns}
        lost = [butler.dataset_types.get(pattern).name for pattern in patterns if not found[pattern] and pattern != "*"]
        return list(dict.fromkeys([name for names in found.values() for name in names] + lost))

    def selection(self, butler: Butler, *, find_first: bool = False) -> Selection:
        """Return what is to be taken elsewhere; without a limit it is read as it goes, whatever its size."""
        from bunter.butler.transfers import Selection

        if self.limit is not None:
            refs = self.packed(butler, self.within or ["*"], find_first=find_first)
            return Selection.of_refs(refs, self.within)
        if self.order_by:
            raise click.UsageError("--order-by says which are the first of --limit; give both")
        within = None if self.within is None else tuple(self.within)
        types = tuple(names_of(self.dataset_types))
        return Selection(types, within, self.where, find_first, **agreeing(self.table))


def choosing_options(
    *, required: bool = False, limited: bool = True, within: bool = True, by_table: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``-d``, ``-c``, ``--where``, ``--data-id-table``, ``--order-by`` and ``--limit``, and pass them as `Chosen`.

    Parameters
    ----------
    required : bool
        Whether types must be named.
    limited : bool
        Whether it means anything to take the first so many.
    within : bool
        Whether collections are named by ``-c``.
    by_table : bool
        Whether a table of data IDs may be given.
    """
    types: dict[str, Any] = {"required": True} if required else {"default": ("*",)}
    options = [
        click.option(
            "-d", "--datasets", "dataset_types", multiple=True, help="Dataset type or glob. Repeatable.", **types
        ),
        click.option("-c", "--collections", multiple=True, help="Only datasets of these collections. Repeatable."),
        click.option("--where", default="", help="Only datasets that satisfy this expression, such as \"band = 'r'\"."),
        data_id_option,
        click.option(
            "--order-by", multiple=True, metavar="NAMES", help="What comes first for --limit; '-name' downwards."
        ),
        click.option("--limit", type=click.IntRange(min=1), help="At most this many datasets."),
    ]
    left_out = {1: within, 3: by_table, 4: limited, 5: limited}

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_chosen(*args: Any, **kwargs: Any) -> Any:
            told = {name: kwargs.pop(name) for name in _OPTIONS if name in kwargs}
            return command(*args, chosen=Chosen(**told), **kwargs)

        wrapped: Callable[..., Any] = with_chosen
        for place, option in reversed(list(enumerate(options))):
            if left_out.get(place, True):
                wrapped = option(wrapped)
        return wrapped

    return add


def tell_nothing(source: str, emit: Emit) -> None:
    """Say that no dataset was selected, and how to find out why."""
    emit.note(
        f"no dataset of {source} is selected; `bunter query-datasets {source}` with the same types, --collections and --where "
        "says why"
    )


def tell_written(
    manifest: Manifest, place: dict[str, str], verbs: tuple[str, str], emit: Emit, *, dry_run: bool
) -> None:
    """Print what was written to a place, given as its kind and name; the verbs are for what would be, and for what was."""
    from bunter.values import counted, sized

    counts = {"datasets": manifest.datasets, "artifacts": manifest.artifacts, "size": manifest.size}
    [name] = place.values()
    if not manifest.datasets:
        tell_nothing(manifest.source, emit)
    emit.record(
        {**place, **counts, "dry_run": dry_run},
        f"{verbs[0] if dry_run else verbs[1]} {counted(manifest.datasets, 'dataset')} "
        f"({counted(manifest.artifacts, 'artifact')}, {sized(manifest.size)}) to {name}",
    )
