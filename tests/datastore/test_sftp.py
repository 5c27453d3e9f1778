"""Hosts are who they say they are, and users are let in as for ssh."""

import re

import pytest

from bunter.butler.diagnosis import diagnose
from bunter.datastore.bucket import Upload
from bunter.datastore.services import open_bucket
from bunter.errors import StoreDeniedError, StoreUnavailableError


@pytest.fixture
def home(sftp_folder, sftp_server, tmp_path, monkeypatch):
    """A home folder with the password, but without the key of the host."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".netrc").write_bytes((sftp_server.folder / "home/.netrc").read_bytes())
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_host_whose_key_is_not_known_is_not_used(sftp_folder, home, sftp_server):
    with pytest.raises(StoreDeniedError, match=r"the key of 127\.0\.0\.1 is not known") as caught:
        open_bucket(sftp_folder)
    assert re.search(r"SHA256:[\w+/]{43}", str(caught.value))
    assert f"ssh-keyscan -p {sftp_server.port} 127.0.0.1 >> {home}/.ssh/known_hosts" in str(caught.value)
    [symptom] = diagnose(sftp_folder)
    assert symptom.detail == str(caught.value)


def test_a_host_that_shows_another_key_is_not_used(sftp_folder, home, sftp_server):
    import paramiko

    other = paramiko.RSAKey.generate(2048)
    name, kind, _ = sftp_server.known_hosts.read_text().split()
    known = other if kind == "ssh-rsa" else _another(kind)
    (home / ".ssh/known_hosts").write_text(f"{name} {known.get_name()} {known.get_base64()}\n")
    with pytest.raises(StoreDeniedError, match=r"another key than is known of 127\.0\.0\.1"):
        open_bucket(sftp_folder)


def test_settings_of_ssh_hold(sftp_folder, home, sftp_server):
    (home / "keys").write_bytes(sftp_server.known_hosts.read_bytes())
    (home / ".ssh/config").write_text(
        f"Host dome\n  HostName 127.0.0.1\n  Port {sftp_server.port}\n  User u\n  UserKnownHostsFile {home}/keys\n"
    )
    (home / ".netrc").write_text("machine dome\nlogin u\npassword p\n")
    bucket = open_bucket(f"sftp://dome/{sftp_folder.rpartition('/')[2]}")
    bucket.write_many([Upload("a/k", b"1", 1)])
    assert bucket.read("a/k") == [b"1"]


def test_a_wrong_password_is_told(sftp_folder, home, sftp_server):
    (home / ".ssh/known_hosts").write_bytes(sftp_server.known_hosts.read_bytes())
    (home / ".netrc").write_text(f"machine 127.0.0.1:{sftp_server.port}\nlogin u\npassword wrong\n")
    with pytest.raises(StoreDeniedError, match=r"refuses the user .u..*~/\.netrc") as caught:
        open_bucket(sftp_folder)
    assert "wrong" not in str(caught.value)


def test_a_host_that_is_not_there_is_told():
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        open_bucket("sftp://127.0.0.1:9/x")


def _another(kind):
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from paramiko import ECDSAKey, Ed25519Key

    if kind != "ssh-ed25519":
        return ECDSAKey.generate(ec.SECP256R1())
    import io

    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption()
    )
    return Ed25519Key.from_private_key(io.StringIO(pem.decode()))
