"""The script that lets a shell complete words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bunter.cli.output import output_options

if TYPE_CHECKING:
    from bunter.cli.output import Emit

__all__ = ["completion"]


@click.command(
    epilog='\b\nExample: bunter completion bash > bunter.bash\nTo have it now: eval "$(bunter completion bash)"'
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@output_options
def completion(*, shell: str, emit: Emit) -> None:
    """Print the script that lets SHELL complete commands, options, repositories, dataset types and collections."""
    from click.shell_completion import get_completion_class

    from bunter.cli.program import COMPLETE_VARIABLE, cli

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    found = kind(cli, {}, "bunter", COMPLETE_VARIABLE)
    script = found.source_template % found.source_vars()
    emit.record({"shell": shell, "script": script}, script)
