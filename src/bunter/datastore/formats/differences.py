"""How two contents differ, in some words: values of arrays, items of trees, rows of tables, cards of headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "array_difference",
    "card_difference",
    "mapping_difference",
    "table_difference",
    "text_difference",
    "tree_difference",
]

_SHOWN = 3


def array_difference(one: Any, two: Any, what: str = "values") -> str:
    """Say how two arrays differ: kind, shape, or how many values, by how much, and where first; empty if they do not."""
    import numpy as np

    if one is None or two is None:
        return "" if one is two else f"only the {'new' if one is None else 'old'} one has {what}"
    if one.dtype != two.dtype or one.shape != two.shape:
        return f"{what} are {one.dtype} {one.shape} in the old one and {two.dtype} {two.shape} in the new one"
    unequal = np.asarray(one != two)
    if one.dtype.kind in "fc":
        unequal &= ~(np.isnan(one) & np.isnan(two))
    elif one.dtype.kind in "mM":
        unequal &= ~(np.isnat(one) & np.isnat(two))
    number = int(np.count_nonzero(unequal))
    if not number:
        return ""
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(unequal)), one.shape))
    said = f"{number} of {one.size} {what} differ, first at {_place(place)}: {one[place]} and {two[place]}"
    return said + _largest(one, two, unequal)


def _place(place: tuple[int, ...]) -> str:
    return str(place[0] if len(place) == 1 else place)


def _largest(one: Any, two: Any, unequal: Any) -> str:
    import numpy as np

    if one.dtype.kind not in "iuf" or one.size == 1:
        return ""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(one[unequal].astype("f8") - two[unequal].astype("f8"))
    finite = apart[np.isfinite(apart)]
    return f"; by at most {finite.max():.6g}, {finite.mean():.6g} on average" if finite.size else ""


def tree_difference(old: object, new: object) -> str:
    """Say which items of two trees of plain values differ."""
    return _listed(_unlike(old, new, ""), "item")


def _unlike(old: Any, new: Any, place: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            where = f"{place}.{key}" if place else str(key)
            if key not in new or key not in old:
                yield f"{where} only in the {'old' if key in old else 'new'} one"
            else:
                yield from _unlike(old[key], new[key], where)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, two) in enumerate(zip(old, new, strict=True)):
            yield from _unlike(one, two, f"{place}[{index}]")
    elif isinstance(old, list) and isinstance(new, list):
        yield f"{place or 'the list'} has {counted(len(old), 'item')} and {len(new)}"
    elif type(old) is not type(new) or (old != new and not (old != old and new != new)):  # noqa: PLR0124 - NaN
        yield f"{place or 'the value'}: {_short(old)} and {_short(new)}"


def text_difference(old: str, new: str) -> str:
    """Say which is the first line of two texts that differs, and how many lines there are."""
    one, two = old.splitlines(), new.splitlines()
    place = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    if place == len(one) == len(two):
        return "the ends of lines differ"
    parts = [_short(lines[place]) if place < len(lines) else "nothing" for lines in (one, two)]
    many = "" if len(one) == len(two) else f"; {counted(len(one), 'line')} and {len(two)}"
    return f"line {place + 1}: {parts[0]} and {parts[1]}{many}"


def mapping_difference(old: Mapping[str, Any], new: Mapping[str, Any], noun: str) -> str:
    """Say which items of two mappings differ, whatever they are; empty if none do."""
    found = []
    for key in dict.fromkeys([*old, *new]):
        if key not in old or key not in new:
            found.append(f"{key} only in the {'old' if key in old else 'new'} one")
        elif str(old[key]) != str(new[key]):
            found.append(f"{key}: {_short(old[key])} and {_short(new[key])}")
    return _listed(found, noun)


def card_difference(old: Iterable[tuple[str, str]], new: Iterable[tuple[str, str]]) -> str:
    """Say which cards differ, given as keyword and text; empty if none do."""
    one, two = _grouped(old), _grouped(new)
    return mapping_difference(one, two, "header card")


def _grouped(cards: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in cards:
        found[name] = f"{found[name]} / {text}" if name in found else text
    return found


def table_difference(old: Any, new: Any) -> str:
    """Say how two astropy tables differ: columns, rows, values, meta."""
    import numpy as np

    if old.colnames != new.colnames:
        return _names(old.colnames, new.colnames)
    if len(old) != len(new):
        return f"{counted(len(old), 'row')} in the old one and {len(new)} in the new one"
    said = []
    for name in old.colnames:
        one, two = old[name], new[name]
        if getattr(one, "unit", None) != getattr(two, "unit", None):
            said.append(f"column {name} has the unit {one.unit} and {two.unit}")
        elif isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
            masks = array_difference(np.ma.getmaskarray(one), np.ma.getmaskarray(two), f"masks of column {name}")
            values = [np.asarray(np.ma.getdata(each)) for each in (one, two)]
            plain = array_difference(values[0], values[1], f"rows of column {name}")
            said += [text for text in (masks or plain,) if text]
    if (meta := mapping_difference(dict(old.meta), dict(new.meta), "item of meta")) != "":
        said.append(meta)
    return "; ".join(said[:_SHOWN]) + (f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else "")


def _names(old: list[str], new: list[str]) -> str:
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    said = [f"only the {which} one has {', '.join(names)}" for which, names in (("old", gone), ("new", come)) if names]
    return "; ".join(said) or "the columns have another order"


def _listed(found: Iterable[str], noun: str) -> str:
    said = list(found)
    if not said:
        return ""
    rest = f", and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return f"{counted(len(said), noun)} differ{'s' if len(said) == 1 else ''} ({', '.join(said[:_SHOWN])}{rest})"


def _short(value: object) -> str:
    text = value if isinstance(value, str) and "\n" not in value else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
