"""Repositories, names and files from strangers: nothing outside the root is read, written or removed, and no code runs."""

import io
import os
import pickle
import sqlite3
import zipfile

import pytest

from bunter import Butler
from bunter.contracts.small_camera import fill_small_camera, put_thing
from bunter.errors import ButlerError, ConfigurationError, TemplateError

KEY = {"instrument": "Cam", "exposure": 0, "detector": 0}
HOSTILE_NAMES = [
    "../up",
    "a/../../up",
    "/etc/x",
    "..",
    ".hidden",
    "a//b",
    "a\0b",
    "a\nb",
    "x/./y",
    "C:\\x",
    "%2e%2e/x",
    "\u2024\u2024/x",
    "a" * 5000,
    "~/x",
    "$(touch ran)",
    "-rf",
]


class Bomb:
    """Unpickling this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refusal(act):
    """Return what was said against a deed, nothing if it was carried out; other errors are failures."""
    try:
        act()
    except ButlerError as exc:
        return str(exc)
    return ""


@pytest.fixture
def place(tmp_path):
    """A folder with a secret beside a repository with one dataset."""
    (tmp_path / "secret.json").write_text('{"e": "secret"}')
    with Butler.create(tmp_path / "repo") as butler:
        fill_small_camera(butler)
        put_thing(butler, 0, 0)
    return tmp_path


def outside(place):
    return sorted(
        str(path.relative_to(place)) for path in place.rglob("*") if "repo" not in path.relative_to(place).parts
    )


def alter(place, sql, *values):
    connection = sqlite3.connect(place / "repo/registry.sqlite3")
    with connection:
        connection.execute(sql, values)
    connection.close()


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_refused_or_stay_inside(name, place):
    before = outside(place)
    keys = {name: {"instrument": "Cam"}, "thing": KEY}
    with Butler(place / "repo", writeable=True) as butler:
        for register in (
            lambda: butler.dataset_types.register(name, ["instrument"], "StructuredDataDict"),
            lambda: butler.collections.register(name),
            lambda: butler.dimension_records.insert("instrument", {"name": name, "class_name": "x", "visit_system": 0}),
        ):
            assert "\n" not in refusal(register).strip()
        for run in (name, "run1"):
            for kind in (name, "thing"):
                refusal(lambda run=run, kind=kind: butler.put({"x": 1}, kind, keys[kind], run=run))
        assert butler.check(deep=True).is_clean
        inside = {path.resolve() for path in (place / "repo").rglob("*")}
        assert all(path.is_relative_to((place / "repo").resolve()) for path in inside)
    assert outside(place) == before
    assert not os.path.exists("ran")  # noqa: PTH110 - in whatever folder we are


@pytest.mark.parametrize("directory", ["..", "../..", "run1/../..", "a/./b", ".stage"])
def test_records_that_lead_out_of_the_store_are_neither_read_nor_removed(directory, place):
    path = {"..": "repo/x.json"}.get(directory, "x.json")
    (place / path).write_text('{"e": "secret"}')
    alter(place, "UPDATE artifact_directory SET path = ?", directory)
    alter(place, "UPDATE artifact SET name = 'x.json', xxh3 = NULL, sha256 = NULL, size = 15")
    with Butler(place / "repo", writeable=True) as butler:
        with pytest.raises(TemplateError, match="not a plain relative path"):
            butler.get("thing", KEY, collections="run1")
        said = refusal(lambda: butler.remove_datasets(butler.query_datasets("thing", "run1")))
        assert not said or "x.json" in said
    assert (place / path).read_text() == '{"e": "secret"}'


def test_links_in_the_store_that_lead_out_are_not_followed(place):
    folder = place / "repo/data/run1/thing"
    [path] = folder.rglob("*.json")
    below = path.parent
    (place / "elsewhere").mkdir()
    os.rename(path, place / "elsewhere" / path.name)  # noqa: PTH104
    below.rmdir()
    below.symlink_to(place / "elsewhere")
    with Butler(place / "repo", writeable=True) as butler:
        with pytest.raises(TemplateError, match="symbolic link"):
            butler.get("thing", KEY, collections="run1")
        said = refusal(lambda: butler.remove_datasets(butler.query_datasets("thing", "run1")))
        assert not said or "symbolic link" in said
    assert (place / "elsewhere" / path.name).exists()


@pytest.mark.parametrize("form", ["os.system", "pickle", "builtins.eval", "../x", "bunter.effects"])
def test_formats_in_records_are_names_and_never_code(form, place):
    [path] = (place / "repo/data/run1").rglob("*.json")
    content = pickle.dumps(Bomb(place / "ran"))
    path.write_bytes(content)
    alter(place, "UPDATE artifact SET format = ?, xxh3 = NULL, sha256 = NULL, size = ?", form, len(content))
    with Butler(place / "repo") as butler, pytest.raises(ButlerError):
        butler.get("thing", KEY, collections="run1")
    assert not (place / "ran").exists()


@pytest.mark.parametrize("column", ["storage_class"])
@pytest.mark.parametrize("value", ["os.system", "__import__('os').mkdir('ran')", "collections.OrderedDict"])
def test_storage_classes_in_records_are_names_and_never_code(column, value, place):
    alter(place, f"UPDATE dataset_type SET {column} = ?", value)
    with pytest.raises(ButlerError), Butler(place / "repo") as butler:
        butler.get("thing", KEY, collections="run1")
    assert not (place / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.mkdir [ran]\n",
        "datastore: !!python/object/apply:os.mkdir [ran]\n",
        "datastore: {root: !!python/name:os.system }\n",
        "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n",
    ],
)
def test_configuration_from_a_stranger_is_plain_values(text, place, monkeypatch):
    monkeypatch.chdir(place)
    config = place / "repo/bunter.yaml"
    config.write_text(config.read_text() + text)
    with pytest.raises(ConfigurationError) as caught:
        Butler(place / "repo")
    assert len(str(caught.value)) < 2000
    assert not (place / "ran").exists()


def test_a_template_cannot_lead_out(place):
    config = place / "repo/bunter.yaml"
    config.write_text(config.read_text() + "datastore: {templates: {default: '../../{run:/}/{dataset_type}'}}\n")
    with pytest.raises(ButlerError), Butler(place / "repo", run="run1") as butler:
        butler.put({"x": 1}, "thing", {**KEY, "exposure": 1})
    assert outside(place) == ["secret.json"]


@pytest.mark.parametrize("member", ["../../up.json", "/etc/up.json", "a/../../up.json", "..\\up.json"])
def test_members_of_a_zip_stay_in_it(member, place):
    with Butler(place / "repo", writeable=False) as butler:
        butler.bundle(place / "bundle.zip")
    hostile = place / "hostile.zip"
    with zipfile.ZipFile(place / "bundle.zip") as source, zipfile.ZipFile(hostile, "w") as target:
        names = [name for name in source.namelist() if name.endswith(".json") and "thing" in name]
        for entry in source.namelist():
            content = source.read(entry)
            for name in names:
                content = content.replace(name.encode(), member.encode())
            target.writestr(member if entry in names else entry, content)
    before = outside(place)
    with Butler.create(place / "repo2") as butler:
        refusal(lambda: butler.ingest_zip(hostile))
    assert [path for path in outside(place) if not path.startswith("repo2")] == before


def test_a_zip_whose_directory_lies_about_sizes_is_refused_early(place):
    with Butler(place / "repo", writeable=False) as butler:
        butler.bundle(place / "bundle.zip")
    bomb = io.BytesIO()
    with zipfile.ZipFile(place / "bundle.zip") as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.namelist():
            content = source.read(entry)
            big = entry.endswith(".json") and "thing" in entry
            target.writestr(entry, b"0" * 300_000_000 if big else content)
    (place / "bomb.zip").write_bytes(bomb.getvalue())
    with Butler.create(place / "repo2") as butler, pytest.raises(ButlerError):
        butler.ingest_zip(place / "bomb.zip")
        butler.get("thing", KEY, collections="run1")
