"""What `bunter doctor` finds."""

import json
import subprocess
import sys

import pytest

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
