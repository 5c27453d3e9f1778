"""SIGKILL while a repository's database is made elsewhere than in its folder: the same command completes, nobody else's is touched."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from bunter import Butler
from bunter.cli.program import EXIT_FAILURE, EXIT_OK, run
from bunter.contracts.small_camera import fill_small_camera, put_thing
from bunter.database import Database, ServerAddress, ServerOptions
from bunter.database.making import making
from bunter.errors import RepositoryExistsError
from killing import die_at, in_child, killed


@pytest.fixture(params=["server", "file"])
def new_place(request, tmp_path, postgres_server):
    """Give addresses of databases that are not there yet, outside any repository's folder."""
    numbers = iter(range(1000))
    if request.param == "server":
        return postgres_server.url
    return lambda: str(tmp_path / "databases" / f"r{next(numbers)}.sqlite3")


@pytest.fixture
def full(tmp_path):
    with Butler.create(tmp_path / "full") as butler:
        fill_small_camera(butler)
        for exposure in range(2):
            put_thing(butler, exposure, 0)
        butler.dump(tmp_path / "dumped")
    return tmp_path / "full"


def values(root):
    with Butler(root, writeable=True) as butler:
        assert butler.check(deep=True).is_clean
        return sorted(butler.get(ref)["e"] for ref in butler.query_datasets("thing", "*", find_first=False))


def is_at(root, place):
    """Whether there is a repository that has its registry at a place."""
    return (root / "bunter.yaml").exists() and place in (root / "bunter.yaml").read_text()


def is_marked(place):
    """Whether a making is not over, by what the database says of itself."""
    try:
        Database.check_absent(place)
    except RepositoryExistsError as exc:
        return "was made for" in str(exc) or Path(f"{place}-making").exists()
    return False


@pytest.fixture(params=[pytest.param("some", marks=pytest.mark.slow), pytest.param("every", marks=pytest.mark.soak)])
def steps(request):
    """Before which effects a command is killed: before every sixth, or each."""
    return (
        range(random.Random(request.node.name).randint(1, 6), 10**6, 6) if request.param == "some" else range(1, 10**6)
    )


def completed(words, steps, new_place, base, then):
    """Kill a command, in a place of its own each time, and see that the same command completes it."""
    for step in steps:
        root, place = base / f"step{step}", new_place()
        command = [*words, str(root), "--database", place]
        died = killed(partial(run, command), step)
        if not (root / "bunter.yaml").exists() or (root / ".bunter-load").exists():
            assert run(command) == EXIT_OK
        then(root)
        assert not is_marked(place)
        assert run(command) == EXIT_FAILURE, "it is a repository now"
        shutil.rmtree(root)
        if not died:
            return
    pytest.fail("it is never done")


@pytest.mark.timeout(900)
def test_create(new_place, steps, tmp_path):
    def then(root):
        with Butler(root) as butler:
            assert list(butler.collections.query()) == []

    completed(["create"], steps, new_place, tmp_path / "new", then)


@pytest.mark.timeout(900)
def test_load(new_place, steps, full, tmp_path):
    def then(root):
        assert values(root) == [0, 1]

    completed(["load", str(full.with_name("dumped"))], steps, new_place, tmp_path / "new", then)


@pytest.mark.parametrize("rounds", [pytest.param(3, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.soak)])
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["create", "load", "clone", "clone --switch"])
def test_at_random_moments_on_a_server(name, rounds, full, tmp_path, postgres_server):
    moments = random.Random(f"{os.environ['BUNTER_SEED']} {name}")
    took, deaths = None, 0
    for number in range(rounds + 1):
        root, url = tmp_path / f"trial{number}", postgres_server.url()
        if name.startswith("clone"):
            shutil.copytree(full, root)
            words = [*name.split(), str(root), url]
        else:
            given = [str(full.with_name("dumped"))] if name == "load" else []
            words = [name, *given, str(root), "--database", url]
        died, lived = in_child(run, words, kill_after_s=None if took is None else moments.uniform(0, took))
        took = took if died else lived
        deaths += died
        if died and (name == "clone" or not is_at(root, url)):
            assert run(words) == EXIT_OK
        if name == "create":
            Butler(root, writeable=True).close()
        else:
            assert values(root) == [0, 1]
        Database.open(url).close()
        assert not is_marked(url)
        shutil.rmtree(root)
        postgres_server.execute(f"DROP SCHEMA {url.rpartition('=')[2]} CASCADE")
    assert rounds < 50 or deaths > rounds / 5


@pytest.mark.timeout(900)
@pytest.mark.parametrize("switch", [False, True])
def test_clone_to_a_server(full, steps, tmp_path, postgres_server, switch):
    for step in steps:
        root, url = tmp_path / f"step{step}", postgres_server.url()
        shutil.copytree(full, root)
        words = ["clone", str(root), url, *(["--switch"] if switch else [])]
        died = killed(partial(run, words), step)
        if died and url not in (root / "bunter.yaml").read_text():
            assert run(words) == EXIT_OK
        assert (url in (root / "bunter.yaml").read_text()) == switch
        assert values(root) == [0, 1]
        with Database.open(url) as copy, copy.read() as connection:
            assert connection.fetchone("SELECT count(*) FROM dataset") == (2,)
        shutil.rmtree(root)
        if not died:
            break


def test_the_original_is_not_taken_for_its_copy(tmp_path, postgres_server):
    url = postgres_server.url()
    Butler.create(tmp_path / "repo", database=url).close()
    assert run(["clone", str(tmp_path / "repo"), f"{url}&application_name=other"]) == EXIT_FAILURE


_DYING = """
import os, sys
from bunter import effects
from bunter.cli.program import run

effects.set_hook(lambda operation, path: (operation, path) == ("checkpoint", sys.argv[1]) and os.kill(os.getpid(), 9))
run(sys.argv[2:])
"""


def left_by(command, checkpoint):
    """Kill a command before a step of making a database that is not another's effect."""
    # Not in a fork: this process may have used an object store.
    assert (
        subprocess.run([sys.executable, "-c", _DYING, checkpoint, *command], check=False).returncode == -signal.SIGKILL
    )


def test_what_another_making_has_left_stays_and_is_named(tmp_path, postgres_server, capsys):
    url = postgres_server.url()
    left_by(["create", str(tmp_path / "one"), "--database", url], "committed")
    for words in (["create", str(tmp_path / "two"), "--database", url], ["clone", str(tmp_path / "three"), url]):
        Butler.create(tmp_path / "three").close() if words[0] == "clone" else None
        assert run(words) == EXIT_FAILURE
        assert f"was made for {tmp_path / 'one'} on " in capsys.readouterr().err
    assert run(["create", str(tmp_path / "one"), "--database", url]) == EXIT_OK


def test_what_has_become_a_repository_is_never_begun_anew(new_place, tmp_path):
    place = new_place()
    command = ["create", str(tmp_path / "one"), "--database", place]
    step = 0
    while not (tmp_path / "one/bunter.yaml").exists():  # until only the database does not know
        shutil.rmtree(tmp_path / "one", ignore_errors=True)
        step += 1
        assert killed(partial(run, command), step)
    assert is_marked(place)
    (tmp_path / "one").rename(tmp_path / "moved")
    with Butler(tmp_path / "moved") as butler:
        butler.collections.register("mine")
    assert run(command) == EXIT_FAILURE
    with Butler(tmp_path / "moved") as butler:
        assert list(butler.collections.query()) == ["mine"]


def test_a_load_that_is_given_again_with_a_living_repositorys_database_leaves_that_alone(new_place, full, tmp_path):
    living, words = new_place(), ["load", str(full.with_name("dumped")), str(tmp_path / "new")]
    with Butler.create(tmp_path / "living", database=living) as butler:
        butler.collections.register("mine")

    def dying():
        die_at(8)
        run([*words, "--database", new_place()])

    assert in_child(dying)[0]
    assert (tmp_path / "new/.bunter-load").exists()
    assert run([*words, "--database", living]) == EXIT_FAILURE
    with Butler(tmp_path / "living") as butler:
        assert list(butler.collections.query()) == ["mine"]


def test_what_is_being_made_is_left_to_who_makes_it(new_place, tmp_path):
    place = new_place()
    (tmp_path / "databases").mkdir(exist_ok=True)
    with making(place, claim="this") as filling:
        with filling():
            pass
        with pytest.raises(RepositoryExistsError, match="another program makes"), making(place, claim="this"):
            pass
    Database.open(place).close()


def test_a_schema_that_was_there_keeps_what_its_owner_gave_it(tmp_path, postgres_server):
    url = postgres_server.url()
    name = url.rpartition("=")[2]
    postgres_server.execute(f"CREATE SCHEMA {name}; COMMENT ON SCHEMA {name} IS 'for the night crew'")
    command = ["create", str(tmp_path / "one"), "--database", url]
    left_by(command, "committed")
    assert run(command) == EXIT_OK
    told = postgres_server.execute(f"SELECT obj_description('{name}'::regnamespace, 'pg_namespace')")
    assert told == [("for the night crew",)]


def test_a_schema_whose_transaction_is_not_over_is_another_programs(postgres_server):
    url = postgres_server.url()
    with (
        Database.in_new_schema(ServerAddress.of(url), ServerOptions(), claim="this"),  # its maker's lock is gone
        pytest.raises(RepositoryExistsError, match="another program makes"),
        making(url, claim="this"),
    ):
        pass
    with making(url, claim="this") as filling, filling():
        pass


def test_the_claim_of_another_making_outlives_one_that_is_refused(tmp_path):
    file = tmp_path / "r.sqlite3"
    with pytest.raises(KeyboardInterrupt), making(str(file), claim="this") as filling:
        with filling():
            pass
        raise KeyboardInterrupt  # between the two places
    with pytest.raises(RepositoryExistsError, match="exists"), making(str(file), claim="that"):
        pass
    with making(str(file), claim="this") as filling, filling():
        pass
    with pytest.raises(RepositoryExistsError, match="exists"), making(str(file), claim="this"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith("-queue")) == ["r.sqlite3"]


def test_a_root_in_a_service_is_completed(s3_place, postgres_server):
    command = ["create", s3_place, "--database", postgres_server.url()]
    left_by(command, "committed")
    assert run(command) == EXIT_OK
    with Butler(s3_place) as butler:
        assert list(butler.collections.query()) == []
    assert run(command) == EXIT_FAILURE
