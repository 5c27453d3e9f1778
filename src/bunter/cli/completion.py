"""Completion of words in the shell: commands and options, labels of repositories, names in a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bunter.butler import Butler

__all__ = ["with_completion"]

_TYPES = frozenset({"dataset_type", "dataset_types", "datasets"})
_COLLECTIONS = frozenset(
    {
        "collection",
        "collections",
        "input_collection",
        "output_collection",
        "parent",
        "children",
        "input",
        "pattern",
        "patterns",
    }
)
_ELEMENTS = frozenset({"element", "dimensions"})
_MOST = 200


def with_completion(command: click.Command) -> click.Command:
    """Let the arguments of a command, and of those below it, be completed by what their names say they are."""
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        with_completion(each)
    for parameter in command.params:
        if (words := _words(str(parameter.name), command.name or "")) is not None:
            parameter.shell_complete = words  # type: ignore[method-assign, assignment]
    return command


def _words(name: str, command: str) -> Callable[[click.Context, str], list[CompletionItem]] | None:
    if name == "repo":
        return _repositories
    if name in _TYPES or (name == "patterns" and command == "query-dataset-types"):
        return _names(lambda butler: [kind.name for kind in butler.dataset_types.query()])
    if name in _COLLECTIONS:
        return _names(lambda butler: butler.collections.query())
    if name in _ELEMENTS:
        return _names(lambda butler: list(butler.universe.dimensions))
    return None


def _repositories(_: click.Context, incomplete: str) -> list[CompletionItem]:
    """Offer the labels of the site, and folders."""
    from bunter.butler.opening import labels
    from bunter.errors import ButlerError

    try:
        known: Iterable[str] = labels()
    except (ButlerError, OSError):
        known = ()
    return [
        *(CompletionItem(label) for label in known if label.startswith(incomplete)),
        CompletionItem(incomplete, type="dir"),
    ]


def _names(of: Callable[[Butler], Iterable[str]]) -> Callable[[click.Context, str], list[CompletionItem]]:
    """Offer names that a repository has; the last of several behind a comma."""

    def complete(context: click.Context, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        # Behind an option that still lacks its value, click leaves the arguments before it as they are.
        repo = context.params.get("repo") or next(iter(context.args), None)
        found = [name for name in _asked(repo, of) if name.startswith(last)]
        return [CompletionItem(f"{before}{comma}{name}") for name in found[:_MOST]]

    return complete


def _asked(repo: Any, of: Callable[[Butler], Iterable[str]]) -> list[str]:
    """Ask the repository that has been typed; a mistake in it is told when the command runs, not while it is typed."""
    from bunter.butler import Butler
    from bunter.errors import ButlerError

    if not isinstance(repo, str):
        return []
    try:
        with Butler(repo, writeable=False) as butler:
            return list(of(butler))
    except (ButlerError, OSError):
        return []
