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


def test_no_list_of_commands_breaks_off_a_sentence():
    context = click.Context(cli)
    groups = [one for one in (cli.get_command(context, name) for name in COMMANDS) if isinstance(one, click.Group)]
    texts = {one.name: one.get_help(click.Context(one, info_name=one.name, max_content_width=80)) for one in groups}
    assert [name for name, text in texts.items() if "..." in text.partition("Commands:")[2]] == []


def test_a_rehearsal_is_asked_for_in_one_way():
    options = [(name, one.opts) for name, command in all_commands().items() for one in command.params]
    assert [name for name, opts in options if "--dry-run" in opts and opts != ["-n", "--dry-run"]] == []
    assert [name for name, opts in options if "-n" in opts and "--dry-run" not in opts] == []


# Commands that look: they change neither a repository nor a file.
LOOKING = (
    "at", "calibration timeline", "completion", "config-dump", "config-validate", "debug", "diff", "events list", "events subscriptions", "formats", "get-uri", "logs", "origin", "packer list",
    "packer pack", "packer unpack", "pipeline check", "pipeline show", "qgraph show", "qgraph why", "query-", "snapshot list", "sql",
    "stats", "status", "universe check", "universe diff", "universe show", "why", "why-dataset",
)  # fmt: skip
WITHOUT_REHEARSAL = {
    "check": "without --repair it only looks, and tells what --repair would do",
    "demo": "makes a new folder of its own",
    "doctor": "writes only objects of its own, which it removes again",
    "lineage": "writes the one file that is named, if any",
    "pipeline draw": "writes the one file that is named, if any",
    "report": "writes the one page that is named",
}


def test_every_command_that_writes_can_be_tried_without_writing():
    """A command that is not known to look only has ``--dry-run``, or stands among the exceptions with a reason."""
    without = [
        name
        for name, command in all_commands().items()
        if not name.startswith(LOOKING)
        and name not in WITHOUT_REHEARSAL
        and not any("--dry-run" in parameter.opts for parameter in command.params)
    ]
    assert without == []


def test_no_exception_is_kept_that_is_none_any_more():
    commands = all_commands()
    gone = [name for name in WITHOUT_REHEARSAL if name not in commands]
    able = [name for name in WITHOUT_REHEARSAL if any("--dry-run" in p.opts for p in commands[name].params)]
    assert gone + able == []


def test_every_command_takes_its_options_from_a_file():
    without = [
        name
        for name, command in all_commands().items()
        if not any("--options-file" in parameter.opts for parameter in command.params)
    ]
    assert without == []
