"""Commands that look at several dataset types together: joined rows, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import as_of_option, names_of
from bunter.cli.asking import asking_options, collections_option
from bunter.cli.sheets import Sheet

if TYPE_CHECKING:
    from bunter.butler import Search
    from bunter.cli.asking import Asking

__all__ = ["query_joined", "query_missing"]


def _search(text: str, *, optional: bool = False) -> Search:
    """Read ``[NAME=]TYPE[:COLLECTIONS]``."""
    from bunter.butler import Search

    name, equals, rest = text.partition("=")
    kind, _, collections = (rest if equals else text).partition(":")
    return Search(kind, names_of([collections]) or None, name if equals else "", optional)


@click.command(
    "query-joined",
    epilog="\b\nExamples:\n  bunter query-joined demo calexp coadd --where \"band = 'r'\" --limit 5\n"
    "  bunter query-joined demo raw --optional calexp --where 'calexp.id IS NULL' --count",
)
@click.argument("repo")
@click.argument("dataset_types", nargs=-1, required=True)
@click.option("--optional", multiple=True, metavar="TYPE", help="Also this type, where there is one. Repeatable.")
@collections_option
@as_of_option
@asking_options
def query_joined(
    *,
    repo: str,
    dataset_types: tuple[str, ...],
    optional: tuple[str, ...],
    collections: tuple[str, ...],
    as_of: str | None,
    asking: Asking,
) -> None:
    """List rows with one dataset of each of DATASET_TYPES in REPO.

    A type may be written [NAME=]TYPE[:COLLECTIONS], so that one type can be joined twice: old=src:run1 new=src:run2.
    """
    from bunter.butler import Butler

    searches = [*map(_search, dataset_types), *(_search(text, optional=True) for text in optional)]
    with Butler(repo, writeable=False, as_of=as_of) as butler:
        results = butler.query_joined(*searches, collections=names_of(collections) or None, **asking.options)
        asking.answer([Sheet("", results)])


@click.command(
    "query-missing",
    epilog="\b\nExamples:\n  bunter query-missing demo calexp --of raw --count\n"
    "  bunter query-missing demo coadd --of tract,patch,band",
)
@click.argument("repo")
@click.argument("dataset_type")
@click.option("--of", required=True, metavar="TYPE|DIMENSIONS", help="What should have it.")
@collections_option
@as_of_option
@asking_options
def query_missing(
    *, repo: str, dataset_type: str, of: str, collections: tuple[str, ...], as_of: str | None, asking: Asking
) -> None:
    """List the datasets, or data IDs, of REPO that have no DATASET_TYPE; a calibration is missing where none is valid."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False, as_of=as_of) as butler:
        names = names_of([of])
        owner = names if len(names) > 1 or names[0] in butler.dimensions else _search(of)
        results = butler.query_missing(
            _search(dataset_type), owner, collections=names_of(collections) or None, **asking.options
        )
        asking.answer([Sheet("", results)])
