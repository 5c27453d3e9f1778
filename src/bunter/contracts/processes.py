"""What every repository promises to threads, forked children and unpickled copies: subclass `ProcessContract`."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from bunter.contracts.small_camera import fill_dimensions

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.butler import Butler

__all__ = ["ProcessContract", "put_some"]


_PATIENCE_S = 60


def put_some(butler: Butler, detector: int, count: int = 3) -> int:
    """Put datasets of one detector, look at each, and return how many there are of it."""
    for exposure in range(count):
        key = {"instrument": "Cam", "exposure": exposure, "detector": detector}
        ref = butler.put({"e": exposure}, "thing", key, run="run1")
        assert butler.get(ref) == {"e": exposure}
    return butler.query_datasets("thing", "run1", where=f"detector = {detector}").count()


def _in_copy(pickled: bytes, detector: int, answers: Any) -> None:
    """Work on an unpickled butler in a new process."""
    with pickle.loads(pickled) as butler:  # noqa: S301 - our own bytes
        answers.put((detector, put_some(butler, detector), butler.run))


class ProcessContract:
    """Promises about threads, forks and pickles.

    A subclass has a fixture ``empty`` that yields a writeable `Butler` on an empty repository, and says in ``outlives``
    whether other processes see the repository.
    """

    outlives = True

    @pytest.fixture
    def butler(self, empty: Butler) -> Butler:
        fill_dimensions(empty, detectors=8)
        empty.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        empty.collections.register("run1")
        return empty

    def test_threads_write_read_and_query_with_one_butler(self, butler: Butler) -> None:
        failures: list[BaseException] = []

        def work(detector: int) -> None:
            try:
                assert put_some(butler, detector) == 3
                butler.collections.register(f"own{detector}")
                with butler.transaction():
                    key = {"instrument": "Cam", "exposure": 3, "detector": detector}
                    butler.put({}, "thing", key, run=f"own{detector}")
                    assert butler.exists("thing", key, collections=f"own{detector}")
            except BaseException as exc:  # noqa: BLE001 - the main thread raises it
                failures.append(exc)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        assert butler.query_datasets("thing", "run1").count() == 24
        assert butler.query_datasets("thing", [f"own{number}" for number in range(8)]).count() == 8
        assert butler.check().is_clean

    def test_a_transaction_is_that_of_its_thread(self, butler: Butler) -> None:
        key = {"instrument": "Cam", "exposure": 0, "detector": 0}
        seen: list[bool] = []
        with butler.transaction():
            butler.put({}, "thing", key, run="run1")
            other = threading.Thread(target=lambda: seen.append(butler.exists("thing", key, collections="run1")))
            other.start()
            other.join()
            assert butler.exists("thing", key, collections="run1")
        assert seen == [False]
        assert butler.exists("thing", key, collections="run1")

    def test_a_forked_child_uses_the_butler_of_its_parent(self, butler: Butler) -> None:
        assert put_some(butler, 0) == 3
        results = butler.query_datasets("thing", "run1")
        assert results.count() == 3
        codes = [_forked(lambda number=number: _as_expected(butler, number)) for number in (1, 2)]  # type: ignore[misc]
        assert codes == [0, 0]
        assert put_some(butler, 3) == 3
        assert butler.query_datasets("thing", "run1").count() == (12 if self.outlives else 6)
        assert butler.check().is_clean

    def test_a_child_forked_in_a_transaction_leaves_it_to_its_parent(self, butler: Butler) -> None:
        key = {"instrument": "Cam", "exposure": 0, "detector": 0}
        with butler.transaction():
            ref = butler.put({"from": "parent"}, "thing", key, run="run1")
            assert _forked(lambda: None) == 0
        assert butler.get(ref) == {"from": "parent"}
        assert butler.check().is_clean

    def test_children_of_several_threads_work(self, butler: Butler) -> None:
        codes: list[int] = []
        busy = threading.Event()
        put_some(butler, 7)  # what is imported when first used is imported now: Python's own locks are not forked well

        def keep_busy() -> None:
            while not busy.is_set():
                butler.query_datasets("thing", "run1").count()

        background = threading.Thread(target=keep_busy)
        background.start()
        try:
            codes += [_forked(lambda number=number: _as_expected(butler, number)) for number in range(2)]  # type: ignore[misc]
        finally:
            busy.set()
            background.join()
        assert codes == [0, 0]

    def test_a_pickled_butler_keeps_its_place_and_defaults_and_no_secrets(self, butler: Butler) -> None:
        given = butler.clone(collections="run1", run="run1", instrument="Cam")
        pickled = pickle.dumps(given)
        assert b"connection" not in pickled.lower()
        copy = pickle.loads(pickled)  # noqa: S301 - our own bytes
        ref = copy.put({}, "thing", exposure=0, detector=0)
        assert (copy.run, ref.run) == ("run1", "run1")
        assert butler.get_dataset(ref.id) == ref
        past = pickle.loads(pickle.dumps(butler.clone(as_of="9999-01-01")))  # noqa: S301 - our own bytes
        assert not past.writeable

    def test_spawned_processes_work_with_a_pickled_butler(self, butler: Butler) -> None:
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        pickled = pickle.dumps(butler.clone(run="run1"))
        children = [context.Process(target=_in_copy, args=(pickled, number, answers)) for number in range(2)]
        for child in children:
            child.start()
        told = sorted(answers.get(timeout=120) for _ in children)
        for child in children:
            child.join()
        assert told == [(0, 3, "run1"), (1, 3, "run1")]
        assert butler.query_datasets("thing", "run1").count() == 6
        assert butler.check().is_clean


def _as_expected(butler: Butler, detector: int) -> None:
    assert put_some(butler, detector) == 3
    assert butler.sql("SELECT count(*) FROM v1_dataset").rows[0][0] >= 3


def _forked(work: Callable[[], None]) -> int:
    """Do some work in a forked child and return its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        signal.alarm(_PATIENCE_S)  # a child that waits for a lock for ever dies, and the test fails
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - shown here, since the parent cannot see it
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
