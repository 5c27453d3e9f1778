"""The examples at the end of each command's help do what they say, in the repository of the demonstration."""

from __future__ import annotations

import re
import shutil

import click
import pytest

from bunter.cli.commands import COMMANDS
from bunter.cli.program import cli

EXAMPLE = re.compile(r"^(?:Examples?: | {2,})(bunter .*)$", re.MULTILINE)
MADE_UP = {
    "demo",
    "import-rubin",
    "ingest-files",
    "insert-dimension-records",
    "relocate",
}  # takes a minute; need files of one's own

ELSEWHERE = ("types.yaml", "s3://")  # a file of one's own; a service on the network


def examples():
    """Examples of each command and subcommand, in the order of the help: what is made is used, then removed."""
    for name in COMMANDS:
        command = cli.get_command(None, name)
        inner = list(command.commands.values()) if isinstance(command, click.Group) else []
        for each in (command, *inner):
            yield name, EXAMPLE.findall(each.epilog or "")


def test_every_command_has_an_example_on_one_line():
    assert all(found for _, found in examples())


@pytest.mark.slow
def test_examples_run(demo, tmp_path, shell):
    shutil.copytree(demo, tmp_path, dirs_exist_ok=True, symlinks=True)
    for name, found in examples():
        for example in found if name not in MADE_UP else ():
            if not any(word in example for word in ELSEWHERE):
                shell(example, tmp_path)
