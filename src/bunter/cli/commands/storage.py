"""Commands about the care of files: check, trash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler import Butler
    from bunter.butler.direct import DirectRepository
    from bunter.cli.output import Emit
    from bunter.datastore.check import CheckReport

__all__ = ["check", "trash"]

_DAY_S = 86400.0


@click.command("check", epilog="\b\nExample: bunter check demo --deep")
@click.argument("repo")
@click.option("--deep", is_flag=True, help="Read every artifact and compare its digest.")
@click.option("--repair", is_flag=True, help="Settle what dead writers left, empty the trash, set orphans aside.")
@click.option(
    "--older-than",
    "older_than_s",
    type=click.FloatRange(min=0),
    default=_DAY_S,
    show_default=True,
    help="Set aside only orphans unchanged for so many seconds.",
)
@output_options
def check(*, repo: str, deep: bool, repair: bool, older_than_s: float, emit: Emit) -> None:
    """Compare the registry of REPO with its files, both ways; exit with 1 if something is wrong."""
    from bunter.butler import Butler

    with Butler(repo, writeable=repair) as butler:
        report = _checked(butler, deep=deep)
        if repair and not report.is_clean:
            _repair(butler, report, older_than_s, emit)
            report = _checked(butler, deep=deep)
    _show(report, emit)
    if not report.is_clean:
        if emit.style == "text":
            for hint in _next_steps(report, repo, older_than_s if repair else None):
                emit.note(hint)
        raise click.exceptions.Exit(1)


def _next_steps(report: CheckReport, repo: str, older_than_s: float | None) -> Iterator[str]:
    """Say what to do about the findings; ``older_than_s`` only after a repair."""
    from bunter.datastore.check import Problem

    if report.of(Problem.ORPHAN):
        if older_than_s:
            yield f"orphans changed within the last {older_than_s:g} s stay where they are; --older-than 0 sets all aside"
        elif older_than_s is None:
            yield f"orphans: `bunter check {repo} --repair` sets them aside"
    if any(report.of(problem) for problem in (Problem.MISSING, Problem.SIZE, Problem.DAMAGED)):
        yield (
            "lost or damaged: put a good copy back, or remove the datasets by `bunter prune-datasets "
            f"{repo} -d TYPE --collections RUN --where \"TYPE.id = UUID('...')\"` and make them again"
        )


def _checked(butler: Butler, *, deep: bool) -> CheckReport:
    from bunter.execution import claimed_keys

    root = butler.root
    return butler.check(deep=deep, claims=None if root is None else lambda: claimed_keys(root))


def _direct(butler: Butler) -> DirectRepository:
    from bunter.butler.direct import DirectRepository
    from bunter.errors import ConfigurationError

    if not isinstance(butler.repository, DirectRepository):
        raise ConfigurationError("only a repository of one's own machine can be repaired; ask its owner")
    return butler.repository


def _repair(butler: Butler, report: CheckReport, older_than_s: float, emit: Emit) -> None:
    from bunter.datastore.check import quarantine
    from bunter.values import counted

    repository = _direct(butler)
    repository.recover()
    repository.empty_trash()
    aside = quarantine(butler.datastore, report, older_than_s=older_than_s)
    if aside:
        emit.note(f"set {counted(len(aside), 'orphan')} aside in .orphans below the datastore's root")


def _show(report: CheckReport, emit: Emit) -> None:
    if emit.style == "text" and report.is_clean:
        emit.record({}, str(report))
        return
    rows = [(str(f.problem), f.key, f.detail, " ".join(map(str, f.datasets))) for f in report.findings]
    emit.rows(("problem", "key", "detail", "datasets"), rows)
    emit.note(str(report))


@click.command("trash", epilog="\b\nExample: bunter trash empty demo")
@click.argument("action", type=click.Choice(["list", "empty"]))
@click.argument("repo")
@click.option("--dry-run", is_flag=True, help="With empty: say what would go.")
@output_options
def trash(*, action: str, repo: str, dry_run: bool, emit: Emit) -> None:
    """List or empty the trash of REPO: artifacts removed from the registry whose files could not be removed yet."""
    from bunter.butler import Butler
    from bunter.datastore.check import Problem

    with Butler(repo, writeable=action == "empty" and not dry_run) as butler:
        found = butler.check().of(Problem.TRASH)
        if action == "list" or dry_run:
            emit.rows(("key", "size"), [(finding.key, finding.detail) for finding in found])
            return
        failed = _direct(butler).empty_trash()
    emit.record({"removed": len(found) - len(failed)}, f"removed {len(found) - len(failed)} files")
    for key, error in failed.items():
        emit.note(f"{key} could not be removed: {error}")
    if failed:
        raise click.exceptions.Exit(1)
