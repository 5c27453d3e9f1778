"""Files by SFTP, from hosts whose keys are known; settings as for ``ssh`` itself."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.datastore.credentials import netrc_login
from bunter.errors import MissingExtraError, StoreDeniedError, StoreUnavailableError

if TYPE_CHECKING:
    from bunter.datastore.store_address import StoreAddress

__all__ = ["SshTarget", "open_sftp"]

_TIMEOUT_S = 30.0
_USUAL = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True, slots=True)
class SshTarget:
    """What ``ssh`` would do for a host.

    Parameters
    ----------
    host, port, user : str, int, str
        Whom to call; an empty user is the one who runs this.
    keys : tuple of str
        Files of private keys, beside those of the agent and the usual ones.
    known_hosts : tuple of Path
        Files with the keys of hosts.
    """

    host: str
    port: int
    user: str
    keys: tuple[str, ...]
    known_hosts: tuple[Path, ...]

    @classmethod
    def of(cls, address: StoreAddress, user: str) -> SshTarget:
        """Read what ``~/.ssh/config`` and ``/etc/ssh/ssh_config`` say about the host of an address."""
        host, _, port = address.place.partition(":")
        said = _config(host)
        files = said.get("userknownhostsfile", "").split() or list(_USUAL)
        return cls(
            host=said.get("hostname", host),
            port=int(port or said.get("port", 22)),
            user=address.name or user or said.get("user", ""),
            keys=tuple(said.get("identityfile", ())),
            known_hosts=tuple(Path(name).expanduser() for name in files),
        )


def _config(host: str) -> dict[str, Any]:
    from paramiko import SSHConfig

    config = SSHConfig()
    for name in ("~/.ssh/config", "/etc/ssh/ssh_config"):  # the first that says something counts, as for ssh
        path = Path(name).expanduser()
        if effects.stat(path) is not None:
            config.parse(effects.read_bytes(path).decode().splitlines())
    return dict(config.lookup(host))


def open_sftp(address: StoreAddress) -> Any:
    """Open the files of a host.

    User and password come from ``~/.netrc``, keys from the agent and the files of SSH.

    Raises
    ------
    StoreDeniedError
        If the key of the host is not known, or is another one than is known; or if the host refuses the user.
    StoreUnavailableError
        If it cannot be reached.
    """
    try:
        import paramiko
        from fsspec.implementations.sftp import SFTPFileSystem
    except ImportError as exc:
        raise MissingExtraError(f"{address} needs paramiko: pip install 'bunter[sftp]'") from exc

    user, password = netrc_login(address.place) or ("", "")
    target = SshTarget.of(address, user)

    class VerifiedFiles(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
        """Fsspec itself takes the key of any host, and waits for an answer to every 32 kB."""

        def _connect(self) -> None:
            self.client = _connected(address, target, password)
            self.ftp = self.client.open_sftp()

        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
            del mode
            self.ftp.putfo(BytesIO(value), path, confirm=False)

        def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
            if start is not None or end is not None:
                return bytes(super().cat_file(path, start, end))
            content = BytesIO()
            self.ftp.getfo(path, content)
            return content.getvalue()

    try:
        return VerifiedFiles(target.host, port=target.port, skip_instance_cache=True)
    except (OSError, paramiko.SSHException) as exc:
        if isinstance(exc, StoreDeniedError):
            raise
        raise StoreUnavailableError(f"{address} cannot be reached: {exc}") from exc


def _connected(address: StoreAddress, target: SshTarget, password: str) -> Any:
    import paramiko

    class Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko has no types
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            del client, hostname
            raise StoreDeniedError(_unknown(address, target, key))

    client = paramiko.SSHClient()
    for path in target.known_hosts:
        if effects.stat(path) is not None:
            client.load_system_host_keys(str(path))
    client.set_missing_host_key_policy(Refuse())
    login = {"username": target.user or None, "password": password or None, "key_filename": list(target.keys) or None}
    try:
        client.connect(target.host, target.port, timeout=_TIMEOUT_S, banner_timeout=_TIMEOUT_S, **login)
    except paramiko.BadHostKeyException as exc:
        client.close()
        raise StoreDeniedError(_changed(address, target, exc)) from exc
    except paramiko.AuthenticationException as exc:
        client.close()
        raise StoreDeniedError(
            f"{address} refuses the user {target.user or 'who runs this'!r} ({exc}); put user and password for "
            f"{address.place} into ~/.netrc, or a key into the agent of SSH"
        ) from exc
    except BaseException:
        client.close()
        raise
    return client


def _unknown(address: StoreAddress, target: SshTarget, key: Any) -> str:
    return (
        f"the key of {target.host} is not known: it shows {key.get_name()} {_fingerprint(key)}, and "
        f"{' and '.join(map(str, target.known_hosts))} have none of it; compare it with what its operator says, then "
        f"`ssh-keyscan -p {target.port} {target.host} >> {target.known_hosts[0]}` makes {address} readable"
    )


def _changed(address: StoreAddress, target: SshTarget, exc: Any) -> str:
    return (
        f"{address} shows another key than is known of {target.host}: {_fingerprint(exc.key)} instead of "
        f"{_fingerprint(exc.expected_key)}; somebody may be listening in, so ask its operator. If the new key is right, "
        f"`ssh-keygen -R '[{target.host}]:{target.port}'` forgets the old one"
    )


def _fingerprint(key: Any) -> str:
    digest = hashlib.sha256(key.asbytes()).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
