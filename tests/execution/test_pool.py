from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from pool_work import Echo, Hopeless  # noqa: E402

from bunter.errors import RunError  # noqa: E402
from bunter.execution.pool import Death, Pool, Reply  # noqa: E402


@pytest.fixture
def pool():
    with Pool(2, Echo) as pool:
        yield pool


def events(pool, count, seconds=60):
    end, found = time.monotonic() + seconds, []
    while len(found) < count:
        assert time.monotonic() < end, found
        found += pool.wait(0.5)
    return found


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_every_request_is_answered(pool):
    answers = {}
    todo = list(range(50))
    while len(answers) < 50:
        while todo and pool.has_place():
            token = todo.pop()
            pool.submit(token, b"echo %d" % token, kind="echo")
        answers |= {event.token: event.body for event in pool.wait(1)}
    assert answers == {n: str(n).encode() for n in range(50)}


def test_a_worker_is_not_given_more_than_the_kernel_holds_for_it():
    def fill():
        sent = 0
        while pool.has_place() and sent < 5000:  # sending to a worker whose answers nobody reads would wait for ever
            pool.submit(100 + sent, b"big 20000", kind="quick")
            sent += 1
        return sent

    with Pool(1, Echo) as pool:
        for token in range(20):
            pool.submit(token, b"echo 1", kind="quick")
            events(pool, 1)
        pool._expected_s["quick"] = 0.001  # however long they took
        sent = fill()
        assert 1 < sent <= 50
        assert len(events(pool, sent)) == sent


def test_a_large_answer_does_not_hang(pool):
    pool.submit(1, b"big 5000000")
    (reply,) = events(pool, 1)
    assert len(reply.body) == 5_000_000


@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV")])
def test_a_worker_that_dies_is_named_and_replaced(pool, number, name):
    pool.submit(1, b"die %d" % number)
    (death,) = events(pool, 1)
    assert isinstance(death, Death)
    assert (death.token, death.returned) == (1, ())
    assert name in death.reason
    pool.submit(2, b"echo again")
    assert events(pool, 1)[0].body == b"again"


def test_a_worker_that_ends_itself_with_status_zero_is_a_death(pool):
    pool.submit(1, b"exit 0")
    (death,) = events(pool, 1)
    assert death.reason == "ended by itself with exit status 0"


def test_what_a_dead_worker_had_not_begun_comes_back():
    with Pool(1, Echo) as pool:
        pool.submit(0, b"echo warm", kind="fast")
        events(pool, 1)
        pool._expected_s["fast"] = 0.001
        for token, body in enumerate([b"die 9", b"echo b", b"echo c"], start=1):
            assert pool.has_place()
            pool.submit(token, body, kind="fast")
        (death,) = events(pool, 1)
        assert (death.token, death.returned) == (1, (2, 3))


def test_a_request_that_takes_too_long_is_ended(pool):
    pool.submit(1, b"sleep 60", limit_s=0.3)
    (death,) = events(pool, 1)
    assert death.cause == "timeout"
    assert "limit of 0.3 s" in death.reason


def test_nothing_is_sent_ahead_of_slow_requests(pool):
    pool.submit(1, b"sleep 0.1", kind="slow")
    pool.submit(2, b"sleep 0.1", kind="slow")
    assert not pool.has_place()


def test_stopping_ends_workers_and_what_they_started(pool):
    pool.submit(1, b"child 60")
    (reply,) = events(pool, 1)
    pool.submit(2, b"pid")
    pids = [int(reply.body), int(events(pool, 1)[0].body)]
    pool.submit(3, b"sleep 60")
    assert pool.stop() == [3]
    wait_until(lambda: not any(map(is_alive, pids)))


def test_a_pool_whose_workers_cannot_begin_says_so():
    def insist(pool):
        for token in range(10):
            pool.submit(token, b"echo")
            events(pool, 1)

    with Pool(1, Hopeless) as pool, pytest.raises(RunError, match="exit status 7"):
        insist(pool)


def test_a_worker_in_the_midst_of_a_library_dies_with_its_parent(tmp_path):
    mark = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", f"import pool_work; pool_work.parent({str(mark)!r})"], cwd=HERE)
    wait_until(lambda: mark.exists() and mark.read_text())
    pid = int(mark.read_text())
    assert is_alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not is_alive(pid))


def test_replies_come_in_the_order_of_the_requests_of_a_worker():
    with Pool(1, Echo) as pool:
        pool._expected_s["fast"] = 0.0001
        for token in range(5):
            pool.submit(token, b"echo %d" % token, kind="fast")
        assert [event.token for event in events(pool, 5) if isinstance(event, Reply)] == [0, 1, 2, 3, 4]


def test_a_folder_for_temporary_files_with_too_long_a_name_is_named(tmp_path):
    place = tmp_path / ("x" * 80)
    place.mkdir()
    program = "from bunter.execution.pool import warm_up; warm_up(())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"too long to reach workers there: {place}; set TMPDIR to a folder with a shorter one" in done.stderr
