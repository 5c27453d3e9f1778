"""Options that say what a quantum graph is planned from: a pipeline and its changes, inputs, a selection of data."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from bunter.cli.arguments import names_of
from bunter.cli.commands.pipeline import pipeline_options, read_pipeline
from bunter.cli.data_ids import data_id_option, read_data_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bunter.dimensions import Universe
    from bunter.graph import Decision
    from bunter.pipeline import PipelineGraph

__all__ = ["Planning", "planning_options"]

_PROFILE_HELP = (
    "What a missing input means: the quantum is left out (development, the default), or an error (production)."
)
_SKIP_HELP = "Do not do again what runs in this collection have done alike, on the same inputs. Repeatable."


@dataclass(frozen=True, slots=True)
class Planning:
    """What was asked of a plan, as typed.

    Parameters
    ----------
    inputs : tuple of str
        Collections with the inputs; names may be separated by commas.
    where : str
        Selection of data.
    table : str or None
        File with a table of data IDs.
    selection : {'closure', 'strict'}
        Whether what the selection needs is added to it.
    max_growth : float
        Most quanta needed for each one asked for.
    profile : {'development', 'production'}
        What a missing input means.
    decided : str or None
        File of decisions.
    skip : tuple of str
        Collections with runs whose work is not done again; names may be separated by commas.
    overrides, files : tuple of str
        Values for the configuration of the pipeline's tasks, and files of such.
    select : str or None
        Which tasks.
    trust : tuple of str
        Packages whose tasks may be imported.
    """

    inputs: tuple[str, ...]
    where: str
    table: str | None
    selection: Literal["closure", "strict"]
    max_growth: float
    profile: Literal["development", "production"]
    decided: str | None
    skip: tuple[str, ...]
    overrides: tuple[str, ...]
    files: tuple[str, ...]
    select: str | None
    trust: tuple[str, ...]

    @property
    def is_asked(self) -> bool:
        """Whether anything is asked for that a stored graph already holds."""
        return any(
            (self.inputs, self.where, self.table, self.decided, self.skip, self.overrides, self.files, self.select)
        )

    @property
    def skipped(self) -> tuple[str, ...]:
        """Collections with runs whose work is not done again."""
        return tuple(names_of(self.skip))

    def pipeline(self, location: str, universe: Universe, known: Mapping[str, Any]) -> PipelineGraph:
        """Read a pipeline, change it as asked, and resolve it against dataset types that are known."""
        found = read_pipeline(location, self.overrides, self.files, self.select)
        return found.resolve(universe, known, trust=self.trust or None)

    def terms(self, universe: Universe) -> dict[str, Any]:
        """Return what `bunter.graph.build_graph` and `bunter.execution.Wish` both take, by name."""
        return {
            "inputs": tuple(names_of(self.inputs)),
            "where": self.where,
            "data_ids": read_data_ids(self.table, universe),
            "select": self.selection,
            "max_growth": self.max_growth,
            "profile": self.profile,
            "decisions": self._decisions(),
        }

    def _decisions(self) -> tuple[Decision, ...]:
        if self.decided is None:
            return ()
        from bunter.graph import read_decisions

        return tuple(read_decisions(self.decided))


_OPTIONS = (
    click.option("-i", "--input", "inputs", multiple=True, help="Collections with the inputs, in order. Repeatable."),
    click.option(
        "-d", "--data-query", "where", default="", help="What to select, such as \"tract = 5 AND band = 'r'\"."
    ),
    data_id_option,
    click.option("--strict", "selection", flag_value="strict", help="Apply every condition to every quantum."),
    click.option(
        "--closure", "selection", flag_value="closure", default=True, help="Add what the selection needs (default)."
    ),
    click.option("--max-growth", default=20.0, show_default=True, help="Most quanta needed for each one asked for."),
    click.option(
        "--profile", type=click.Choice(["development", "production"]), default="development", help=_PROFILE_HELP
    ),
    click.option(
        "--decisions",
        "decided",
        type=click.Path(exists=True),
        help="YAML file of vetoes and overrides, with reasons and authors.",
    ),
    click.option("--skip-existing-in", "skip", multiple=True, metavar="COLLECTION", help=_SKIP_HELP),
    pipeline_options,
)


def planning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options and pass them as ``planning``."""
    names = Planning.__slots__

    @functools.wraps(command)
    def with_planning(*args: Any, **kwargs: Any) -> Any:
        planning = Planning(**{name: kwargs.pop(name) for name in names})
        return command(*args, planning=planning, **kwargs)

    wrapped: Callable[..., Any] = with_planning
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
