from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

# Worker processes import tasks and work from here by name, as they import a user's modules.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _own_logging():
    """Leave to the next test no handler that writes where a command line of this one was captured."""
    root, bunter = logging.getLogger(), logging.getLogger("bunter")
    handlers, level = list(root.handlers), bunter.level
    yield
    for handler in [one for one in root.handlers if one not in handlers and getattr(one, "of_bunter", False)]:
        root.removeHandler(handler)
        handler.close()
    bunter.setLevel(level)
