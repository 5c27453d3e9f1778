"""What `bunter doctor` finds."""

import json
import subprocess
import sys

import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.datastore.services import open_bucket
from plain_user import as_bound_by_permissions


@pytest.fixture
def doctor(capsys):
    def ask(address):
        code = run(["doctor", address, "--json"])
        return code, {row["check"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}

    return ask


def test_a_healthy_service_is_told_so_and_nothing_is_left_there(s3_place, doctor):
    code, found = doctor(f"{s3_place}/new")
    assert code == 0
    assert list(found) == [
        "address",
        "list",
        "put",
        "get",
        "consistency",
        "clock",
        "multipart",
        "sign",
        "speed",
        "delete",
    ]
    assert {row["verdict"] for row in found.values()} == {"ok"}
    assert list(open_bucket(s3_place).walk()) == []


def test_wrong_keys_are_named(s3_place, monkeypatch, doctor):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    code, found = doctor(s3_place)
    assert code == 1
    assert found["list"]["verdict"] == "wrong"
    assert "SignatureDoesNotMatch" in found["list"]["detail"]


def test_a_bucket_that_is_not_there_is_named(s3_place, doctor):
    code, found = doctor("s3://nobucket/x")
    assert code == 1
    assert "there is no bucket 'nobucket'" in " ".join(row["detail"] for row in found.values())


def test_a_password_in_the_address_is_refused(doctor):
    code, found = doctor("s3://key:secret@bucket")
    assert code == 1
    assert "may hold no password" in found["address"]["detail"]
    assert "secret" not in json.dumps(found)


def test_a_password_in_the_address_of_a_server_is_a_finding_too(doctor):
    code, found = doctor("postgresql://somebody:secret@localhost/surveys")
    assert code == 1
    assert "has a password in it" in found["address"]["detail"]
    assert "secret" not in json.dumps(found)


def test_a_folder_is_tried_out(tmp_path, doctor):
    code, found = doctor(str(tmp_path / "new"))
    assert code == 0
    assert {"put", "get", "link", "lock", "clock", "speed", "delete"} <= set(found)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    command = as_bound_by_permissions(sys.executable, "-m", "bunter", "doctor", tmp_path, "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert {row["check"]: row["verdict"] for row in map(json.loads, done.stdout.splitlines())}["put"] == "wrong"


def test_a_database_server_is_tried_out(postgres_url, doctor):
    code, found = doctor(postgres_url)
    assert code == 0
    assert {"address", "schema", "create", "clock", "speed"} <= set(found)


def test_a_server_that_does_not_answer_is_named(doctor):
    code, found = doctor("postgresql://nobody@127.0.0.1:9/none")
    assert code == 1
    assert found["address"]["verdict"] == "wrong"


@pytest.fixture
def repo(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        butler.dataset_types.register("note", [], "Text")
    return tmp_path / "repo"


def test_a_repository_is_tried_out_with_all_that_it_is_made_of(repo, doctor):
    mirror = repo.parent / "mirror"
    stores = {"second": {"root": str(mirror), "copies": True}, "quick": {"kind": "memory"}}
    (repo / "bunter.yaml").write_text(json.dumps({"format": 1, "datastore": {"stores": stores}}))
    code, found = doctor(str(repo))
    assert code == 0, found
    assert "1 dataset type" in found["registry"]["detail"]
    assert {"configuration", "main: put", "second: lock", "quick: address"} <= set(found)
    assert doctor(f"file://{repo}")[1].keys() == found.keys()
    assert not mirror.exists()


@pytest.mark.parametrize(
    ("settings", "check", "said"),
    [
        ({"datastores": {}}, "configuration", "did you mean 'datastore'?"),
        ({"registry": {"database": "mysql://host/x"}}, "registry", "postgresql://"),
        ({"registry": {"database": "lost.sqlite3"}}, "registry", "there is no database"),
        ({"datastore": {"templates": {"note": "{run}/{bnad}"}}}, "settings", "{bnad}"),
        ({"datastore": {"constraints": {"reject": ["nte"]}}}, "settings", "did you mean 'note'?"),
        ({"datastore": {"stores": {"dr1": {"root": "/lost", "read_only": True}}}}, "dr1: address", "mount it"),
        ({"datastore": {"stores": {"t": {"root": "tapes", "nearline": "robot"}}}}, "registry", "bunter.recall"),
    ],
)
def test_what_is_wrong_with_a_repository_is_named(repo, doctor, settings, check, said):
    (repo / "bunter.yaml").write_text(json.dumps({"format": 1, **settings}))
    code, found = doctor(str(repo))
    assert found[check]["verdict"] == ("warning" if "nte" in str(settings) else "wrong")
    assert said in found[check]["detail"]
    assert code == (found[check]["verdict"] == "wrong")


def test_a_sealed_repository_is_only_read(repo, doctor, capsys):
    assert run(["seal", str(repo)]) == 0
    capsys.readouterr()
    (repo / "data").mkdir(exist_ok=True)
    code, found = doctor(str(repo))
    assert (code, set(found)) == (0, {"configuration", "registry", "main: address"})


def test_a_file_is_told_from_a_folder(tmp_path, doctor):
    (tmp_path / "file").touch()
    assert "is a file" in doctor(str(tmp_path / "file"))[1]["address"]["detail"]
