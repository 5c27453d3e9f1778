"""YAML as plain data: nothing is executed, and nesting has a limit.

PyYAML's C parser recurses without a limit: a hundred thousand brackets end the process. Documents that could nest that
deep have their depth counted over parser events first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["load"]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100
_HARMLESS = 10_000


def load(text: str | bytes, tags: Mapping[str, Callable[[Any], Any]] | None = None) -> Any:
    """Return the content of a YAML document.

    Parameters
    ----------
    text : str or bytes
        The document.
    tags : mapping, optional
        Tags beyond those of YAML that may occur; each with what makes a value of the plain content.

    Raises
    ------
    yaml.YAMLError
        If it is not YAML, or nests deeper than 100 levels.
    """
    if _openers(text) > _HARMLESS:
        _measure(text)
    return yaml.load(text, Loader=_loader(tags) if tags else _Loader)  # noqa: S506 - a safe loader


def _loader(tags: Mapping[str, Callable[[Any], Any]]) -> Any:
    loader: Any = type("TaggedLoader", (_Loader,), {})
    for tag, convert in tags.items():
        loader.add_constructor(tag, _constructor(convert))
    return loader


def _constructor(convert: Callable[[Any], Any]) -> Callable[[Any, yaml.Node], Any]:
    def construct(loader: Any, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            content = loader.construct_mapping(node, deep=True)
        elif isinstance(node, yaml.SequenceNode):
            content = loader.construct_sequence(node, deep=True)
        else:
            content = node.value
        try:
            return convert(content)
        except (ValueError, TypeError, KeyError) as error:
            raise yaml.constructor.ConstructorError(None, None, f"{node.tag}: {error}", node.start_mark) from error

    return construct


def _openers(text: str | bytes) -> int:
    """Count what could open a level; there are never more levels than this."""
    if isinstance(text, bytes):
        return sum(map(text.count, (b"[", b"{", b"- ", b"?", b":")))
    return sum(map(text.count, ("[", "{", "- ", "?", ":")))


def _measure(text: str | bytes) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise yaml.YAMLError(f"nested deeper than {_DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
