"""The page of the architecture speaks of the house as it is."""

import re
import tomllib
from pathlib import Path

import pytest

from bunter import Butler
from bunter.database import Database

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "bunter"
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")


def words_in(text):
    return re.findall(r"`([\w*/]+)`", text)


def table_below(head):
    return PAGE[PAGE.index(head) :].partition("\n\n")[0]


@pytest.mark.parametrize(
    ("room", "text"), re.findall(r"^\| `(\w+)` \| (.*) \|$", table_below("| Room |"), re.MULTILINE)
)
def test_modules_that_the_page_names_are_in_their_room(room, text):
    absent = [word for word in words_in(text) if not list((SOURCE / room).glob(f"{word.rstrip('/')}*"))]
    assert absent == []


def test_rooms_are_drawn_in_the_order_in_which_imports_point():
    drawn = re.findall(r"\w+", " ".join(line[:38] for line in PAGE.split("```text")[1].split("```")[0].splitlines()))
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    here = [room for layer in layers for room in re.findall(r"bunter\.(\w+)", layer) if list(SOURCE.glob(f"{room}*"))]
    assert drawn == here


def test_each_table_of_a_repository_is_on_the_page(tmp_path):
    with Butler.create(tmp_path / "repo"):
        pass
    named = {
        word for row in re.findall(r"^\| (.*?) \|", table_below("| Table |"), re.MULTILINE) for word in words_in(row)
    }
    with Database.open(tmp_path / "repo" / "registry.sqlite3") as database, database.read() as connection:
        found = connection.fetchall("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    tables = {name for (name,) in found if not name.startswith("record_")}
    assert tables - named == set()
