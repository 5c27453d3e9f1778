"""The small language in which an instrument says how its headers are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bunter.ingest.fields import BOOL, FIELDS, FLOAT, INT, TIME
from bunter.values import parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.ingest.model import Headers, Rule

_MISSING = object()


class UnfitFileError(ValueError):
    """Why a file cannot be ingested, as one sentence."""


def matches(rules: Headers, header: Mapping[str, Any]) -> bool:
    """Whether a header has all the cards that only this instrument's frames have."""
    return bool(rules.match) and all(
        str(header.get(card, "")).strip() == str(value).strip() for card, value in rules.match.items()
    )


def read_fields(rules: Headers, header: Mapping[str, Any]) -> dict[str, Any]:
    """Work out all fields of a header.

    Returns
    -------
    dict
        Values by field; times as ns TAI; None where unknown.

    Raises
    ------
    UnfitFileError
        If a card is missing or its value is of the wrong kind.
    """
    found: dict[str, Any] = {}
    for name, kind in FIELDS.items():
        rule = rules.fields.get(name)
        if rule is not None:
            found[name] = _field(name, kind, rule, header, found)
    return found


def read_field(rules: Headers, name: str, header: Mapping[str, Any]) -> Any:
    """Work out one field alone."""
    return _field(name, FIELDS[name], rules.fields[name], header, {})


def _field(name: str, kind: str, rule: Rule, header: Mapping[str, Any], found: Mapping[str, Any]) -> Any:
    value = _sought(rule, header)
    if value is _MISSING:
        value = _without(name, rule, found)
        return None if value is None else _converted(name, kind, None, value)
    if rule.map is not None and str(value) in rule.map:
        value = rule.map[str(value)]
    elif rule.map is not None and rule.default is not None:
        value = _without(name, rule, found)
    return _converted(name, kind, rule.read, value)


def _sought(rule: Rule, header: Mapping[str, Any]) -> Any:
    if rule.value is not None:
        return rule.value
    if rule.text is not None:
        return _filled(rule.text, header)
    for card in rule.cards:
        value = _plain(header.get(card))
        if value is not None and value != "":
            return value
    return _MISSING


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    return value if isinstance(value, bool | int | float) else None


def _filled(text: str, header: Mapping[str, Any]) -> Any:
    class _Cards(dict[str, Any]):
        def __missing__(self, card: str) -> Any:
            value = _plain(header.get(card))
            if value is None:
                raise KeyError(card)
            return value

    try:
        return text.format_map(_Cards())
    except (KeyError, ValueError, IndexError):
        return _MISSING


def _without(name: str, rule: Rule, found: Mapping[str, Any]) -> Any:
    if isinstance(rule.default, str):
        return rule.default.format_map(found)
    if rule.default is not None or rule.optional:
        return rule.default
    cards = " or ".join(rule.cards) or rule.text
    raise UnfitFileError(f"the header has no card {cards}, which gives the {name}")


def _converted(name: str, kind: str, read: str | None, value: Any) -> Any:
    try:
        if kind == TIME:
            return parse_instant(f"{read}/{value!r}" if read in {"mjd", "jd"} else str(value))
        value = _meant(read, value)
        if kind == INT:
            return _integer(value)
        if kind == FLOAT:
            return _number(value)
        if kind == BOOL:
            return _truth(value)
    except (ValueError, TypeError, OverflowError):
        raise UnfitFileError(f"the header's {name} is {value!r}, which is no {_KINDS[kind]}") from None
    return value if isinstance(value, int) and kind != "text" else str(value)


_KINDS = {TIME: "time", INT: "whole number", FLOAT: "number", BOOL: "truth value", "text": "text"}


def _meant(read: str | None, value: Any) -> Any:
    if read == "airmass":
        return math.degrees(math.acos(min(1.0, 1.0 / float(value))))
    if read == "altitude":
        return 90.0 - float(value)
    if read in {"hours", "degrees"} and isinstance(value, str):
        return _sexagesimal(value) * (15.0 if read == "hours" else 1.0)
    if read == "hours":
        return float(value) * 15.0
    return value


def _sexagesimal(text: str) -> float:
    """Value of ``[-]d:m:s`` (or with blanks between)."""
    parts = text.replace(":", " ").split()
    size: float = sum(abs(float(part)) / 60**place for place, part in enumerate(parts))
    return -size if text.lstrip().startswith("-") else size


def _integer(value: Any) -> int:
    number = float(value) if isinstance(value, float) else int(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().upper()
    if text in {"T", "TRUE", "YES", "1"}:
        return True
    if text in {"F", "FALSE", "NO", "0"}:
        return False
    raise ValueError
