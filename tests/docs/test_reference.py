"""The reference names every command, every error and every setting; the pages are all reachable."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS / "_ext"))

import listings  # noqa: E402 - lies beside the pages


@pytest.fixture(scope="module")
def reference():
    return "\n".join(listings.filled(page.read_text()) for page in (DOCS / "reference").glob("*.md"))


def test_every_command_is_in_the_reference(reference):
    from bunter.cli.commands import COMMANDS

    assert [name for name in COMMANDS if f"### {name}\n" not in reference] == []


def test_every_option_is_explained(reference):
    assert re.findall(r"^\| `(--?\S+)` \|\s*\|$", reference, re.MULTILINE) == []


def test_every_error_is_in_the_reference(reference):
    from bunter import errors

    classes = [
        name for name, cls in vars(errors).items() if inspect.isclass(cls) and issubclass(cls, errors.ButlerError)
    ]
    assert [name for name in classes if f"| `{name}` |" not in reference] == []


def test_every_setting_is_in_the_reference_and_explained(reference):
    from bunter.butler.config import RepositoryConfig

    known = list(listings.settings(RepositoryConfig))
    assert [name for name, _, text in known if f"| `{name}` |" not in reference or not text] == []


def test_every_word_and_function_of_the_query_language_is_in_the_reference():
    from bunter.query.lexer import KEYWORDS
    from bunter.query.parser import FUNCTIONS

    page = (DOCS / "reference" / "query-language.md").read_text()
    assert [word for word in {*KEYWORDS, *FUNCTIONS} if word not in page] == []


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for page in DOCS.rglob("*.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
            names = [line.strip() for line in tree.splitlines() if line.strip() and not line.startswith(":")]
            listed |= {(page.parent / f"{name}.md").resolve() for name in names}
    pages = {page.resolve() for page in DOCS.rglob("*.md") if "_build" not in page.parts}
    assert pages - listed == {(DOCS / "index.md").resolve()}


def test_links_between_pages_lead_somewhere():
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+\.md)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
