"""The example at the end of each command's help does what it says, in the repository of the demonstration."""

from __future__ import annotations

import re
import shutil

import click
import pytest

from bunter.cli.commands import COMMANDS
from bunter.cli.program import cli

EXAMPLE = re.compile(r"^Example: (.*)$", re.MULTILINE)
MADE_UP = {"demo", "ingest-files", "insert-dimension-records"}  # takes a minute; needs files of one's own


def examples():
    """Example of each command and subcommand, in the order of the help: what is made is used, then removed."""
    for name in COMMANDS:
        command = cli.get_command(None, name)
        inner = list(command.commands.values()) if isinstance(command, click.Group) else []
        for each in (command, *inner):
            yield name, EXAMPLE.search(each.epilog or "")


def test_every_command_has_an_example_on_one_line():
    assert all(match for _, match in examples())


@pytest.mark.slow
def test_examples_run(demo, tmp_path, shell):
    shutil.copytree(demo, tmp_path, dirs_exist_ok=True, symlinks=True)
    for name, match in examples():
        if name not in MADE_UP:
            shell(match[1], tmp_path)
