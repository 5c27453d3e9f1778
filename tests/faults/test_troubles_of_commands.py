"""Commands on a disk that is full, read-only or closed to them: one sentence, nothing lost, and the same command completes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from own_file_system import SPACE, can_mount

__all__ = ["can_mount"]

WORDS = {
    "full0": ("full", "no space"),
    "full60000": ("full", "no space"),
    "read-only": ("read-only", "written", "permission", "readonly"),
    "closed": ("permission", "written", "read-only"),
}


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.usefixtures("can_mount")
@pytest.mark.parametrize("kind", WORDS)
def test_a_command_in_trouble_says_so_and_is_completed_by_giving_it_again(kind, tmp_path):
    (tmp_path / "disk").mkdir()
    script = Path(__file__).with_name("troubled_commands.py")
    command = [*SPACE, sys.executable, str(script), kind, str(tmp_path), str(tmp_path / "disk")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1400)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(told) > 20
    assert sum(each["code"] for each in told) > 10, "most were in trouble"
    wrong = [
        each for each in told if not (each["is_done"] and each["code"] in {0, 1} and is_sentence(each, WORDS[kind]))
    ]
    assert wrong == []


def is_sentence(told, words):
    """Whether what a command said of its failure is one line of ours about the trouble; one that has succeeded may say anything."""
    said = told["said"].splitlines()
    return told["code"] == 0 or (
        len(said) == 1 and said[0].startswith("bunter: ") and any(word in said[0].lower() for word in words)
    )
