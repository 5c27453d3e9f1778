"""``python -m bunter``: the command line, where no script of that name is on the path."""

from __future__ import annotations

from bunter.cli import main

main()
