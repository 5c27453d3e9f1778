"""Files whose names an operator gives: put, removed and put again, by several at once, and killed in between."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from bunter import Butler, FileDataset, effects
from bunter.contracts.small_camera import fill_dimensions
from bunter.dataset import DatasetRef
from bunter.errors import ConfigurationError, ConflictingDatasetError, KeyTakenError, TemplateError
from bunter.values import new_id
from killing import killed

EXACT = {"templates": {"thing": "exact:{run:/}/{instrument}_{exposure:?}_{detector}"}}
KINDS = ["instrument", "exposure", "detector"]


def key(exposure=0, detector=0):
    return {"instrument": "Cam", "exposure": exposure, "detector": detector}


def filled(butler):
    fill_dimensions(butler, exposures=3)
    butler.dataset_types.register("thing", KINDS, "StructuredDataDict")
    butler.collections.register("run1")
    return butler


@pytest.fixture(params=["sqlite", "postgres"])
def root(request, tmp_path):
    """A repository whose things have exact names."""
    database = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with Butler.create(tmp_path / "repo", datastore=EXACT, database=database) as butler:
        filled(butler)
    return tmp_path / "repo"


@pytest.fixture
def butler(root):
    with Butler(root, run="run1") as opened:
        yield opened


@pytest.fixture
def hooked():
    yield effects.set_hook
    effects.set_hook(None)


def test_the_name_is_as_the_template_says(butler, root):
    ref = butler.put({"n": 1}, "thing", key(1, 0))
    assert butler.get_uri(ref).path == root / "data/run1/Cam_1_0.json"
    assert butler.check(deep=True).is_clean


def test_the_same_content_again_is_no_error_and_other_content_is_a_conflict(butler):
    ref = butler.put({"n": 1}, "thing", key())
    assert butler.put({"n": 1}, "thing", key()) == ref
    with pytest.raises(ConflictingDatasetError, match="other content"):
        butler.put({"n": 2}, "thing", key())
    assert butler.get(ref) == {"n": 1}
    assert butler.check(deep=True).is_clean


def test_what_was_removed_is_put_again_under_the_same_name(butler, root):
    butler.put_many([{"n": n} for n in range(3)], "thing", [key(n) for n in range(3)])
    butler.remove_runs("run1")
    butler.collections.register("run1")
    refs = butler.put_many([{"n": -n} for n in range(3)], "thing", [key(n) for n in range(3)])
    assert [butler.get(ref) for ref in refs] == [{"n": 0}, {"n": -1}, {"n": -2}]
    assert sorted(path.name for path in (root / "data/run1").iterdir()) == [
        "Cam_0_0.json",
        "Cam_1_0.json",
        "Cam_2_0.json",
    ]
    assert butler.check(deep=True).is_clean
    assert butler.gc(older_than_s=0).rows == ()


def test_a_put_takes_over_what_a_removal_has_not_unlinked(butler, root, hooked):
    ref = butler.put({"n": 1}, "thing", key())

    def die(operation, path):
        if operation == "unlink" and path.endswith("Cam_0_0.json") and ".stage" not in path:
            raise PermissionError(13, "Permission denied", path)

    hooked(die)
    butler.remove_datasets([ref])
    assert (root / "data/run1/Cam_0_0.json").exists()
    with pytest.raises(KeyTakenError, match="was removed from the registry, and its file cannot be"):
        butler.put({"n": 2}, "thing", key())
    hooked(None)
    again = butler.put({"n": 2}, "thing", key())
    butler.repository.empty_trash()
    assert butler.get(again) == {"n": 2}
    assert butler.check(deep=True).is_clean


def test_a_slow_removal_never_takes_what_was_put_after_it(root, hooked):
    """Every removal sleeps before it unlinks; puts, removals and emptying of the trash come from four sides."""
    begun = threading.Event()

    def slow(operation, path):
        if operation == "unlink" and path.endswith("Cam_0_0.json") and ".stage" not in path:
            begun.set()
            effects_sleep(0.02)

    hooked(slow)

    def remove(_):
        with Butler(root) as butler:
            butler.remove_datasets(list(butler.query_datasets("thing", "run1", find_first=False)))
            butler.repository.empty_trash()

    def put(number):
        with Butler(root, run="run1") as butler, suppress(ConflictingDatasetError):
            butler.put({"n": number}, "thing", key())

    with ThreadPoolExecutor(4) as pool:
        for number in range(12):
            list(pool.map(lambda act: act[0](act[1]), [(remove, 0), (put, number), (remove, 0), (put, -number)]))
            with Butler(root, run="run1") as butler:
                for ref in butler.query_datasets("thing", "run1"):
                    assert butler.get(ref)["n"] in {number, -number}
                report = butler.check(deep=True)
                assert report.is_clean, report
    assert begun.is_set()
    with Butler(root, run="run1") as butler:
        butler.remove_datasets(list(butler.query_datasets("thing", "run1")))
        assert butler.get(butler.put({"n": 99}, "thing", key())) == {"n": 99}


def test_two_who_put_the_same_name_at_once_have_one_winner(root):
    def put(number):
        with Butler(root, run="run1") as butler:
            try:
                return butler.put({"n": number}, "thing", key(2))
            except ConflictingDatasetError:
                return None

    with ThreadPoolExecutor(4) as pool:
        refs = list(pool.map(put, range(4)))
    [winner] = [number for number, ref in enumerate(refs) if ref]
    with Butler(root) as butler:
        assert butler.get(refs[winner]) == {"n": winner}
        assert butler.check(deep=True).is_clean


def test_a_file_that_is_none_of_ours_is_not_written_over(butler, root):
    (root / "data/run1").mkdir(parents=True)
    (root / "data/run1/Cam_0_0.json").write_text("precious")
    with pytest.raises(KeyTakenError, match="is there already, which no dataset has"):
        butler.put({"n": 1}, "thing", key())
    assert (root / "data/run1/Cam_0_0.json").read_text() == "precious"
    assert not list(butler.query_datasets("thing", "run1"))


def test_what_is_kept_for_undo_holds_its_name(butler):
    ref = butler.put({"n": 1}, "thing", key())
    butler.remove_datasets([ref], keep_days=3)
    with pytest.raises(KeyTakenError, match="as long as its removal can be undone"):
        butler.put({"n": 2}, "thing", key())
    butler.undo()
    assert butler.get(ref) == {"n": 1}


def test_a_moved_file_is_not_lost_to_a_name_that_is_taken(butler, root, tmp_path):
    butler.put({"n": 1}, "thing", key())
    (tmp_path / "in.json").write_text('{"n": 2}')
    kind = butler.dataset_types.get("thing")
    ref = DatasetRef(new_id(), kind, butler.standardize(key(), kind.dimensions.required), "run1")
    with pytest.raises(ConflictingDatasetError):
        butler.ingest(FileDataset(str(tmp_path / "in.json"), [ref]), transfer="move")
    assert json.loads((tmp_path / "in.json").read_text()) == {"n": 2}
    assert butler.check(deep=True).is_clean


def test_a_transaction_that_is_taken_back_frees_its_names(butler, root):
    with pytest.raises(ZeroDivisionError), butler.transaction():
        butler.put({"n": 1}, "thing", key())
        1 / 0  # noqa: B018
    assert butler.get(butler.put({"n": 2}, "thing", key())) == {"n": 2}
    assert butler.check(deep=True).is_clean


def test_exact_names_need_a_folder(tmp_path, s3_place):
    copies = {"stores": {"far": {"root": s3_place, "copies": True}}}
    for name, more in {"main": {"root": s3_place}, "far": copies}.items():
        with (
            filled(Butler.create(tmp_path / name, datastore={**EXACT, **more})) as butler,
            pytest.raises(ConfigurationError, match=f"needs folders, and {name} is none"),
        ):
            butler.put({"n": 1}, "thing", key(), run="run1")


def test_copies_have_the_same_name_and_come_again_with_it(tmp_path):
    copies = {**EXACT, "stores": {"second": {"root": "second", "copies": True}}}
    with filled(Butler.create(tmp_path / "repo", datastore=copies)) as butler:
        for number in range(3):
            ref = butler.put({"n": number}, "thing", key(), run="run1")
            assert json.loads((tmp_path / "repo/second/run1/Cam_0_0.json").read_text()) == {"n": number}
            assert butler.check(deep=True).is_clean
            butler.remove_datasets([ref])
        assert not (tmp_path / "repo/second/run1").exists()


def test_a_name_that_looks_like_one_with_a_nonce_is_refused(tmp_path):
    with (
        filled(
            Butler.create(
                tmp_path / "repo", datastore={"templates": {"thing": "exact:{run}/{data_id}/x-abcdefghijklm"}}
            )
        ) as butler,
        pytest.raises(TemplateError, match="ends like one that is never used twice"),
    ):
        butler.put({"n": 1}, "thing", key(), run="run1")


@pytest.mark.parametrize("deed", ["remove", "put again", "remove and put again"])
def test_killed_at_any_step_nothing_registered_is_missing_and_the_name_can_be_used(tmp_path, deed):
    root, step, died = tmp_path / "repo", 0, True
    with filled(Butler.create(root, datastore=EXACT)):
        pass

    def act():
        with Butler(root, run="run1") as butler:
            if deed != "put again":
                butler.remove_datasets(list(butler.query_datasets("thing", "run1")))
            if deed != "remove":
                butler.put({"n": 2}, "thing", key())

    while died:
        step += 1
        with Butler(root, run="run1") as butler:
            butler.remove_datasets(list(butler.query_datasets("thing", "run1")))
            if deed != "put again":
                butler.put({"n": 1}, "thing", key())
        died = killed(act, step)
        with Butler(root, run="run1") as butler:
            butler.repository.recover()
            found = [butler.get(ref)["n"] for ref in butler.query_datasets("thing", "run1")]
            assert found in {"remove": ([1], []), "put again": ([], [2])}.get(deed, ([1], [], [2]))
            report = butler.check(deep=True)
            assert report.is_clean, report
            butler.remove_datasets(list(butler.query_datasets("thing", "run1")))
            butler.put({"n": 3}, "thing", key())
            assert butler.check(deep=True).is_clean
    assert step > 5


def effects_sleep(seconds):
    """Sleep without an effect of its own: this is called from the hook."""
    threading.Event().wait(seconds)


def test_outputs_of_tasks_have_names_of_their_own(tmp_path):
    from bunter.datastore import Template

    template = Template("exact:{run:/}/{detector}")
    assert template.key({"run": "a/b", "detector": 3}, "n" * 13, ".fits") == "a/b/3.fits"
    assert template.with_nonce().key({"run": "a/b", "detector": 3}, "n" * 13, ".fits") == f"a/b/3-{'n' * 13}.fits"
