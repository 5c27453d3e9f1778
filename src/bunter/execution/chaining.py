"""What the chain of the results shows when a run has begun: the run, earlier ones, inputs; and what becomes of a run it replaces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bunter import effects
from bunter.dataset import CollectionType
from bunter.dataset.changes import RegisterCollection, SetChain
from bunter.errors import RunError
from bunter.execution.precedents import reused_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler import Butler
    from bunter.execution.run_directory import RunDirectory
    from bunter.graph import QuantumGraph

__all__ = ["Chaining", "Prune", "asked_to_prune", "future_chain", "newest_run", "prune_replaced", "show_results"]

Prune = Literal["", "unstore", "purge"]
_NOTE = "replaces.json"


@dataclass(frozen=True, slots=True)
class Chaining:
    """How a run enters the chain of its results.

    Parameters
    ----------
    output : str
        The chain; empty for none.
    replaces : bool
        Whether it takes the place of the run that the chain shows first.
    prune : str
        What becomes of that run when all has succeeded: nothing, ``unstore`` removes its files, ``purge`` the run.
    rebases : bool
        Whether the inputs of this run take the place of those that the chain showed.
    """

    output: str
    replaces: bool = False
    prune: Prune = ""
    rebases: bool = False

    def __post_init__(self) -> None:
        if self.prune and not self.replaces:
            raise RunError("--prune-replaced says what becomes of a run that is replaced; give it with --replace-run")


def future_chain(butler: Butler, chaining: Chaining, run: str, more: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Say what the chain will show, and which run it no longer shows.

    Parameters
    ----------
    butler : Butler
        The repository.
    chaining : Chaining
        How.
    run : str
        The run; empty if there is none, because all was done before.
    more : sequence of str
        Runs that are used again, and inputs.
    """
    children = _children(butler, chaining.output)
    if run and children[:1] == (run,):
        return children, ""
    replaced = next(iter(_own(butler, chaining.output, children)), "") if chaining.replaces and run else ""
    kept = _own(butler, chaining.output, children) if chaining.rebases else list(children)
    wanted = dict.fromkeys([*([run] if run else ()), *(one for one in kept if one != replaced), *more])
    wanted.pop(chaining.output, None)
    return tuple(wanted), replaced


def _children(butler: Butler, chain: str) -> tuple[str, ...]:
    if chain not in butler.collections.query(chain):
        return ()
    return tuple(butler.collections.info(chain).children)


def _own(butler: Butler, chain: str, children: Sequence[str]) -> list[str]:
    """Return the runs of a chain that were made for it: their names begin with that of the chain."""
    runs = set(butler.collections.query(f"{chain}/*", types=[CollectionType.RUN])) if children else set()
    return [name for name in children if name in runs]


def show_results(butler: Butler, graph: QuantumGraph, directory: RunDirectory, chaining: Chaining) -> None:
    """Let the chain of the results show the run of a graph; nothing changes if it does."""
    more = [*reused_runs(graph), *graph.header.inputs]
    children, replaced = future_chain(butler, chaining, graph.header.output_run, more)
    if children == _children(butler, chaining.output):
        return
    if replaced:
        note = directory.path / _NOTE
        effects.unlink(note, missing_ok=True)
        effects.write_new(note, json.dumps({"run": replaced, "prune": chaining.prune}).encode(), sync=True)
    butler.apply(RegisterCollection(chaining.output, CollectionType.CHAINED), SetChain(chaining.output, children))


def newest_run(butler: Butler, chain: str) -> str:
    """Return the first of the runs that were made for a chain; empty if there is none."""
    return next(iter(_own(butler, chain, _children(butler, chain))), "") if chain else ""


def _note(directories: Sequence[RunDirectory]) -> dict[str, Any]:
    """Return what a run has noted of the one that it replaces; nothing if it replaces none."""
    notes = [one.path / _NOTE for one in directories]
    note = next((one for one in notes if effects.stat(one) is not None), None)
    return {} if note is None else json.loads(effects.read_bytes(note))


def asked_to_prune(directories: Sequence[RunDirectory]) -> Prune:
    """Return what the command that began a run wants to become of the one that it replaces.

    Parameters
    ----------
    directories : sequence of RunDirectory
        The parts of the run.
    """
    found: Prune = _note(directories).get("prune", "")
    return found


def prune_replaced(butler: Butler, directories: Sequence[RunDirectory], prune: Prune) -> int:
    """Remove the run that a run has replaced, or its files; return how many datasets that were.

    Parameters
    ----------
    butler : Butler
        The repository.
    directories : sequence of RunDirectory
        The parts of the run.
    prune : str
        What is removed.
    """
    note = _note(directories)
    if not prune or not note:
        return 0
    run = note["run"]
    if run not in butler.collections.query(run):
        return 0
    if prune == "purge":
        return butler.remove_runs([run], unlink_from_chains=True)
    known = [kind.name for kind in butler.dataset_types.query()]
    refs = [ref for name in known for ref in butler.query_datasets(name, run, find_first=False)]
    return butler.remove_datasets(refs, purge=False, unstore=True) if refs else 0
