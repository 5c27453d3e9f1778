"""What a user wants to be run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bunter.execution.chaining import Chaining
from bunter.execution.run_directory import RunRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.execution.chaining import Prune
    from bunter.graph import Decision
    from bunter.pipeline import PipelineGraph

__all__ = ["Wish"]

_MORE = {"binds", "data_ids", "select", "skip_existing_in", "decisions", "profile", "replace_run"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants to be run.

    Parameters
    ----------
    inputs : tuple of str
        Collections in which inputs are searched; by default those of the output chain, or of the butler.
    output : str
        A chain that shows the results; each run gets a name of its own below it.
    output_run : str
        Name of the run, where the user wants to choose it.
    where : str
        Selection of data.
    binds : mapping
        Values of names in the selection.
    data_ids : mapping, optional
        A table of data IDs, columns by dimension.
    select : str
        ``closure`` or ``strict``, see `bunter.graph.build_graph`.
    max_growth : float, optional
        See `bunter.graph.build_graph`.
    skip_existing_in : tuple of str
        Collections with earlier runs; what these have done is not done again.
    decisions : tuple of Decision
        Vetoes and overrides of operators.
    profile : str
        ``development`` or ``production``, see `bunter.graph.build_graph`.
    command : str
        The command line, to be remembered.
    replace_run : bool
        Whether the run takes the place of the one that the chain shows first, which is then no input either.
    prune_replaced : str
        What becomes of that run when all has succeeded: ``unstore`` removes its files, ``purge`` the run with its datasets.
    rebase : bool
        Whether the chain forgets the inputs that it showed in favour of those given now.
    extend_run : bool
        Whether the results go into the run that is there, by its name or as the first of the chain, though something else
        was asked for then; what it has done already is not done again.
    """

    inputs: tuple[str, ...] = ()
    output: str = ""
    output_run: str = ""
    where: str = ""
    binds: Mapping[str, object] = field(default_factory=dict)
    data_ids: Mapping[str, Sequence[Any]] | None = None
    select: Literal["closure", "strict"] = "closure"
    max_growth: float | None = 20.0
    skip_existing_in: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    profile: Literal["development", "production"] = "development"
    command: str = ""
    replace_run: bool = False
    prune_replaced: Prune = ""
    rebase: bool = False
    extend_run: bool = False

    @property
    def chaining(self) -> Chaining:
        """How the run enters the chain of its results."""
        return Chaining(self.output, self.replace_run, self.prune_replaced, self.rebase)

    def request(self, pipeline: PipelineGraph) -> RunRequest:
        """Return what tells this wish from another."""
        whole = pipeline.to_dict()
        whole["tasks"] = [{name: one[name] for name in one if name != "resources"} for one in whole["tasks"]]
        plain = json.dumps(whole, sort_keys=True, default=str)
        more = {name: value for name, value in asdict(self).items() if name in _MORE and value}
        return RunRequest(
            pipeline=hashlib.sha256(plain.encode()).hexdigest(),
            inputs=self.inputs,
            output=self.output,
            where=self.where,
            more=json.dumps(more, sort_keys=True, default=str),
        )
