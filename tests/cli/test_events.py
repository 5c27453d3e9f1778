"""`bunter events` from the command line."""

import json

import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.contracts.small_camera import fill_small_camera, put_thing


@pytest.fixture
def ask(tmp_path, monkeypatch, capfd):
    with Butler.create(tmp_path / "repo") as butler:
        fill_small_camera(butler)
    monkeypatch.chdir(tmp_path)

    def command(*words):
        code = run(["events", *words])
        out, err = capfd.readouterr()
        return code, out, err

    return command


def put(exposure):
    with Butler("repo", writeable=True) as butler:
        return put_thing(butler, exposure, 0, run="run1")


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


def test_the_whole_way_from_subscribing_to_forgetting(ask, tmp_path):
    assert ask("subscribe", "repo", "--name", "log", "--sink", "file", "--to", "e.jsonl")[0] == 0
    ref = put(0)
    assert lines(ask("subscriptions", "repo", "--json")[1])[0]["waiting"] == 1
    assert lines(ask("deliver", "repo", "--dry-run", "--json")[1]) == [{"name": "log", "events": 1, "problem": ""}]
    assert lines(ask("deliver", "repo", "--json")[1]) == [{"name": "log", "events": 1, "problem": ""}]
    assert json.loads((tmp_path / "e.jsonl").read_text())["data"]["ids"] == [str(ref.id)]
    assert lines(ask("list", "repo", "--json")[1])[0]["kind"] == "datasets.added"
    assert "dataset_type=thing count=1" in ask("list", "repo")[1]
    assert "which was not told" not in ask("unsubscribe", "repo", "log")[1]
    assert ask("subscriptions", "repo", "--json")[1] == ""


def test_following_tells_once_and_its_rehearsal_as_often_as_one_likes(ask):
    ask("subscribe", "repo", "--name", "me", "--kinds", "datasets.*,run.*")
    put(0)
    words = ("follow", "repo", "me", "--until", "0", "--json")
    rehearsed = [ask(*words, "--dry-run")[1] for _ in range(2)]
    told = [ask(*words)[1] for _ in range(2)]
    assert rehearsed == [told[0]] * 2
    assert told[1] == ""
    assert len(lines(told[0])) == 1


def test_a_rehearsal_subscribes_nobody(ask):
    code, out, _ = ask("subscribe", "repo", "--name", "me", "--dry-run")
    assert (code, out) == (0, "would tell me by pull what comes after change 4\n")
    assert ask("subscriptions", "repo", "--json")[1] == ""
    assert "nobody subscribes" in ask("list", "repo")[2]


def test_a_receiver_that_does_not_answer_is_an_exit_code_and_a_sentence(ask):
    ask("subscribe", "repo", "--name", "hook", "--sink", "webhook", "--to", "http://127.0.0.1:9/")
    put(0)
    code, out, _ = ask("deliver", "repo", "--json")
    assert code == 1
    assert "does not answer" in lines(out)[0]["problem"]
    assert "does not answer" in lines(ask("subscriptions", "repo", "--json")[1])[0]["problem"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("unsubscribe", "repo", "m"), "no subscription 'm'"),
        (("deliver", "repo", "m"), "no subscription 'm'"),
        (("follow", "repo", "m"), "no subscription 'm'"),
        (("subscribe", "repo", "--name", "x", "--kinds", "run.end"), "did you mean 'run.ended'"),
        (("subscribe", "nowhere", "--name", "x"), "nowhere"),
    ],
)
def test_mistakes_are_sentences(ask, words, sentence):
    code, _, err = ask(*words)
    assert code == 1
    assert sentence in err
    assert "Traceback" not in err


def test_gc_forgets_what_everybody_was_told(ask, capfd):
    ask("subscribe", "repo", "--name", "log", "--sink", "file", "--to", "e.jsonl")
    put(0)
    assert run(["gc", "repo", "--events-after", "0"]) == 0
    assert "event" not in capfd.readouterr().err
    ask("deliver", "repo")
    assert run(["gc", "repo", "--events-after", "0", "--dry-run"]) == 0
    assert "would forget 1 event" in capfd.readouterr().err
    assert run(["gc", "repo", "--events-after", "0"]) == 0
    assert "forgot 1 event" in capfd.readouterr().err
    assert ask("list", "repo", "--json")[1] == ""


def test_a_check_from_the_command_line_tells_what_is_lost(ask, capfd):
    ask("subscribe", "repo", "--name", "me", "--kinds", "artifact.*")
    with Butler("repo") as butler:
        ref = put(0)
        butler.get_uri(ref).path.unlink()
    for _ in range(2):
        assert run(["check", "repo"]) == 1
    capfd.readouterr()
    [told] = lines(ask("follow", "repo", "me", "--until", "0", "--json")[1])
    assert (told["kind"], told["problem"], told["datasets"]["ids"]) == ("artifact.lost", "missing", [str(ref.id)])
