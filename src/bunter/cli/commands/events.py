"""Commands about events: who is told what happens to a repository, and telling."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from bunter.cli.arguments import dry_run_option, names_of
from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from bunter.butler import Butler
    from bunter.butler.events.delivery import Delivered
    from bunter.cli.output import Emit
    from bunter.dataset.event import RecordedEvent

__all__ = ["events"]


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which events are meant."""
    kinds = click.option("--kinds", multiple=True, metavar="PATTERN", help="Kinds such as run.*; comma-separated.")
    collections = click.option(
        "-c", "--collections", multiple=True, metavar="PATTERN", help="Runs and collections that they are about."
    )
    return kinds(collections(command))


@click.group("events", epilog="\b\nExample: bunter events subscribe demo --name nightly --sink pull --kinds 'run.*'")
def events() -> None:
    """Tell others what happens to a repository: datasets, runs, quanta, collections, lost artifacts."""


@events.command(
    "subscribe", epilog="\b\nExample: bunter events subscribe demo --name log --sink file --to events.jsonl"
)
@click.argument("repo")
@click.option("--name", required=True, help="What the subscription is called.")
@click.option(
    "--sink",
    default="pull",
    show_default=True,
    help="file, webhook, pull (fetched with `events follow`), or what a package brings.",
)
@click.option("--to", "target", default="", help="Path or address that they are sent to.")
@wanted_options
@click.option(
    "--after", type=click.IntRange(min=0), help="Tell of changes after this one; by default of those to come."
)
@dry_run_option
@output_options
def subscribe(
    *,
    repo: str,
    name: str,
    sink: str,
    target: str,
    kinds: tuple[str, ...],
    collections: tuple[str, ...],
    after: int | None,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Let events of REPO be told to somebody.

    They are kept from the first subscription on.

    A webhook signs what it posts with the secret in the environment variable BUNTER_EVENTS_SECRET_<NAME>.
    """
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run or None) as butler:
        made = butler.events.subscribe(
            name,
            sink,
            target,
            kinds=names_of(kinds),
            collections=names_of(collections),
            after="now" if after is None else after,
            dry_run=dry_run,
        )
    told = f"{'would tell' if dry_run else 'tells'} {name} by {sink}{f' to {made.target}' if made.target else ''}"
    emit.record(made.to_dict(), f"{told} what comes after change {made.position}")


@events.command("unsubscribe", epilog="\b\nExample: bunter events unsubscribe demo log")
@click.argument("repo")
@click.argument("name")
@dry_run_option
@output_options
def unsubscribe(*, repo: str, name: str, dry_run: bool, emit: Emit) -> None:
    """Forget a subscription; without any, no events are kept."""
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run or None) as butler:
        known, waiting = butler.events.get(name), butler.events.waiting(name)
        if not dry_run:
            butler.events.unsubscribe(name)
    left = f", which was not told of {waiting} events" if waiting else ""
    emit.record(known.to_dict() | {"waiting": waiting}, f"{'would forget' if dry_run else 'forgot'} {name}{left}")


@events.command("subscriptions", epilog="\b\nExample: bunter events subscriptions demo")
@click.argument("repo")
@output_options
def subscriptions(*, repo: str, emit: Emit) -> None:
    """List who subscribes to events of REPO, and how far each is."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        rows = [
            (s.name, s.sink, s.target, s.kinds, s.collections, s.position, butler.events.waiting(s.name), s.problem)
            for s in butler.events.subscriptions
        ]
    emit.rows(("name", "sink", "target", "kinds", "collections", "position", "waiting", "problem"), rows)


@events.command("list", epilog="\b\nExample: bunter events list demo --kinds 'quantum.failed,run.*'")
@click.argument("repo")
@wanted_options
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only events of changes after this one.")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many.")
@output_options
def list_events(
    *,
    repo: str,
    kinds: tuple[str, ...],
    collections: tuple[str, ...],
    after: int,
    limit: int | None,
    emit: Emit,
) -> None:
    """List the events of REPO, the oldest first; times are UTC."""
    from bunter.butler import Butler

    with Butler(repo, writeable=False) as butler:
        asked = butler.events.query(names_of(kinds), names_of(collections), after=after, limit=limit)
        if emit.style == "json":
            for each in asked:
                click.echo(json.dumps(each.to_dict()))
            return
        emit.rows(("id", "time", "kind", "collection", "user", "what"), map(_row, asked))
        if not butler.events.is_wanted:
            emit.note(
                f"nobody subscribes, so no events are kept; `bunter events subscribe {repo} --name NAME` changes it"
            )


@events.command("follow", epilog="\b\nExample: bunter events follow demo nightly --until 0 --json")
@click.argument("repo")
@click.argument("name")
@click.option("--until", "limit_s", type=click.FloatRange(min=0), help="End when nothing has come for so many seconds.")
@dry_run_option
@output_options
def follow(*, repo: str, name: str, limit_s: float | None, dry_run: bool, emit: Emit) -> None:
    """Print the events of the subscription NAME as they come.

    What was printed is not told again; with --dry-run it is.
    """
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run) as butler:
        known = butler.events.get(name)
        waiting = butler.events.query(known.kinds, known.collections, after=known.position)
        for each in waiting if dry_run else butler.events.follow(name, limit_s=limit_s):
            click.echo(json.dumps(each.to_dict()) if emit.style == "json" else "  ".join(map(str, _row(each))))


@events.command("deliver", epilog="\b\nExample: bunter events deliver demo")
@click.argument("repo")
@click.argument("names", nargs=-1)
@click.option("--follow", "keep_on", is_flag=True, help="Go on for ever, with growing pauses where it fails.")
@dry_run_option
@output_options
def deliver(*, repo: str, names: tuple[str, ...], keep_on: bool, dry_run: bool, emit: Emit) -> int:
    """Send what is due to some subscriptions, or to all.

    The exit code is 1 if a subscription could not be told everything; its events stay, and are sent next time.
    """
    from bunter.butler import Butler

    with Butler(repo, writeable=not dry_run or None) as butler:
        if dry_run:
            emit.rows(("name", "events", "problem"), _due(butler, names))
            return 0
        if keep_on:
            for done in butler.events.keep_delivering(*names):
                emit.rows(("name", "events", "problem"), map(_delivered, done))
        done = butler.events.deliver(*names)
    emit.rows(("name", "events", "problem"), map(_delivered, done))
    return int(any(each.problem for each in done))


def _due(butler: Butler, names: tuple[str, ...]) -> Iterable[tuple[object, ...]]:
    chosen = [butler.events.get(name) for name in names] or butler.events.subscriptions
    return [(each.name, butler.events.waiting(each.name), each.problem) for each in chosen if each.sink != "pull"]


def _delivered(done: Delivered) -> tuple[object, ...]:
    return done.name, done.events, done.problem


def _row(each: RecordedEvent) -> tuple[object, ...]:
    told = each.to_dict()
    said = {name: value for name, value in each.event.document.items() if name != "ids" and value not in ("", None)}
    what = " ".join(f"{name}={_short(value)}" for name, value in said.items())
    return each.id, told["time"], each.event.kind, each.event.collection, each.user, what


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= 80 else f"{line[:77]}..."
