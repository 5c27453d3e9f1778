"""What differs between two universes, and which of it a living repository can take on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.errors import near
from bunter.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bunter.dimensions.column import Column
    from bunter.dimensions.element import Element
    from bunter.dimensions.universe import Universe

__all__ = ["UniverseDifference", "universe_differences"]


@dataclass(frozen=True, slots=True)
class UniverseDifference:
    """One thing that a universe has otherwise than another.

    Parameters
    ----------
    kind : str
        "element", "metadata", "key", "implied", "region", "timespan", or "text" for what changes no table.
    element, name : str
        The element and, where one is meant, the column or dimension.
    sentence : str
        What differs; of what cannot be taken on, also why.
    additive : bool
        Whether a repository can take it on.
    """

    kind: str
    element: str
    name: str
    sentence: str
    additive: bool = True

    def __str__(self) -> str:
        return self.sentence


def universe_differences(old: Universe, new: Universe) -> list[UniverseDifference]:
    """Return what a repository over one universe must change to be one over another.

    Parameters
    ----------
    old : Universe
        What there is.
    new : Universe
        What is wanted.
    """
    if old is new:
        return []
    found = list(_about(old, new))
    for name, element in old.elements.items():
        if name not in new.elements:
            hint = near(name, [other for other in new.elements if other not in old.elements])
            found.append(_refused("element", name, "", f"element {name!r} would go, with its records{hint}"))
        else:
            found += _of_element(element, new.elements[name])
    found += [_new_element(element) for name, element in new.elements.items() if name not in old.elements]
    return found


def _about(old: Universe, new: Universe) -> Iterator[UniverseDifference]:
    if old.namespace != new.namespace:
        yield _told(f"the namespace {old.namespace!r} becomes {new.namespace!r}")
    elif new.version < old.version:
        yield _refused(
            "text", "", "", f"version {new.version} of {new.namespace!r} is older than version {old.version}"
        )
    if old.version != new.version:
        yield _told(f"version {old.version} becomes {new.version}")
    if old.common_skypix != new.common_skypix:
        yield _told(f"the common pixelization {old.common_skypix} becomes {new.common_skypix}")
    old_pixels, new_pixels = set(old.skypix), set(new.skypix)
    if gone := sorted(old_pixels - new_pixels):
        yield _refused("text", "", gone[0], f"sky pixels {', '.join(gone)} would go")
    if more := sorted(new_pixels - old_pixels):
        yield _told(f"sky pixels {', '.join(more)} are new")
    yield from _families("spatial", old.spatial_families, new.spatial_families)
    yield from _families("temporal", old.temporal_families, new.temporal_families)
    for name in sorted(old.packers.keys() | new.packers.keys()):
        if old.packers.get(name) != new.packers.get(name):
            how = "is new" if name not in old.packers else "goes" if name not in new.packers else "changes"
            yield _told(f"the recipe of packer {name!r} {how}; layouts that are defined stay")


def _families(
    kind: str, old: dict[str, tuple[str, ...]], new: dict[str, tuple[str, ...]]
) -> Iterator[UniverseDifference]:
    for family in sorted(old.keys() & new.keys()):
        kept = [name for name in new[family] if name in old[family]]
        if kept != [name for name in old[family] if name in kept]:
            yield _refused(
                "text", "", family, f"the {kind} family {family!r} would have another order, and queries other results"
            )


def _new_element(element: Element) -> UniverseDifference:
    what = "dimension" if element.is_dimension else "combination"
    of = f" of {', '.join(element.requires)}" if element.requires else ""
    return UniverseDifference("element", element.name, "", f"new {what} {element.name!r}{of}")


def _of_element(old: Element, new: Element) -> Iterator[UniverseDifference]:
    name = old.name
    if set(old.requires) != set(new.requires):
        yield _refused(
            "element", name, "", f"{name!r} requires {_listed(old.requires)} and would require {_listed(new.requires)}, "
            "which changes what identifies its records"
        )  # fmt: skip
    for flag in ("governor", "always_join", "implied_union_target"):
        if getattr(old, flag) != getattr(new, flag):
            yield _refused(
                "element",
                name,
                flag,
                f"{flag!r} of {name!r} would be {getattr(new, flag)!r}, not {getattr(old, flag)!r}",
            )
    if old.populated_by != new.populated_by:
        yield _told(f"records of {name!r} travel with {new.populated_by}, no longer with {old.populated_by}", name)
    yield from _keys(old, new)
    yield from _implied(old, new)
    yield from _columns(old, new, "metadata", old.metadata, new.metadata)
    yield from _topology(old, new)
    if old.doc != new.doc:
        yield _told(f"the description of {name!r} changes", name)


def _keys(old: Element, new: Element) -> Iterator[UniverseDifference]:
    if (old.key is None) != (new.key is None):
        yield _refused("element", old.name, "", f"{old.name!r} would {'have' if new.key else 'lose'} a key of its own")
    elif old.key is not None and new.key is not None:
        yield from _column(old.name, old.key, new.key, "the primary key")
        if old.key.name != new.key.name:
            yield _told(f"the primary key of {old.name!r} is called {new.key.name!r}, not {old.key.name!r}", old.name)
    yield from _columns(old, new, "key", old.alternate_keys, new.alternate_keys)


def _implied(old: Element, new: Element) -> Iterator[UniverseDifference]:
    for gone in old.implies:
        if gone not in new.implies:
            yield _refused("implied", old.name, gone, f"{old.name!r} implies {gone!r} and would not any more")
    for more in new.implies:
        if more not in old.implies:
            yield UniverseDifference("implied", old.name, more, f"{old.name!r} implies {more!r}")


def _columns(
    old: Element, new: Element, kind: str, before: Iterable[Column], after: Iterable[Column]
) -> Iterator[UniverseDifference]:
    what = {"metadata": "column", "key": "alternate key"}[kind]
    had, have = ({column.name: column for column in columns} for columns in (before, after))
    for name, column in had.items():
        if name not in have:
            hint = near(name, have.keys() - had.keys())
            yield _refused(kind, old.name, name, f"{what} {name!r} of {old.name!r} would go, with its values{hint}")
        else:
            yield from _column(old.name, column, have[name], f"{what} {name!r}")
    for name, column in have.items():
        if name not in had:
            long = f", up to {column.length}" if column.length else ""
            yield UniverseDifference(kind, new.name, name, f"new {what} {name!r} of {new.name!r} ({column.kind}{long})")


def _column(element: str, old: Column, new: Column, what: str) -> Iterator[UniverseDifference]:
    if old.kind != new.kind:
        yield _refused("metadata", element, old.name, f"{what} of {element!r} is {old.kind} and would be {new.kind}")
    if old.length != new.length:
        if new.length is not None and (old.length is None or new.length < old.length):
            of_now = "of any length" if old.length is None else f"up to {old.length} long"
            yield _refused(
                "metadata", element, old.name,
                f"{what} of {element!r} holds values {of_now} and would hold {counted(new.length, 'character')}",
            )  # fmt: skip
        else:
            yield _told(f"{what} of {element!r} takes values up to {new.length or 'any length'}", element)
    if old.nullable and not new.nullable:
        yield _refused(
            "metadata", element, old.name, f"{what} of {element!r} may be unknown and would have to be given"
        )
    elif new.nullable and not old.nullable:
        yield UniverseDifference("optional", element, old.name, f"{what} of {element!r} may be unknown")
    if old.doc != new.doc:
        yield _told(f"the description of {what} of {element!r} changes", element)


def _topology(old: Element, new: Element) -> Iterator[UniverseDifference]:
    for kind, column in (("spatial", "region"), ("temporal", "timespan")):
        was, is_ = getattr(old, kind), getattr(new, kind)
        if was is not None and is_ is None:
            yield _refused(column, old.name, "", f"{old.name!r} would have no {column}s any more")
        elif was is None and is_ is not None:
            yield UniverseDifference(column, old.name, "", f"{old.name!r} has {column}s, in the family {is_!r}")
        elif was != is_:
            yield _refused(column, old.name, "", f"{old.name!r} would move from the family {was!r} to {is_!r}")


def _told(sentence: str, element: str = "") -> UniverseDifference:
    return UniverseDifference("text", element, "", sentence)


def _refused(kind: str, element: str, name: str, sentence: str) -> UniverseDifference:
    return UniverseDifference(kind, element, name, sentence, additive=False)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
