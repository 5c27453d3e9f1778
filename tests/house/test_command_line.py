"""What every command promises: an example in its help, and output that programs can read."""

import click
import pytest

from bunter.cli.commands import COMMANDS
from bunter.cli.program import cli

# A guided tour prints what the commands it runs would print.
WITHOUT_RESULTS = {"demo"}


def leaves(name, command):
    """A command, or those below it if it is a group."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from leaves(f"{name} {inner.name}", inner)
    else:
        yield name, command


def all_commands():
    context = click.Context(cli)
    return dict(leaf for name in COMMANDS for leaf in leaves(name, cli.get_command(context, name)))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_where_the_table_says(name):
    assert isinstance(cli.get_command(click.Context(cli), name), click.Command)


def test_every_help_has_a_sentence_and_an_example():
    without = [
        name
        for name, command in all_commands().items()
        if not (command.help and "bunter " in (command.epilog or "") + command.help)
    ]
    assert without == []


def test_every_result_can_be_had_as_json():
    without = [
        name
        for name, command in all_commands().items()
        if not any("--json" in parameter.opts for parameter in command.params) and name not in WITHOUT_RESULTS
    ]
    assert without == []


def test_every_option_says_what_it_does():
    without = [
        f"{name} {parameter.opts[0]}"
        for name, command in all_commands().items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
    ]
    assert without == []


def test_every_command_that_writes_can_be_tried_without_writing():
    """A command whose name says that it changes a repository has ``--dry-run``."""
    writing = ("create", "register", "ingest", "define", "remove", "prune", "certify", "associate", "disassociate")
    without = [
        name
        for name, command in all_commands().items()
        if name.startswith(writing) and not any("--dry-run" in parameter.opts for parameter in command.params)
    ]
    assert without == []
