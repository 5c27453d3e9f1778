"""Commands about the care of files: check, trash."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler import Butler
    from bunter.butler.direct import DirectRepository
    from bunter.cli.output import Emit
    from bunter.datastore.check import CheckReport
    from bunter.datastore.deep_check import DeepCheck

__all__ = ["check", "trash"]

_DAY_S = 86400.0


@click.command(
    "check",
    epilog="\b\nExamples: bunter check demo --deep\n          bunter check demo --sample 0.1 --rate 50",
)
@click.argument("repo")
@click.option("--deep", is_flag=True, help="Read every artifact and compare its digest.")
@click.option(
    "--sample", type=click.FloatRange(min=0, max=1, min_open=True), help="Read only this share of them, drawn anew."
)
@click.option(
    "--rate", "rate_mb_s", type=click.FloatRange(min=0, min_open=True), help="Read at most so many MB a second."
)
@click.option("--record", is_flag=True, help="Read files without digests as well, and write their digests down.")
@click.option(
    "--incremental",
    is_flag=True,
    help="Only what no such check has found in order; --deep: what was read longest ago first.",
)
@click.option(
    "--time-limit",
    "time_limit_s",
    type=click.FloatRange(min=0, min_open=True),
    help="Begin nothing more after so many seconds; with --incremental the next check goes on there.",
)
@click.option("--repair", is_flag=True, help="Settle what dead writers left, empty the trash, set orphans aside.")
@click.option("--from", "source", metavar="REPO", help="With --repair: bring lost and damaged files back from there.")
@click.option(
    "--older-than",
    "older_than_s",
    type=click.FloatRange(min=0),
    default=_DAY_S,
    show_default=True,
    help="Set aside only orphans unchanged for so many seconds.",
)
@click.option("-n", "--dry-run", is_flag=True, help="With --repair: say what would be mended and change nothing.")
@output_options
def check(
    *,
    repo: str,
    deep: bool,
    sample: float | None,
    rate_mb_s: float | None,
    record: bool,
    incremental: bool,
    time_limit_s: float | None,
    repair: bool,
    source: str | None,
    older_than_s: float,
    dry_run: bool,
    emit: Emit,
) -> None:
    """Compare the registry of REPO with its files, both ways; exit with 1 if something is wrong.

    --sample, --rate and --record each read files, as --deep does.
    """
    from bunter.butler import Butler
    from bunter.datastore.deep_check import DeepCheck

    _refuse_nonsense(source, repair=repair, dry_run=dry_run, writes=record or incremental)
    how: DeepCheck | None = None
    if deep or record or sample or rate_mb_s:
        how = DeepCheck(sample or 1.0, None if rate_mb_s is None else rate_mb_s * 1e6, record)
    more: dict[str, Any] = {"incremental": incremental, "time_limit_s": time_limit_s}
    done: dict[str, object] = {}
    with Butler(repo, writeable=(repair and not dry_run) or record or incremental) as butler:
        report = _checked(butler, how, **more)
        if dry_run:
            done = _tell_repair(butler, source, report, older_than_s, emit)
        elif repair and not report.is_clean:
            if source is not None:
                done |= _mend(butler, source, report, emit)
            done |= _repair(butler, report, older_than_s, emit)
            report = _checked(butler, how, **more)
        is_to_tell = not report.is_clean and not butler.writeable and butler.events.is_wanted
    if is_to_tell:
        _tell_lost(repo, report)
    _show(report, {**done, **({"dry_run": dry_run} if repair else {})}, emit)
    if not report.is_clean:
        if emit.style == "text":
            for hint in _next_steps(report, repo, older_than_s if repair else None):
                emit.note(hint)
        raise click.exceptions.Exit(1)


def _refuse_nonsense(source: str | None, *, repair: bool, dry_run: bool, writes: bool) -> None:
    if source is not None and not repair:
        raise click.UsageError("--from says where --repair takes files from; give both")
    if dry_run and (not repair or writes):
        raise click.UsageError(
            "--dry-run says what --repair would do; give it with that, without --record, --incremental"
        )


def _tell_repair(
    butler: Butler, source: str | None, report: CheckReport, older_than_s: float, emit: Emit
) -> dict[str, object]:
    from bunter.butler import Butler
    from bunter.butler.mending import mendable
    from bunter.datastore.check import Problem, old_orphans
    from bunter.values import Principal, counted

    numbers: dict[str, object] = {}
    if source is not None:
        with Butler(source, writeable=False) as other:
            there = mendable(butler, other, report, Principal.current())
        emit.note(f"would bring {counted(len(there), 'file')} back from {source}, if whole there")
        numbers["brought_back"] = len(there)
    for name, number, said in (
        ("set_aside", len(old_orphans(butler.datastore, report, older_than_s=older_than_s)), "would set {} aside"),
        ("unlinked", len(report.of(Problem.TRASH)), "would unlink {} of the trash"),
        ("settled", len(report.of(Problem.UNFINISHED)), "would settle {} of dead writers"),
        ("copied", len(report.of(Problem.UNCOPIED)), "would make copies of {}"),
    ):
        numbers[name] = number
        if number:
            emit.note(said.format(counted(number, "file")))
    return numbers


def _mend(butler: Butler, source: str, report: CheckReport, emit: Emit) -> dict[str, object]:
    from bunter.butler import Butler
    from bunter.butler.mending import mend
    from bunter.values import Principal, counted

    with Butler(source, writeable=False) as other:
        done = mend(butler, other, report, Principal.current())
    for one in done:
        if one.trouble:
            emit.note(f"{one.key} could not be brought back: {one.trouble}")
    back = sum(not one.trouble for one in done)
    if back:
        emit.note(f"brought {counted(back, 'file')} back from {source}")
    return {"brought_back": back, "troubles": {one.key: one.trouble for one in done if one.trouble}}


def _next_steps(report: CheckReport, repo: str, older_than_s: float | None) -> Iterator[str]:
    """Say what to do about the findings; ``older_than_s`` only after a repair."""
    from bunter.datastore.check import Problem

    if report.of(Problem.ORPHAN):
        if older_than_s:
            yield f"orphans changed within the last {older_than_s:g} s stay where they are; --older-than 0 sets all aside"
        elif older_than_s is None:
            yield f"orphans: `bunter check {repo} --repair` sets them aside"
    if report.of(Problem.UNCOPIED) and older_than_s is None:
        yield f"without a copy: `bunter check {repo} --repair` makes those that are lacking"
    if report.of(Problem.DEAD):
        yield (
            f"dead rows: no command leaves any, and none is removed; `bunter transfer-datasets {repo} OTHER` brings all that is "
            "whole to a new repository, and a backup of the database from before has what they lack"
        )
    lost = [each for problem in (Problem.MISSING, Problem.SIZE, Problem.DAMAGED) for each in report.of(problem)]
    elsewhere = {each.datastore for each in lost if "which is not configured" in each.detail}
    direct = {each.key for each in lost if each.key.startswith("/")}
    if elsewhere:
        yield f"not configured: give {', '.join(sorted(elsewhere))} a place again, below datastore.stores in bunter.yaml"
    if direct:
        yield f"ingested where they are: put them back, or say by `bunter relocate {repo} OLD NEW` where they have moved"
    if any(each.datastore not in elsewhere and each.key not in direct for each in lost):
        deep = " --deep" if report.of(Problem.DAMAGED) else ""  # without it the damage is not seen again
        yield (
            f"lost or damaged: `bunter check {repo}{deep} --repair --from OTHER` takes good copies from another repository; "
            "without one, remove the datasets by `bunter prune-datasets "
            f"{repo} -d TYPE --collections RUN --where \"TYPE.id = UUID('...')\"` and make them again"
        )


def _tell_lost(repo: str, report: CheckReport) -> None:
    """Tell those who subscribe; a check by somebody who may only read tells nobody."""
    from bunter.butler import Butler
    from bunter.errors import ReadOnlyError

    with suppress(ReadOnlyError), Butler(repo, writeable=True) as butler:
        butler.tell_lost(report)


def _checked(butler: Butler, deep: DeepCheck | None, **more: Any) -> CheckReport:
    from bunter.execution import claimed_keys
    from bunter.execution.run_directory import runs_root

    root = runs_root(butler)
    return butler.check(deep=deep or False, claims=lambda: claimed_keys(root), **more)


def _direct(butler: Butler) -> DirectRepository:
    from bunter.butler.direct import DirectRepository
    from bunter.errors import ConfigurationError

    if not isinstance(butler.repository, DirectRepository):
        raise ConfigurationError("only a repository of one's own machine can be repaired; ask its owner")
    return butler.repository


def _repair(butler: Butler, report: CheckReport, older_than_s: float, emit: Emit) -> dict[str, object]:
    from bunter.butler.recopying import copy_again
    from bunter.datastore.check import quarantine
    from bunter.values import Principal, counted

    repository = _direct(butler)
    repository.recover()
    repository.empty_trash()
    aside = quarantine(butler.datastore, report, older_than_s=older_than_s)
    if aside:
        emit.note(f"set {counted(len(aside), 'orphan')} aside in .orphans below the datastore's root")
    if copied := copy_again(repository, report, Principal.current()):
        emit.note(f"made {counted(copied, 'copy', 'copies')} that were lacking")
    return {"set_aside": len(aside), "copied": copied}


def _show(report: CheckReport, mended: dict[str, object], emit: Emit) -> None:
    if emit.style == "text" and report.is_clean:
        emit.record({}, str(report))
        return
    rows = [(str(f.problem), f.key, f.detail, " ".join(map(str, f.datasets))) for f in report.findings]
    emit.rows(("problem", "key", "detail", "datasets"), rows)
    emit.summary({**report.as_row(), **mended}, str(report))


@click.command("trash", epilog="\b\nExample: bunter trash empty demo")
@click.argument("action", type=click.Choice(["list", "empty"]))
@click.argument("repo")
@click.option("--kept", is_flag=True, help="Also the files of removals that could still be undone.")
@click.option("-n", "--dry-run", is_flag=True, help="With empty: say what would go.")
@output_options
def trash(*, action: str, repo: str, kept: bool, dry_run: bool, emit: Emit) -> None:
    """List or empty the trash of REPO: artifacts removed from the registry whose files could not be removed yet."""
    from bunter.butler import Butler
    from bunter.values import counted, sized

    with Butler(repo, writeable=action == "empty" and not dry_run) as butler:
        bin_ = _direct(butler).trash
        found = [(key, size) for _, rows in bin_.waiting() for key, size in rows]
        found += bin_.kept() if kept else []
        if action == "list" or dry_run:
            shown = sized if emit.style == "text" else int
            emit.rows(("key", "size"), [(key, shown(size)) for key, size in found])
            return
        if kept:
            bin_.expire(bin_.due(all_=True))
        failed = bin_.empty()
    removed = len(found) - len(failed)
    troubles = {key: str(error) for key, error in failed.items()}
    emit.record({"removed": removed, "failed": troubles}, f"removed {counted(removed, 'file')}")
    for key, error in failed.items():
        emit.note(f"{key} could not be removed: {error}")
    if failed:
        raise click.exceptions.Exit(1)
