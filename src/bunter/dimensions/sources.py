"""Where universes are written: files, names, overlays that extend another universe; and the lines of it all."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bunter.errors import ConfigurationError, UniverseError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    import yaml

__all__ = ["NAMES", "Content", "Place", "Source", "read_content"]

Source: TypeAlias = "str | PathLike[str] | Mapping[str, Any]"
Place: TypeAlias = tuple[str, ...]
"""Keys that lead to a part of a definition; an item of a list goes by its ``name``."""

NAMES = {
    "default": "universe.yaml",
    "fibre-spectrograph": "fibre_spectrograph.yaml",
    "spectral-survey": "spectral_survey.yaml",
}
"""Universes that come with Bunter, and their files."""

_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Content:
    """A definition as plain values, with the files that it was read from.

    Parameters
    ----------
    tree : dict
        The definition, overlays applied.
    files : tuple of (str, bytes)
        Path and text of each file, the one asked for last.
    """

    tree: dict[str, Any]
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def line(self, place: Place) -> tuple[str, int] | None:
        """Return the file and the line in which a part, or what it is part of, is written; None if in no file."""
        best: tuple[int, str, int] = (-1, "", 0)
        for path, text in self.files:
            depth, line = _deepest(text, place)
            if depth >= best[0]:
                best = (depth, path, line)
        return best[1:] if best[1] else None

    def placed(self, error: UniverseError) -> UniverseError:
        """Return the error with file and line in front."""
        found = self.line(error.place)
        if found is None or error.file is not None:
            return error
        return UniverseError(str(error.args[0]), place=error.place, file=found[0], line=found[1])


def read_content(source: Source, repository: Mapping[str, Any] | None = None) -> Content:
    """Read a universe with all that it extends.

    Parameters
    ----------
    source : str, PathLike or Mapping
        A YAML file, a name of `NAMES`, or the content.
    repository : Mapping, optional
        What ``extends: repository`` means: the definition of a living repository.

    Raises
    ------
    ConfigurationError
        If a file cannot be read.
    UniverseError
        If an overlay contradicts what it extends.
    """
    return _Reader(repository).read(source, Path(), ())


class _Reader:
    """Reads what extends what."""

    def __init__(self, repository: Mapping[str, Any] | None) -> None:
        self.repository = repository

    def read(self, source: Source, beside: Path, above: tuple[str, ...]) -> Content:
        """Return the content of a source, laid over what it extends."""
        tree, files, folder, above = self._own(source, beside, above)
        bases = tree.pop("extends", None)
        if bases is None:
            return Content(tree, files)
        content = Content(tree, files)
        if not isinstance(bases, str | list) or not bases:
            raise content.placed(
                UniverseError("'extends' names no universe; write 'extends: default'", place=("extends",))
            )
        below = [self._base(base, folder, above) for base in ([bases] if isinstance(bases, str) else bases)]
        try:
            merged = below[0].tree
            for base in below[1:]:
                merged = _extended(merged, base.tree)
            merged = _extended(merged, tree)
        except UniverseError as error:
            raise content.placed(error) from None
        return Content(merged, (*(file for base in below for file in base.files), *files))

    def _base(self, base: str, folder: Path, above: tuple[str, ...]) -> Content:
        if base != "repository":
            return self.read(base, folder, above)
        if self.repository is None:
            raise UniverseError(
                "'extends: repository' is for `bunter upgrade`; to create a repository, extend 'default' or a file",
                place=("extends",),
            )
        return Content(dict(self.repository))

    def _own(
        self, source: Source, beside: Path, above: tuple[str, ...]
    ) -> tuple[dict[str, Any], tuple[tuple[str, bytes], ...], Path, tuple[str, ...]]:
        if not isinstance(source, str | PathLike):
            return dict(source), (), beside, above
        name, text = _file(fspath(source), beside)
        if name in above or len(above) >= _DEEPEST:
            raise UniverseError(f"{name} extends itself: {' -> '.join([*above, name])}", file=name)
        return _parse(text, name), ((name, text),), Path(name).parent, (*above, name)


def _file(text: str, beside: Path) -> tuple[str, bytes]:
    from bunter import effects

    if text in NAMES and not Path(text).is_file():
        from importlib.resources import files

        return NAMES[text], files("bunter.dimensions").joinpath(NAMES[text]).read_bytes()
    path = Path(text) if Path(text).is_absolute() else beside / text
    try:
        return str(path), effects.read_bytes(str(path))
    except OSError as error:
        known = f"; universes known by name are {', '.join(NAMES)}{near(text, NAMES)}" if not path.suffix else ""
        raise ConfigurationError(f"cannot read the dimension universe {path}: {error.strerror}{known}") from error


def _parse(text: bytes, path: str) -> dict[str, Any]:
    import yaml

    from bunter import safe_yaml

    try:
        content = safe_yaml.load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"the dimension universe {path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"the dimension universe {path} must be a mapping with 'elements'")
    return content


def _extended(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition with another laid over it: new elements, further columns of those that are there."""
    merged = {
        **base,
        **{key: value for key, value in overlay.items() if key not in {"elements", "topology", "packers"}},
    }
    merged["elements"] = dict(base.get("elements") or {})
    for name, spec in (overlay.get("elements") or {}).items():
        known = merged["elements"].get(name)
        merged["elements"][name] = spec if known is None else _wider(name, known, spec or {})
    merged["topology"] = {
        kind: {**((base.get("topology") or {}).get(kind) or {}), **((overlay.get("topology") or {}).get(kind) or {})}
        for kind in {**(base.get("topology") or {}), **(overlay.get("topology") or {})}
    }
    packers = {**(base.get("packers") or {}), **(overlay.get("packers") or {})}
    return merged | ({"packers": packers} if packers else {})


def _wider(name: str, known: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return an element with more columns, or more dimensions that it implies."""
    wider = dict(known)
    for key, value in spec.items():
        place = ("elements", name, key)
        if key in {"metadata", "keys"}:
            have = {each.get("name") for each in known.get(key) or () if isinstance(each, dict)}
            again = [each for each in value or () if isinstance(each, dict) and each.get("name") in have]
            if again:
                raise UniverseError(
                    f"{name!r} has a column {again[0]['name']!r} already; an overlay adds columns and changes none",
                    place=(*place, str(again[0]["name"])),
                )
            wider[key] = [*(known.get(key) or ()), *(value or ())]
        elif key == "implies":
            wider[key] = list(dict.fromkeys([*(known.get(key) or ()), *(value or ())]))
        elif key == "doc" or known.get(key) == value:
            wider[key] = value
        else:
            raise UniverseError(
                f"an overlay cannot change {key!r} of {name!r}, which the universe it extends defines; "
                "it may add keys, metadata and implied dimensions, or give another doc",
                place=place,
            )
    return wider


def _deepest(text: bytes, place: Place) -> tuple[int, int]:
    """Return how many keys of a place a text has, and the line of the last of them, counted from 1."""
    import yaml

    node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    line = 1
    for depth, key in enumerate(place):
        step = _step(node, key)
        if step is None:
            return depth, line
        mark, node = step
        line = mark.line + 1
    return len(place), line


def _step(node: yaml.Node | None, key: str) -> tuple[Any, yaml.Node] | None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name.start_mark, value
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            named = _step(item, "name") if isinstance(item, yaml.MappingNode) else None
            if item.value == key or (named is not None and named[1].value == key):
                return item.start_mark, item
    return None
