"""An ingest of many files goes in lots, and is one step all the same: all of it, or nothing."""

import json

import pytest
from astropy.io import fits

from bunter import Butler, FileDataset
from bunter.butler import file_lots, files
from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef
from bunter.dataset.event import Subscription
from bunter.errors import ConflictingDatasetError, IngestError
from bunter.values import Principal, new_id

COUNT = 7


@pytest.fixture(params=["memory", "file"])
def lots(request, monkeypatch):
    """Two files a lot, all but the first lot, or all lots, written down."""
    monkeypatch.setattr(files, "LOT_FILES", 2)
    monkeypatch.setattr(file_lots, "_IN_MEMORY", 1 if request.param == "memory" else 0)


@pytest.fixture
def butler(tmp_path, lots):
    with Butler.create(tmp_path / "repo") as butler:
        fill_dimensions(butler, exposures=COUNT, detectors=2)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.dataset_types.register("note", ["instrument", "exposure"], "StructuredDataDict")
        butler.collections.register("run1")
        butler.collections.register("run2")
        yield butler


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(COUNT):
        (tmp_path / "in" / f"f{number}.json").write_text(json.dumps({"e": number}))
    return tmp_path / "in"


def ref_of(butler, number, kind="thing", run="run1", **more):
    of = butler.dataset_types.get(kind)
    data_id = butler.standardize({"instrument": "Cam", "exposure": number, **more}, of.dimensions.required)
    return DatasetRef(new_id(), of, data_id, run)


def thing(butler, inbox, number, run="run1"):
    return FileDataset(str(inbox / f"f{number}.json"), [ref_of(butler, number, run=run, detector=0)])


def things(butler, inbox, run="run1"):
    return [thing(butler, inbox, number, run) for number in range(COUNT)]


def left_over(butler):
    return [path for path in butler.root.rglob("data/**/*.json") if ".stage" not in path.parts]


@pytest.mark.parametrize("transfer", ["copy", "move", "hardlink", "symlink", "auto", "direct"])
def test_all_lots_come_in_whatever_the_way(butler, inbox, transfer):
    refs = butler.ingest(*things(butler, inbox), transfer=transfer)
    assert [butler.get(ref)["e"] for ref in refs] == list(range(COUNT))
    assert butler.check(deep=True).is_clean
    assert len(list(inbox.iterdir())) == (0 if transfer == "move" else COUNT)


def test_a_generator_of_files_is_only_counted(butler, inbox):
    report = butler.ingest_many((thing(butler, inbox, number) for number in range(COUNT)), transfer="copy")
    assert (report.files, report.datasets, report.known) == (COUNT, COUNT, 0)
    assert butler.query_datasets("thing", "run1").count() == COUNT


def test_types_runs_and_files_of_several_datasets_may_be_mixed(butler, inbox):
    given = []
    for number in range(COUNT):
        run = "run1" if number % 3 else "run2"
        both = [ref_of(butler, number, run=run, detector=d) for d in (0, 1)]
        note = [ref_of(butler, number, "note", run)]
        given.append(FileDataset(str(inbox / f"f{number}.json"), both if number % 2 else note))
    refs = butler.ingest(*given, transfer="copy")
    assert refs == [ref for file in given for ref in file.refs]
    assert all(butler.get(ref) == {"e": ref.data_id["exposure"]} for ref in refs)
    assert butler.query_datasets("thing", "*", find_first=False).count() == 6
    assert butler.query_datasets("note", "run2").count() == 2


def test_a_file_that_is_missing_in_a_late_lot_changes_nothing_and_is_listed_with_all_others(butler, inbox):
    given = things(butler, inbox)
    (inbox / "f3.json").unlink()
    (inbox / "f6.json").unlink()
    for transfer in ("copy", "hardlink"):
        with pytest.raises(IngestError, match="2 of 7 files cannot be ingested") as caught:
            butler.ingest(*given, transfer=transfer)
        assert [path for path, _ in caught.value.rejected] == [str(inbox / "f3.json"), str(inbox / "f6.json")]
        with pytest.raises(IngestError, match="2 of 7 files cannot be ingested"):
            butler.ingest_many(iter(given), transfer=transfer)
    assert left_over(butler) == []
    assert butler.query_datasets("thing", "run1").count() == 0


def test_a_conflict_in_a_late_lot_changes_nothing(butler, inbox):
    butler.ingest(thing(butler, inbox, COUNT - 1), transfer="copy")
    for transfer in ("copy", "move", "hardlink"):
        with pytest.raises(ConflictingDatasetError):
            butler.ingest(*things(butler, inbox), transfer=transfer)
    assert len(left_over(butler)) == 1
    assert len(list(inbox.iterdir())) == COUNT
    assert butler.query_datasets("thing", "run1").count() == 1


def test_the_same_data_id_in_two_lots_is_a_conflict(butler, inbox):
    given = [*things(butler, inbox)[:4], thing(butler, inbox, 0)]
    with pytest.raises(ConflictingDatasetError):
        butler.ingest(*given, transfer="copy")
    assert left_over(butler) == []


def test_an_error_of_who_yields_the_files_changes_nothing(butler, inbox):
    def yielded():
        yield from things(butler, inbox)[:5]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        butler.ingest_many(yielded(), transfer="copy")
    assert left_over(butler) == []


def test_files_that_are_there_are_left_out_of_each_lot(butler, inbox):
    butler.ingest(*things(butler, inbox)[1:4], transfer="copy")
    looked = butler.ingest_many(things(butler, inbox), transfer="copy", skip_existing=True, dry_run=True)
    assert (looked.files, looked.known, looked.dry_run) == (4, 3, True)
    report = butler.ingest_many(things(butler, inbox), transfer="copy", skip_existing=True)
    assert (report.files, report.known) == (4, 3)
    assert butler.query_datasets("thing", "run1").count() == COUNT


def test_runs_are_made_if_that_is_asked_for(butler, inbox):
    butler.ingest_many(things(butler, inbox, "new run"), transfer="copy", make_runs=True)
    assert butler.query_datasets("thing", "new run").count() == COUNT


def test_a_unit_of_work_publishes_lots_with_all_the_rest(butler, inbox):
    with butler.transaction():
        butler.put({"e": 0}, ref_of(butler, 0, "note"))
        butler.ingest(*things(butler, inbox), transfer="copy")
        butler.put({"e": 1}, ref_of(butler, 1, "note"))
        assert left_over(butler) == []
    assert butler.check(deep=True).is_clean
    assert butler.query_datasets("thing", "run1").count() == COUNT
    with pytest.raises(RuntimeError), butler.transaction():
        butler.ingest(*things(butler, inbox, "run2"), transfer="copy")
        raise RuntimeError
    assert butler.query_datasets("thing", "run2").count() == 0
    assert len(left_over(butler)) == COUNT + 2


def test_headers_are_kept_for_all_lots(butler, inbox):
    given = []
    for number in range(COUNT):
        header = fits.Header({"A": number, "B": "same", "C": number % 2})
        fits.PrimaryHDU(header=header).writeto(inbox / f"{number}.fits")
        given.append(FileDataset(str(inbox / f"{number}.fits"), [ref_of(butler, number, detector=0)]))
    refs = butler.ingest(*given, transfer="copy", header=True)
    assert list(butler.headers(refs, ["A"])["A"]) == list(range(COUNT))


def test_where_files_came_from_is_known_for_all_lots(butler, inbox):
    refs = butler.ingest(*things(butler, inbox), transfer="copy")
    assert [origin.path for origin in butler.origins(refs)] == [str(inbox / f"f{n}.json") for n in range(COUNT)]


def test_one_event_tells_of_all_lots(butler, inbox):
    repository = butler.repository
    repository.outbox.add(Principal.current(), Subscription("all", "file", str(inbox / "events")))
    before = repository.outbox.last_change
    butler.ingest(*things(butler, inbox), transfer="copy")
    [told] = [each for each in repository.outbox.read(before, 100) if each.event.kind == "datasets.added"]
    assert told.event.document["count"] == len(told.event.document["ids"]) == COUNT
    assert len(repository.outbox.datasets(told)) == COUNT
