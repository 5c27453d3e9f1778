"""The command that shows what a table of metrics has of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import as_of_option, names_of
from bunter.cli.asking import asking_options, collections_option
from bunter.cli.sheets import Sheet

if TYPE_CHECKING:
    from bunter.cli.asking import Asking

__all__ = ["metrics"]


@click.command(
    "metrics",
    epilog="\b\nExamples:\n  bunter metrics demo calexp --limit 3\n"
    "  bunter metrics demo calexp fwhm --where \"band = 'r'\" --csv",
)
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("names", nargs=-1)
@collections_option
@click.option("--find-first/--no-find-first", default=None, help="Only the first dataset of each data ID.")
@as_of_option
@asking_options
def metrics(
    *,
    repo: str,
    dataset_type: str,
    names: tuple[str, ...],
    collections: tuple[str, ...],
    find_first: bool | None,
    as_of: str | None,
    asking: Asking,
) -> None:
    """Show the metrics NAMES (all by default) of the datasets of DATASET_TYPE in REPO, in a column each."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        config = butler.datastore.config
        if config is None or not any(sink.kind == "metrics" for sink in config.sinks.values()):
            asking.emit.note(f"{repo} has no table of metrics; a sink of kind metrics makes one (datastore.sinks)")
        found = butler.metrics(
            dataset_type, names, collections=names_of(collections) or None, find_first=find_first, **asking.options
        )
        if asking.columns and not names:
            there = found.datasets.to_reader().schema.names
            found.names = tuple(name for name in names_of(asking.columns) if name not in there)
        asking.answer([Sheet("", found.datasets, found.added)])
