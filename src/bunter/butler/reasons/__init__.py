"""Why a question has no rows: the constraints that empty it, counts at each step, and what is near."""

from __future__ import annotations

from bunter.butler.reasons.explanation import Conflict, Explanation, Step
from bunter.butler.reasons.search import explain

__all__ = ["Conflict", "Explanation", "Step", "explain"]
