"""Commands as somebody whom permissions bind, also where tests run as root."""

import os
import shutil

import pytest

_WITHOUT_PASSING_OVER_PERMISSIONS = (
    "setpriv",
    "--bounding-set",
    "-dac_override,-dac_read_search",
    "--inh-caps",
    "-dac_override,-dac_read_search",
)


def as_bound_by_permissions(*command):
    """Wrap a command for root, who may otherwise read and write everything."""
    words = [str(word) for word in command]
    if os.geteuid() != 0:
        return words
    if shutil.which("setpriv") is None:
        pytest.fail("root needs setpriv for this test; Debian's util-linux brings it")
    return [*_WITHOUT_PASSING_OVER_PERMISSIONS, *words]
