"""Formats of text: JSON, JSON lines, YAML, plain text, and bytes as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bunter.datastore.format import ReadRequest, component_of
from bunter.datastore.formats.differences import text_difference, tree_difference
from bunter.datastore.formats.wording import in_short
from bunter.errors import FormatError
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BytesFormat", "JsonFormat", "JsonLinesFormat", "TextFormat", "YamlFormat"]


_MOST_ITEMS = 10_000_000
_LEAVES = {str, int, float, bool, type(None)}


def _plain(value: object) -> object:
    """Turn NumPy scalars and arrays into what JSON and YAML know."""
    kind = type(value).__module__.partition(".")[0]
    if kind == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__}")


_encode_json = json.JSONEncoder(ensure_ascii=False, default=_plain).encode


def _has_text_keys(tree: object) -> bool:
    """Whether all mappings of a tree have plain text as keys; False also where that takes a closer look."""
    rest, leaves = [tree], _LEAVES
    while rest:
        each = rest.pop()
        if type(each) is dict:
            for key, value in each.items():
                if type(key) is not str:
                    return False
                if type(value) not in leaves:
                    rest.append(value)
        elif type(each) is list:
            rest += [value for value in each if type(value) not in leaves]
        else:
            return False
    return True


def _refuse_other_keys(obj: object, place: str) -> None:
    """Refuse mappings whose keys are not text: JSON would turn them into text."""
    if type(obj) is dict or isinstance(obj, Mapping):
        for key, value in obj.items():
            if not isinstance(key, str):
                raise FormatError(
                    f"{place} has the key {key!r}; JSON keeps only text keys, so configure the format yaml"
                )
            if type(value) not in _LEAVES:
                _refuse_other_keys(value, f"{place}[{key!r}]")
    elif isinstance(obj, list | tuple):
        for index, value in enumerate(obj):
            if type(value) not in _LEAVES:
                _refuse_other_keys(value, f"{place}[{index}]")


def equal(old: object, new: object) -> bool:
    """Whether two trees of plain values are equal; NaN equals NaN, order of keys is of no account."""
    if isinstance(old, float) and isinstance(new, float):
        return old == new or (old != old and new != new)  # noqa: PLR0124 - NaN
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(equal(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(equal(a, b) for a, b in zip(old, new, strict=True))
    return type(old) is type(new) and old == new


def _part(obj: Any, request: ReadRequest) -> object:
    """Return the component or the ``keys`` asked for."""
    if request.component:
        return component_of(obj, request.component)
    if unknown := set(request.parameters) - {"keys"}:
        raise FormatError(f"plain values are read with the parameter keys, not {', '.join(sorted(unknown))}")
    if "keys" not in request.parameters:
        return obj
    missing = [key for key in request.parameters["keys"] if not isinstance(obj, Mapping) or key not in obj]
    if missing:
        raise FormatError(f"there is no key {', '.join(map(repr, missing))} to read")
    return {key: obj[key] for key in request.parameters["keys"]}


class JsonFormat:
    """Plain values as JSON; NaN and infinity as Python writes them, tuples and NumPy values as lists and numbers."""

    name = "json"
    version = 1
    extension = ".json"
    python_types = ("builtins:dict", "builtins:list", "builtins:int", "builtins:float", "builtins:bool", "builtins:str")

    def to_bytes(self, obj: object) -> bytes:
        """Write compact UTF-8; FormatError for keys that are not text and for objects of other kinds."""
        if not _has_text_keys(obj):
            _refuse_other_keys(obj, "the object")
        try:
            return _encode_json(obj).encode()
        except (TypeError, ValueError, UnicodeEncodeError) as exc:
            raise FormatError(
                f"cannot be written as JSON: {in_short(exc)}; put plain values, or choose another format"
            ) from exc

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read the value, or one item of it as a component."""
        try:
            obj = json.loads(data)
        except (ValueError, RecursionError) as exc:
            raise FormatError(f"not JSON: {in_short(exc)}") from exc
        return _part(obj, request)

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether the values are equal, whatever the order of keys."""
        return old == new or equal(json.loads(old), json.loads(new))

    def difference(self, old: bytes, new: bytes) -> str:
        """Say which items differ."""
        return tree_difference(json.loads(old), json.loads(new))


class JsonLinesFormat:
    """Lists as one JSON value per line; or one value per line of a shared artifact, selected by ``begin:size``."""

    name = "jsonl"
    version = 1
    extension = ".jsonl"
    python_types = ("builtins:list",)

    def to_bytes(self, obj: object) -> bytes:
        """Write a list, one item per line."""
        if not isinstance(obj, list | tuple):
            raise FormatError(f"JSON lines hold a list of records, not a {type(obj).__name__}; choose the format json")
        return b"".join(self.line(item) for item in obj)

    @staticmethod
    def line(item: object) -> bytes:
        """Write one value as a line; a shared artifact is the concatenation of such lines."""
        return JsonFormat().to_bytes(item) + b"\n"

    def member(self, selector: str) -> ByteRange:
        """Place of a member, from ``begin:size``."""
        begin, _, size = selector.partition(":")
        try:
            return ByteRange(int(begin), int(size))
        except ValueError as exc:
            raise FormatError(f"a member of JSON lines is selected by 'begin:size' in bytes, not {selector!r}") from exc

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read the list, or with a selector the value of the one line given."""
        try:
            obj: Any = json.loads(data) if request.selector else [json.loads(line) for line in data.splitlines()]
        except (ValueError, RecursionError) as exc:
            raise FormatError(f"not JSON lines: {in_short(exc)}") from exc
        return _part(obj, request)

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether line by line the values are equal."""
        whole = ReadRequest()
        return old == new or equal(self.from_bytes(old, whole), self.from_bytes(new, whole))

    def difference(self, old: bytes, new: bytes) -> str:
        """Say which lines and items differ."""
        return tree_difference(*(self.from_bytes(data, ReadRequest()) for data in (old, new)))


def _yaml_value(obj: Any) -> Any:
    """Turn an object into what safe YAML knows, without changing the order of keys."""
    if obj is None or type(obj) in {str, int, float, bool, bytes}:
        return obj
    if isinstance(obj, Mapping):
        return {_yaml_value(key): _yaml_value(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_yaml_value(value) for value in obj]
    for plain in (bool, int, float, str):
        if isinstance(obj, plain):
            return plain(obj)
    return _yaml_value(_plain(obj))


def _refuse_explosion(obj: Any, sizes: dict[int, int]) -> int:
    """Refuse aliases within aliases: a few lines may mean more items than there is memory for."""
    if not isinstance(obj, dict | list):
        return 1
    if id(obj) in sizes:
        if not sizes[id(obj)]:
            raise FormatError("not YAML for us: an item contains itself")
        return sizes[id(obj)]
    sizes[id(obj)] = 0
    items = [*obj, *obj.values()] if isinstance(obj, dict) else obj
    size = 1 + sum(_refuse_explosion(item, sizes) for item in items)
    if size > _MOST_ITEMS:
        raise FormatError(
            f"its aliases stand for more than {_MOST_ITEMS} items, which looks like an attack on the memory"
        )
    sizes[id(obj)] = size
    return size


class YamlFormat:
    """Plain values as YAML, safe to load anywhere."""

    name = "yaml"
    version = 1
    extension = ".yaml"
    python_types = JsonFormat.python_types

    def to_bytes(self, obj: object) -> bytes:
        """Write block style UTF-8 in the order of keys."""
        import yaml

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        try:
            text = yaml.dump(_yaml_value(obj), Dumper=dumper, sort_keys=False, allow_unicode=True, encoding="utf-8")
        except (TypeError, yaml.YAMLError) as exc:
            raise FormatError(
                f"cannot be written as YAML: {in_short(exc)}; put plain values, or choose another format"
            ) from exc
        return bytes(text)

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read the value, or one item of it as a component; no tag can make anything but plain values."""
        obj = self._load(data)
        return _part(obj, request)

    @staticmethod
    def _load(data: bytes) -> object:
        import yaml

        from bunter import safe_yaml

        try:
            loaded = safe_yaml.load(data)
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as exc:
            raise FormatError(f"not YAML: {in_short(exc)}") from exc
        if b"*" in data and b"&" in data:
            _refuse_explosion(loaded, {})
        return loaded

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether the values are equal, whatever the order of keys."""
        return old == new or equal(self._load(old), self._load(new))

    def difference(self, old: bytes, new: bytes) -> str:
        """Say which items differ."""
        return tree_difference(self._load(old), self._load(new))


class TextFormat:
    """Text as UTF-8."""

    name = "text"
    version = 1
    extension = ".txt"
    python_types = ("builtins:str",)
    takes_buffers = True

    def to_bytes(self, obj: object) -> bytes:
        """Write text as it is."""
        if not isinstance(obj, str):
            raise FormatError(f"the format text writes str, not {type(obj).__name__}")
        return obj.encode("utf-8", "surrogatepass")

    def from_bytes(self, data: bytes | memoryview, request: ReadRequest) -> object:
        """Read text."""
        _no_component(self.name, request)
        try:
            return str(data, "utf-8", "surrogatepass")
        except UnicodeDecodeError as exc:
            raise FormatError(f"not UTF-8 text: {in_short(exc)}") from exc

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether the bytes are equal."""
        return old == new

    def difference(self, old: bytes, new: bytes) -> str:
        """Say which line is the first that differs."""
        one, two = (text.decode("utf-8", "surrogatepass") for text in (old, new))
        return text_difference(one, two)


class BytesFormat:
    """Bytes as they are."""

    name = "bytes"
    version = 1
    extension = ".bin"
    python_types = ("builtins:bytes",)

    def to_bytes(self, obj: object) -> bytes:
        """Write bytes as they are."""
        if not isinstance(obj, bytes | bytearray | memoryview):
            raise FormatError(f"the format bytes writes bytes, not {type(obj).__name__}")
        return bytes(obj)

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Return the bytes."""
        _no_component(self.name, request)
        return data

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether the bytes are equal."""
        return old == new


def _no_component(name: str, request: ReadRequest) -> None:
    wanted: Iterable[str] = filter(None, (request.component, request.selector, *request.parameters))
    for part in wanted:
        raise FormatError(f"an artifact of the format {name} has no part {part!r}")
