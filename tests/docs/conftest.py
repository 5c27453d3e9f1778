"""What pages and help texts are tried on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bunter_command import folder_of_script


def shell(text, folder):
    environment = {
        **os.environ,
        "PATH": f"{folder_of_script()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{text}\nleft with exit code {done.returncode}:\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout


@pytest.fixture(autouse=True)
def own_settings(tmp_path_factory, monkeypatch):
    """Keep what pages write for their reader out of the settings of whoever runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Folder that holds the repository ``demo``."""
    folder = tmp_path_factory.mktemp("demonstration")
    shell("bunter demo demo", folder)
    return folder


@pytest.fixture(name="shell", scope="session")
def give_shell():
    """What runs a command line in a folder and fails the test if it fails."""
    return shell
