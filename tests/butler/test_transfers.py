"""Moving datasets, between repositories of every kind; and what strangers may send."""

from __future__ import annotations

import hashlib
import json
import uuid
import zipfile

import pytest

from bunter import Butler
from bunter.contracts.transfers import TransfersContract, fill_source, things
from bunter.errors import ExportFileError, FileIntegrityError, FormatError, IngestError, KeyMissingError, UserError


def memory():
    return Butler.create(f"memory://{uuid.uuid4()}")


class TestBetweenFolders(TransfersContract):
    @pytest.fixture
    def source(self, tmp_path):
        with Butler.create(tmp_path / "source") as butler:
            fill_source(butler)
            yield butler

    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "empty") as butler:
            yield butler


@pytest.mark.slow
class TestFromMemoryToFolder(TestBetweenFolders):
    @pytest.fixture
    def source(self):
        with memory() as butler:
            fill_source(butler)
            yield butler


class TestBetweenMemories(TestFromMemoryToFolder):
    @pytest.fixture
    def empty(self):
        with memory() as butler:
            yield butler


@pytest.mark.slow
class TestFromFolderToPostgres(TestBetweenFolders):
    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "empty") as butler:
            yield butler


@pytest.mark.slow
class TestFromPostgresToFolder(TestBetweenFolders):
    @pytest.fixture
    def source(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "source") as butler:
            fill_source(butler)
            yield butler


@pytest.fixture
def source(tmp_path):
    with Butler.create(tmp_path / "source") as butler:
        fill_source(butler)
        yield butler


@pytest.fixture
def empty(tmp_path):
    with Butler.create(tmp_path / "empty") as butler:
        yield butler


@pytest.mark.parametrize("transfer", ["auto", "copy", "link", "hardlink", "symlink", "relsymlink", "direct"])
def test_every_way_of_transfer_brings_the_same_content(source, empty, transfer):
    empty.transfers.take(source.transfers.parcel(), transfer=transfer)
    assert things(empty) == things(source)
    assert empty.check(deep=True).is_clean
    empty.remove_runs("run1", unlink_from_chains=True)
    assert source.check(deep=True).is_clean


@pytest.mark.parametrize("transfer", ["auto", "copy", "move", "symlink", "direct"])
def test_every_way_of_transfer_imports_an_export(source, empty, tmp_path, transfer):
    source.export(tmp_path / "out")
    empty.import_(tmp_path / "out", transfer=transfer)
    assert things(empty) == things(source)
    left = [path for path in (tmp_path / "out/files").rglob("*") if path.is_file()]
    assert len(left) == (0 if transfer == "move" else 14)


@pytest.mark.parametrize("transfer", ["hardlink", "symlink", "direct"])
def test_what_is_no_file_cannot_be_linked(empty, transfer):
    with memory() as source:
        fill_source(source)
        with pytest.raises(IngestError, match="no file of this machine"):
            empty.transfers.take(source.transfers.parcel(), transfer=transfer)
    assert not list(empty.dataset_types.query())  # what is little comes at once, or not at all


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
@pytest.mark.parametrize("transfer", ["copy", "auto", "direct"])
def test_damage_is_found_by_a_transfer(source, empty, damage, transfer):
    ref = source.query_datasets("thing", "run1").first()
    path = source.get_uri(ref).path
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[:-1] if damage == "cut" else bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(KeyMissingError if damage == "gone" else FileIntegrityError):
        empty.transfers.take(source.transfers.parcel(), transfer=transfer)
    assert empty.get_dataset(ref.id) is None
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    empty.transfers.take(source.transfers.parcel(), transfer=transfer)
    assert things(empty) == things(source)


def test_progress_is_told_in_bytes(source, empty):
    told = []
    empty.transfers.take(source.transfers.parcel(), progress=told.append)
    assert (told[-1].artifacts, told[-1].done) == (14, source.check().size)


def test_a_load_goes_to_another_database_and_back(source, tmp_path, postgres_url):
    source.dump(tmp_path / "one")
    with Butler.load(tmp_path / "one", tmp_path / "pg", database=postgres_url) as there:
        assert TransfersContract.same(source, there)
        there.dump(tmp_path / "two")
    with Butler.load(tmp_path / "two", tmp_path / "back") as back:
        assert TransfersContract.same(source, back)
        prints = [back.dump(tmp_path / "three"), source.dump(tmp_path / "four")]
    tables = [{t.shape.name: t.copied.fingerprint for t in each.tables} for each in prints]
    assert tables[0] == tables[1]


def rewritten(folder, change):
    """Change the manifest of an export as somebody would who knows about its digest."""
    from bunter.butler.transfers.signed_json import written_signed

    path = folder / "bunter-export.json"
    content = json.loads(path.read_text())
    change(content)
    content.pop("sha256")
    path.write_bytes(written_signed(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["tables"]["metadata"].update(file="../../etc/passwd"),
        lambda c: c["tables"]["metadata"].update(file="/etc/passwd"),
        lambda c: c["collections"][0].update(name="../up"),
        lambda c: c["collections"][0].update(name="run\n1"),
        lambda c: c["dataset_types"][0].update(name="x; DROP TABLE dataset"),
        lambda c: c["dataset_types"][0].update(dimensions=["nowhere"]),
        lambda c: c["universe"].update(dimensions="x"),
        lambda c: c.update(universe="!!python/object/apply:os.system ['touch hacked']"),
        lambda c: c.update(format=99),
        lambda c: c.update(files=".."),
        lambda c: c.update(files=["/etc"]),
        lambda c: c.pop("tables"),
        lambda c: c.update(tables={"records/nowhere": c["tables"]["metadata"]}),
        lambda c: c.update(collections=[{"name": "a", "type": "CHAINED", "doc": "", "children": [["b"]]}]),
    ],
)
def test_manifests_with_bad_names_are_refused_in_one_sentence(source, empty, tmp_path, change):
    source.export(tmp_path / "out")
    rewritten(tmp_path / "out", change)
    with pytest.raises(UserError):
        empty.import_(tmp_path / "out")
    assert empty.query_datasets(..., "*").count() == 0 if len(empty.dataset_types) else True
    assert not (tmp_path / "hacked").exists()


def with_paths(folder, path):
    """Let the artifacts of an export's things have another path."""
    import hashlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    def change(content):
        row = content["tables"]["artifacts/thing"]
        table = pq.read_table(folder / row["file"])
        column = pa.array([path] * table.num_rows, pa.string())
        pq.write_table(table.set_column(table.schema.get_field_index("path"), "path", column), folder / row["file"])
        row["sha256"] = hashlib.sha256((folder / row["file"]).read_bytes()).hexdigest()

    rewritten(folder, change)


@pytest.mark.parametrize("path", ["../../secret", "/etc/hostname", "a/../../b", ".hidden", ""])
@pytest.mark.parametrize("place", ["folder", "zip", "retrieved"])
def test_paths_that_lead_out_of_an_export_are_refused(source, empty, tmp_path, path, place):
    if place == "retrieved":
        source.retrieve_artifacts(source.query_datasets("thing", "run1"), tmp_path / "out")
    else:
        source.export(tmp_path / "out")
    with_paths(tmp_path / "out", path)
    given = tmp_path / "out"
    if place == "zip":
        given = tmp_path / "out.zip"
        with zipfile.ZipFile(given, "w") as archive:
            for file in (tmp_path / "out").rglob("*"):
                if file.is_file():
                    archive.write(file, file.relative_to(tmp_path / "out"))
    with pytest.raises((UserError, KeyMissingError)):
        empty.import_(given)
    assert empty.query_datasets("thing", "*", find_first=False).count() == 0 if "thing" in empty.dataset_types else True


def test_a_retrieved_folder_of_a_stranger_gives_nothing_from_outside(source, tmp_path):
    refs = list(source.query_datasets("thing", "run1"))
    [victim, *_] = source.retrieve_artifacts(refs, tmp_path / "out")
    victim.rename(tmp_path / "secret.json")
    victim.symlink_to(tmp_path / "secret.json")
    with Butler(tmp_path / "out") as opened, pytest.raises(ExportFileError, match="out of the export"):
        opened.get(refs[0])
    with_paths(tmp_path / "out", "../secret.json")
    with Butler(tmp_path / "out") as opened, pytest.raises(ExportFileError, match="not below its folder"):
        opened.get(refs[0])


def test_a_retrieved_folder_may_be_packed_by_any_tool(source, empty, tmp_path):
    refs = list(source.query_datasets("thing", "run1"))
    source.retrieve_artifacts(refs, tmp_path / "out", template="{dataset_type}/{exposure}_{detector}")
    with zipfile.ZipFile(tmp_path / "out.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in (tmp_path / "out").rglob("*"):
            archive.write(file, file.relative_to(tmp_path / "out"))
    with Butler(tmp_path / "out.zip") as opened:
        assert [opened.get(ref) for ref in refs] == [source.get(ref) for ref in refs]
    empty.ingest_zip(tmp_path / "out.zip")
    assert [empty.get(ref) for ref in refs] == [source.get(ref) for ref in refs]


def test_a_link_out_of_an_export_is_followed_only_when_told(source, empty, tmp_path):
    source.export(tmp_path / "out")
    victim = next(path for path in (tmp_path / "out/files").rglob("*.json"))
    secret = tmp_path / "secret.json"
    secret.write_bytes(victim.read_bytes())
    victim.unlink()
    victim.symlink_to(secret)
    with pytest.raises(ExportFileError, match="out of the export"):
        empty.import_(tmp_path / "out")
    empty.import_(tmp_path / "out", allow_outside=True)
    assert things(empty) == things(source)


def test_an_export_without_copies_is_imported_only_when_told(source, empty, tmp_path):
    source.export(tmp_path / "out", transfer="direct")
    with pytest.raises(ExportFileError, match="allow_outside"):
        empty.import_(tmp_path / "out")
    empty.import_(tmp_path / "out", transfer="direct")
    assert things(empty) == things(source)


def test_a_bomb_in_a_zip_is_not_unfolded(source, empty, tmp_path):
    source.bundle(tmp_path / "good.zip")
    ref = source.query_datasets("thing", "run1").first()
    name = f"files/{source.get_uri(ref).stored.key}"
    with zipfile.ZipFile(tmp_path / "good.zip") as good, zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        for info in good.infolist():
            if info.filename == name:
                bad.writestr(name, b"\0" * (300 << 20), zipfile.ZIP_DEFLATED)
            else:
                bad.writestr(info.filename, good.read(info))
    with pytest.raises((FormatError, FileIntegrityError)):
        empty.import_(tmp_path / "bad.zip")
    assert empty.get_dataset(ref.id) is None


def test_what_is_no_zip_or_no_export_is_said_so(empty, tmp_path):
    (tmp_path / "text.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a", "b")
    (tmp_path / "folder").mkdir()
    for name in ("text.zip", "other.zip", "folder", "nothing"):
        with pytest.raises((UserError, KeyMissingError)):
            empty.import_(tmp_path / name)


def test_a_dump_of_a_stranger_runs_no_sql(source, tmp_path):
    from bunter.butler.transfers.signed_json import written_signed

    source.dump(tmp_path / "dump")
    path = tmp_path / "dump/bunter-dump.json"
    for change in (
        lambda t: t.update(name='x"; DROP TABLE dataset; --'),
        lambda t: t["columns"][0].__setitem__(0, 'a" INTEGER); --'),
        lambda t: t["columns"][0].__setitem__(1, "INTEGER CHECK (load_extension('x'))"),
        lambda t: t["columns"][0].__setitem__(3, "(SELECT load_extension('x'))"),
        lambda t: t.update(key=['a"']),
        lambda t: t.update(file="../x.parquet"),
    ):
        content = json.loads(path.read_text())
        good = path.read_text()
        change(content["tables"][0])
        content.pop("sha256")
        path.write_bytes(written_signed(content))
        with pytest.raises(ExportFileError):
            Butler.load(tmp_path / "dump", tmp_path / "loaded")
        path.write_text(good)
    assert not (tmp_path / "loaded").exists()


def test_nothing_is_written_over_what_is_there(source, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("all of it")
    (tmp_path / "mine.zip").write_text("mine")
    for act in (source.export, source.dump, source.bundle):
        with pytest.raises(UserError):
            act(tmp_path / "mine")
    with pytest.raises(FileExistsError):
        source.bundle(tmp_path / "mine.zip")
    source.dump(tmp_path / "dump")
    with pytest.raises(UserError):
        Butler.load(tmp_path / "dump", tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    assert (tmp_path / "mine.zip").read_text() == "mine"


def test_the_same_bundle_again_changes_nothing_and_another_is_refused(source, tmp_path):
    refs = list(source.query_datasets("thing", "run1"))
    first = source.bundle(tmp_path / "some.zip", refs=refs[:3], licence="CC0")
    before = (tmp_path / "some.zip").read_bytes()
    assert source.bundle(tmp_path / "some.zip", refs=refs[:3], licence="CC0").datasets == first.datasets == 3
    for refs_, licence, what in ((refs, "CC0", "datasets/thing"), (refs[:3], "MIT", "about")):
        with pytest.raises(FileExistsError, match=f"with other content: .*{what}"):
            source.bundle(tmp_path / "some.zip", refs=refs_, licence=licence)
    assert (tmp_path / "some.zip").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_zip_file_that_is_taken_in_is_one_artifact_and_told_as_it_comes(source, empty, tmp_path):
    source.bundle(tmp_path / "all.zip")
    size = (tmp_path / "all.zip").stat().st_size
    planned = empty.ingest_zip(tmp_path / "all.zip", dry_run=True)
    told = []
    done = empty.ingest_zip(tmp_path / "all.zip", transfer="copy", progress=told.append)
    assert [(report.artifacts, report.size, report.datasets) for report in (planned, done)] == [(1, size, 14)] * 2
    assert (told[-1].artifacts, told[-1].done) == (1, size)
    assert empty.check(deep=True).is_clean
    again = empty.ingest_zip(tmp_path / "all.zip", dry_run=True)
    assert (again.artifacts, again.size) == (0, 0)


@pytest.mark.parametrize("length", [0, 10, 64])
def test_a_load_that_died_while_it_said_so_is_completed_by_the_same_call(source, tmp_path, length):
    dump = tmp_path / "dump"
    source.dump(dump)
    mark = hashlib.sha256((dump / "bunter-dump.json").read_bytes()).hexdigest()
    (tmp_path / "loaded").mkdir()
    (tmp_path / "loaded/.bunter-load").write_text(mark[:length])
    with Butler.load(dump, tmp_path / "loaded") as butler:
        assert butler.check(deep=True).is_clean
