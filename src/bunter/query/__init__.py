"""Queries: text or Python objects in, checked and bound trees out; no SQL here."""

from __future__ import annotations

from bunter.query.bind import bind_predicate, bind_query, conjoined, split_conjuncts, tree_of
from bunter.query.bound import BoundQuery
from bunter.query.describe import describe
from bunter.query.evaluate import evaluate
from bunter.query.expression import Condition, Order, Term, x
from bunter.query.parser import parse
from bunter.query.summaries import Selection, Summary, average, count, count_distinct, maximum, minimum, total
from bunter.query.unparse import unparse

__all__ = [
    "BoundQuery",
    "Condition",
    "Order",
    "Selection",
    "Summary",
    "Term",
    "average",
    "bind_predicate",
    "bind_query",
    "conjoined",
    "count",
    "count_distinct",
    "describe",
    "evaluate",
    "maximum",
    "minimum",
    "parse",
    "split_conjuncts",
    "total",
    "tree_of",
    "unparse",
    "x",
]
