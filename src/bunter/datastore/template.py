"""Readable names for artifacts, made from dataset type, run and data ID."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bunter.datastore.key import NAME_LIMIT, are_plain, escape, is_exact, shorten
from bunter.errors import TemplateError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions import DimensionGroup, Universe

__all__ = ["DEFAULT", "Template"]

DEFAULT = (
    "{run:/}/{dataset_type}.{component:?}/{tract:?}/{day_obs:?}/{visit|exposure|group:?}"
    "/{dataset_type}_{component:?}_{data_id:?}"
)
"""The template used where none is configured."""

_EXACT = "exact:"
_NONCE_LENGTH = 14  # a hyphen and 13 characters
_FIELD = re.compile(r"\{([^{}]*)\}")
_NAMES = {"datasetType": "dataset_type"}  # the reference system's spelling
_SPECIAL = frozenset({"run", "dataset_type", "component", "data_id", "id"})


@dataclass(frozen=True, slots=True)
class _Field:
    """One ``{a|b.c:?}``: the first of the names that has a value."""

    literal: str
    names: tuple[str, ...]
    optional: bool = False
    slashes: bool = False


_Step: TypeAlias = tuple[str, str | None, bool, _Field]
"""Text before a value, the name of the value (None where there is none), whether slashes are kept, and the field."""


class Template:
    """A pattern of names such as ``{run:/}/{dataset_type}/{exposure.obs_id}_{detector}``.

    Fields are ``run``, ``dataset_type``, ``component``, ``data_id`` (all required values joined by ``_``), ``id``,
    dimensions, and fields of their records such as ``exposure.obs_id``. ``a|b`` takes the first that has a value;
    ``:?`` leaves the field and the text before it (never a ``/``) out where there is none; ``:/`` keeps slashes as
    directories. The nonce and the extension follow the last part, so names never repeat.

    After ``exact:`` the names are as the pattern says, without a nonce: for folders only, and not for outputs of tasks.

    Parameters
    ----------
    text : str
        The pattern.

    Raises
    ------
    TemplateError
        If it is malformed, absolute, contains ``..``, or names neither run nor id.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.is_exact = text.startswith(_EXACT)
        self._parts = [_parse(part, text) for part in _split(text.removeprefix(_EXACT))]
        self._plans: dict[tuple[str, ...], list[list[_Step]]] = {}
        self._plain = [[(_alternatives(f), f.literal, f.slashes, f) for f in part] for part in self._parts]
        names = {name for part in self._parts for field in part for name in field.names}
        if not names & {"run", "id"}:
            raise TemplateError(
                f"template {text!r} must contain {{run}} or {{id}}, so that runs do not share directories"
            )
        self.names = frozenset(names)
        fields = [field for part in self._parts for field in part]
        needed = {name for field in fields if not field.optional for name in field.names}
        self.sought = frozenset(needed | {name for name in names if "." in name}) - _SPECIAL
        """Fields whose values are worth looking up where the data ID has them not."""

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def with_nonce(self) -> Template:
        """Return the template whose names are never used twice."""
        return Template(self.text.removeprefix(_EXACT)) if self.is_exact else self

    def troubles(self, group: DimensionGroup) -> list[str]:
        """Say what is wrong with it for datasets of some dimensions; nothing if it can name them all apart.

        Parameters
        ----------
        group : DimensionGroup
            Dimensions of a dataset type.
        """
        said = []
        for name in sorted(self.names - _SPECIAL):
            element, _, field = name.partition(".")
            if element not in group.names:
                if not self._is_optional(name):
                    said.append(f"{{{name}}} has no value for dimensions {group.key}; mark it optional with ':?'")
            elif field:
                said += _no_field(name, group.universe)
        return said + self.alike(group)

    def alike(self, group: DimensionGroup) -> list[str]:
        """Say what datasets of some dimensions have the same name, but for the nonce; nothing if none have."""
        covered = {name.partition(".")[0] for name in self.names}
        if not covered & {"data_id", "id"} and (missing := [name for name in group.required if name not in covered]):
            return [
                f"datasets that differ in {', '.join(missing)} would look alike; add {{{missing[0]}}}, {{data_id}} or {{id}}"
            ]
        return []

    def unknown(self, universe: Universe) -> list[str]:
        """Say which fields are none of a universe: no dimension, or no field of its records."""
        return [text for name in sorted(self.names - _SPECIAL) for text in _no_field(name, universe)]

    def _is_optional(self, name: str) -> bool:
        """Whether all fields with a name do without it, or have another one."""
        fields = [field for part in self._parts for field in part if name in field.names]
        return all(field.optional or len(field.names) > 1 for field in fields)

    def key(self, values: Mapping[str, object], nonce: str, extension: str) -> str:
        """Make a key.

        Parameters
        ----------
        values : mapping
            Values of the fields; those of the data ID and of records by name, and the special fields.
        nonce : str
            Makes the key unique.
        extension : str
            With its dot.

        Raises
        ------
        TemplateError
            If a field that is not optional has no value, or an exact name is too long or ends like one with a nonce.
        """
        names = self._names_of(values)
        if not self.is_exact and len(key := f"{'/'.join(names)}-{nonce}{extension}") <= NAME_LIMIT:
            return key
        *directories, last = [name for part in names for name in part.split("/")]
        if self.is_exact:
            return "/".join([*directories, self._exact(last, extension)])
        room = NAME_LIMIT - _NONCE_LENGTH - len(extension)
        name = f"{shorten(last, room)}-{nonce}{extension}"
        return "/".join([*[each if len(each) <= NAME_LIMIT else shorten(each) for each in directories], name])

    def keys(
        self,
        columns: Mapping[str, Sequence[object]],
        shared: Mapping[str, str],
        joined: Sequence[str],
        nonces: Sequence[str],
        extension: str,
    ) -> list[str] | None:
        """Make the keys of many artifacts at once, as `key` makes each; None where they have to be made one by one.

        Parameters
        ----------
        columns : mapping
            Values of the fields that differ, one for each artifact.
        shared : mapping
            Values that all of them have.
        joined : sequence of str
            The columns that make up ``data_id``.
        nonces : sequence of str
            One for each.
        extension : str
            With its dot.
        """
        used: list[str] = []
        parts = [self._pattern(part, columns, shared, joined, used) for part in self._plain]
        if self.is_exact or not all(are_plain(columns[name]) for name in set(used)):
            return None
        names = [name for part in parts for name in part.split("/") if name]
        pattern = f"{'/'.join(names)}-%s{extension.replace('%', '%%')}"
        made = list(map(pattern.__mod__, zip(*(columns[name] for name in used), nonces, strict=True)))
        return made if max(map(len, made), default=0) <= NAME_LIMIT else None  # longer names may have to be cut

    def _pattern(
        self,
        part: list[tuple[list[str], str, bool, _Field]],
        columns: Mapping[str, Sequence[object]],
        shared: Mapping[str, str],
        joined: Sequence[str],
        used: list[str],
    ) -> str:
        """Write a part with ``%s`` for each value of a column; the columns are added to ``used``."""
        text = ""
        for alternatives, literal, slashes, field in part:
            known = (
                name for name in alternatives if name in columns or name in shared or (name == "data_id" and joined)
            )
            name = next(known, None)
            if name is None:
                text += self._without_value(field).replace("%", "%%")
                continue
            text += literal.replace("%", "%%")
            if name in shared:
                text += _safe(shared[name], slashes).replace("%", "%%")
            else:
                values = joined if name == "data_id" else [name]
                text += "_".join(["%s"] * len(values))
                used += values
        return text

    def _exact(self, last: str, extension: str) -> str:
        name = f"{last}{extension}"
        if len(name) > NAME_LIMIT:
            raise TemplateError(
                f"template {self.text!r} gives a name of {len(name)} characters, {name[:40]}...; shorten it"
            )
        if not is_exact(name):
            raise TemplateError(
                f"template {self.text!r} gives the name {name!r}, which ends like one that is never used twice; change its end"
            )
        return name

    def _names_of(self, values: Mapping[str, object]) -> list[str]:
        """Names that the parts give: none where all is optional and missing, several joined where slashes are kept."""
        names: list[str] = []
        for part in self._plan(tuple(values)):
            text = ""
            for literal, name, slashes, field in part:
                if name is None:
                    text += literal
                elif (value := values[name]) is not None:
                    text += literal + (str(value) if type(value) is int else _safe(str(value), slashes))
                else:
                    text += self._with_other_value(field, values)
            if text:
                names.append(text)
        return names

    def _with_other_value(self, field: _Field, values: Mapping[str, object]) -> str:
        """Write a field whose first name is there without a value."""
        for name in _alternatives(field):
            if (value := values.get(name)) is not None:
                return field.literal + _safe(str(value), field.slashes)
        return self._without_value(field)

    def _plan(self, known: tuple[str, ...]) -> list[list[_Step]]:
        """Choose for each field the first of its names that is known; the same for all datasets that come alike."""
        plan = self._plans.get(known)
        if plan is None:
            plan = self._plans[known] = [[self._step(known, *each) for each in part] for part in self._plain]
        return plan

    def _step(self, known: tuple[str, ...], names: list[str], literal: str, slashes: bool, field: _Field) -> _Step:  # noqa: FBT001 - as in `_plain`
        name = next((name for name in names if name in known), None)
        return self._without_value(field) if name is None else literal, name, slashes, field

    def _without_value(self, field: _Field) -> str:
        if field.optional:
            return ""
        if not field.names:
            return field.literal
        raise TemplateError(
            f"template {self.text!r} needs {' or '.join(field.names)}, which has no value here; "
            "give it, or mark the field optional with ':?'"
        )


def _no_field(name: str, universe: Universe) -> list[str]:
    element, _, field = name.partition(".")
    if element not in universe:
        return [
            f"{{{name}}} is no dimension, nor one of {', '.join(sorted(_SPECIAL))}{near(element, universe.elements)}"
        ]
    known = universe[element].field_names
    return [f"{{{name}}} is no field of {element}{near(field, known)}"] if field and field not in known else []


def _alternatives(field: _Field) -> list[str]:
    """Return the names to look up; without a record, what identifies it stands in for its field."""
    return [each for name in field.names for each in ((name, name.partition(".")[0]) if "." in name else (name,))]


@functools.lru_cache(maxsize=4096)
def _safe(text: str, slashes: bool) -> str:  # noqa: FBT001 - the cache takes longer for names of arguments
    normal = unicodedata.normalize("NFC", text)
    return "/".join(escape(name) for name in normal.split("/") if name) if slashes else escape(normal)


def _split(text: str) -> list[str]:
    """Split at slashes outside braces."""
    if text.startswith("/") or ".." in text or not text.strip("/"):
        raise TemplateError(f"template {text!r} must be a relative path without '..'")
    marked = _FIELD.sub(lambda match: match.group().replace("/", "\0"), text)
    return [part.replace("\0", "/") for part in marked.split("/") if part]


def _parse(part: str, text: str) -> list[_Field]:
    fields: list[_Field] = []
    end = 0
    for match in _FIELD.finditer(part):
        fields.append(_field(part[end : match.start()], match.group(1), text))
        end = match.end()
    rest = part[end:]
    if "{" in part.replace("{", "", len(fields)) or not _balanced(rest):
        raise TemplateError(f"template {text!r} has a brace without its partner in {part!r}")
    return [*fields, _Field(rest, ())] if rest else fields


def _balanced(literal: str) -> bool:
    return "{" not in literal and "}" not in literal


def _field(literal: str, body: str, text: str) -> _Field:
    names, _, flags = body.partition(":")
    known = tuple(_NAMES.get(name, name) for name in names.partition("!")[0].split("|"))
    for name in known:
        if not all(word.isidentifier() for word in name.split(".")):
            raise TemplateError(f"template {text!r} has a field {{{body}}} that names nothing")
    if not _balanced(literal) or set(flags) - {"?", "/"}:
        raise TemplateError(f"template {text!r} has a field {{{body}}} that cannot be read; flags are ':?' and ':/'")
    return _Field(literal, known, "?" in flags, "/" in flags)
