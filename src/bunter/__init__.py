"""Bunter: a data butler and pipeline system for astronomical surveys."""

from __future__ import annotations

__version__ = "0.1.0.dev0"
