"""Every code block of the documentation runs.

Blocks marked ``python`` and ``bash`` run in order, page by page, in an empty folder; the Python blocks of a page share their
names. A block that begins with ``# file: name`` is written to that file instead. Blocks marked ``text`` and others do not run.
A page that says ``<!-- needs: demo -->`` finds the repository that `bunter demo` makes; such pages are slow.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ROOT = DOCS.parent
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# file: (\S+)\n")
NEEDS_DEMO = "<!-- needs: demo -->"


class Block(NamedTuple):
    """A code block and where it stands."""

    language: str
    text: str
    line: int


MOST_COMMANDS = 4  # each starts a process; pages with more are for the slow tests


def blocks(page):
    text = page.read_text()
    return [Block(match[1], match[2], text[: match.start()].count("\n") + 2) for match in FENCE.finditer(text)]


def runs(block):
    return block.language in {"python", "bash"} or FILE.match(block.text) is not None


def pages():
    for page in sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]):
        if "_build" not in page.parts and any(runs(block) for block in blocks(page)):
            commands = sum(line.startswith("bunter ") for line in page.read_text().splitlines())
            slow = NEEDS_DEMO in page.read_text() or page.name == "README.md" or commands > MOST_COMMANDS
            yield pytest.param(page, id=str(page.relative_to(ROOT)), marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("page", list(pages()))
def test_the_blocks_of_a_page_run(page, tmp_path, request, monkeypatch, shell):
    text = page.read_text()
    if (NEEDS_DEMO in text or page.name == "README.md") and "bunter demo demo" not in text:
        shutil.copytree(request.getfixturevalue("demo"), tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = {"__name__": "__main__"}
    for block in blocks(page):
        if runs(block):
            run(block, page, tmp_path, names, shell)


def run(block, page, folder, names, shell):
    named = FILE.match(block.text)
    if named:
        (folder / named[1]).parent.mkdir(parents=True, exist_ok=True)
        (folder / named[1]).write_text(block.text)
    elif block.language == "bash":
        if page.name != "README.md" or "make " not in block.text:
            shell(block.text, folder)
    else:
        exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
