"""A small file system of a test's own, which can fill up."""

from __future__ import annotations

import subprocess

import pytest

SPACE = ["unshare", "--user", "--map-root-user", "--mount"]
"""Begins a command that may mount what only it sees."""


@pytest.fixture(scope="session")
def can_mount():
    try:
        subprocess.run([*SPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"this machine lets nobody mount a file system of their own: {exc}")
