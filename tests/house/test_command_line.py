"""What every command promises: an example in its help, and output that programs can read."""

import re
from pathlib import Path

import click
import pytest

from bunter.cli.commands import COMMANDS
from bunter.cli.program import EXIT_USAGE, cli, run

# A guided tour prints what the commands it runs would print.
WITHOUT_RESULTS = {"demo"}


def leaves(name, command):
    """A command, and those below it if it is a group; a group that does something by itself is one of them."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from leaves(f"{name} {inner.name}", inner)
    if not isinstance(command, click.Group) or command.invoke_without_command:
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
    "at", "calibration timeline", "completion", "config-dump", "config-validate", "debug", "diff", "events list", "events subscriptions", "formats", "get-uri", "logs", "metrics", "origin", "packer list",
    "packer pack", "packer unpack", "pipeline check", "pipeline show", "qgraph show", "qgraph why", "query-", "snapshot list", "sql",
    "stats", "status", "universe check", "universe diff", "universe show", "why", "why-dataset",
)  # fmt: skip
WITHOUT_REHEARSAL = {
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


def options(command):
    return [one for one in command.params if isinstance(one, click.Option)]


def longest(option):
    return max(option.opts, key=len)


# What one name stands for in some commands beside its usual meaning, and why it may.
SEVERAL_MEANINGS = {
    "--after": "a time of activities, a number of a change",
    "--cpu-profile": "a folder for the quanta of a run, a file for one",
    "--config": "shows the configuration of a pipeline that is shown, sets values of one that is run",
    "--datasets": "chosen by type; a condition on data IDs",
    "--fill": "columns of an upgrade; a sink, with what it was not told of",
    "--from": "a file of definitions, a repository",
    "--id": "one dataset, or several",
    "--limit": "below zero in queries, to be told if there are more",
    "--output": "a file that is written, a chain that shows results",
    "--summary": "of groups, or of all",
    "--task": "one whose quanta are listed, several that are run",
    "--to": "a folder of a job, a file, an address",
    "--until": "a step, a time",
    "--where": "an expression; quanta are chosen by values",
}


def kinds_of_options():
    """By long name: what an option takes and whether it is repeatable, its short name, and the commands that have it so."""
    kinds = {}
    for name, command in all_commands().items():
        for one in options(command):
            kind = (one.type.name, one.multiple, one.is_flag, *sorted(each for each in one.opts if len(each) == 2))
            kinds.setdefault(longest(one), {}).setdefault(kind, []).append(name)
    return kinds


def test_an_option_of_one_name_is_the_same_wherever_it_stands():
    various = {name: kinds for name, kinds in kinds_of_options().items() if len(kinds) > 1}
    assert {name: kinds for name, kinds in various.items() if name not in SEVERAL_MEANINGS} == {}
    assert SEVERAL_MEANINGS.keys() <= various.keys()


def test_short_names_are_of_one_option_but_for_a_few():
    meanings = {}
    for command in all_commands().values():
        for one in options(command):
            for short in (each for each in one.opts if len(each) == 2):
                meanings.setdefault(short, set()).add(longest(one))
    of_the_mission = {  # as the reference system has them
        "-c": {"--config", "--collections", "-c"},
        "-d": {"--data-query", "--datasets", "--dataset-type"},
        "-i": {"--input", "--instrument"},
        "-t": {"--transfer", "--show-dataset-types"},
    }
    assert {short: names for short, names in meanings.items() if len(names) > 1} == of_the_mission


def test_what_all_commands_have_comes_last_in_their_help():
    last = ["--json", "--csv", "--options-file"]
    found = {name: [longest(one) for one in options(command)] for name, command in all_commands().items()}
    wanted = {name: [one for one in last if one in names] for name, names in found.items()}
    assert {name: names[-5:] for name, names in found.items() if names[-len(wanted[name]) :] != wanted[name]} == {}


def test_a_repository_is_the_first_argument():
    first = {}
    for name, command in all_commands().items():
        arguments = [one.human_readable_name for one in command.params if isinstance(one, click.Argument)]
        if "REPO" in arguments and arguments[0] != "REPO":
            first[name] = arguments
    assert first == {"load": ["FOLDER", "REPO"], "trash": ["ACTION", "REPO"], "cache": ["ACTION", "REPO"]}


def without_a_repository(command):
    """Words for a command whose repository is not there."""
    words = []
    for one in command.params:
        if isinstance(one, click.Argument) and one.required:
            words.append(word_for(one))
        elif isinstance(one, click.Option) and one.required and not one.is_flag:
            words += [longest(one), word_for(one)]
    return words


def commands_on_a_repository():
    """Commands that need a repository which is there."""
    return [
        name
        for name, command in all_commands().items()
        if name != "create" and any(one.name == "repo" and one.required for one in command.params)
    ]


def word_for(parameter):
    if isinstance(parameter.type, click.Choice):
        return parameter.type.choices[0]
    return {"repo": "nowhere", "first": "nowhere", "source": "nowhere"}.get(parameter.name, "1")


@pytest.mark.parametrize("name", commands_on_a_repository())
def test_a_repository_that_is_not_there_is_one_sentence(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    command = all_commands()[name]
    code = run([*name.split(), *without_a_repository(command)])
    output, errors = capfd.readouterr()
    assert (code in {1, 2}, output) == (True, ""), (code, output)
    assert "Traceback" not in errors
    assert len(errors.strip().splitlines()) <= 5, errors


# A declination may begin with a minus sign, as an option does.
@pytest.mark.parametrize("name", sorted(all_commands().keys() - {"at"}))
def test_an_option_that_is_not_there_is_wrong_usage(name, capfd):
    assert run([*name.split(), "--surely-not"]) == EXIT_USAGE
    output, errors = capfd.readouterr()
    assert output == ""
    assert "--surely-not" in errors


def test_commands_and_options_that_sentences_name_are_there():
    """Sentences of errors, docstrings and pages that tell what to type, as in `bunter check --deep`."""
    commands, root = all_commands(), Path(__file__).parents[2]
    everywhere = {word for one in cli.params for word in (*one.opts, *one.secondary_opts)} | {"--help"}
    pages = [one for one in (root / "docs").rglob("*.md") if "_build" not in one.parts]
    wrong = []
    for place in [*pages, *(root / "src").rglob("*.py"), *(root / "changes").glob("*.md"), root / "README.md"]:
        for said in re.findall(r"`bunter ([a-z][^`\n]*)`", place.read_text(encoding="utf-8")):
            words = said.split()
            names = [name for name in commands if words[: len(name.split())] == name.split()]
            known = {
                word for name in names for one in options(commands[name]) for word in (*one.opts, *one.secondary_opts)
            }
            asked = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", said))
            if asked - known - everywhere or not (names or words[0] in COMMANDS):
                wrong.append(f"{place.relative_to(root)}: {said}")
    assert wrong == []
