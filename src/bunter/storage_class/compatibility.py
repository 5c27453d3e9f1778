"""Which storage classes may stand for each other."""

from __future__ import annotations

from bunter.storage_class.registry import storage_classes

__all__ = ["can_convert", "compatibility_problem"]


def can_convert(source: str, target: str) -> bool:
    """Say whether objects of one storage class can be turned into another, without importing their types."""
    if source == target:
        return True
    known = storage_classes()
    if source not in known or target not in known:
        return False
    return known[source].python_type == known[target].python_type or source in known[target].converts_from


def compatibility_problem(registered: str, asked: str) -> str | None:
    """Say why datasets of one storage class cannot be written and read as another; None if they can."""
    ways = [("written", asked, registered), ("read", registered, asked)]
    failing = [(verb, source, target) for verb, source, target in ways if not can_convert(source, target)]
    if not failing:
        return None
    verb, source, target = failing[0]
    return f"datasets could not be {verb}, as {source} cannot be turned into {target}"
