"""From what users write to data IDs: defaults filled in, alternate keys and record fields resolved."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from bunter.butler.question import Question
from bunter.dimensions import DataCoordinate
from bunter.errors import DimensionNameError, DimensionValueError, near

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.session import Session
    from bunter.dimensions import DimensionGroup, Element, Universe

__all__ = ["DataIds", "check_keys"]

_PREFERRED = ("exposure", "visit")
_DATASET_KEYS = frozenset({"id", "dataset_id", "run", "ingest_date"})


class DataIds:
    """Completes and checks data IDs.

    A key that is missing takes its default; ``detector="R22_S11"`` is looked up as an alternate key, and
    ``day_obs=..., seq_num=...`` or ``**{"exposure.obs_id": ...}`` as fields of the record that has them.

    Parameters
    ----------
    session : Session
        The repository and the defaults.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._governors: tuple[int, dict[str, object]] = (-1, {})

    def defaults(self, facts: RepositoryFacts | None = None) -> Mapping[str, object]:
        """Return default values: those given to the butler, and each governor that has only one record."""
        return {**self._only_governors(facts or self._session.facts), **self._session.defaults.data_id}

    def check_defaults(self) -> None:
        """Refuse default values of governors that are not registered, unless none is.

        Raises
        ------
        DimensionValueError
            With the nearest name.
        """
        universe = self._session.facts.universe
        for name, value in self._session.defaults.data_id.items():
            if name not in universe or not universe[name].governor:
                continue
            known = [row[name] for row in self._rows(Question("records", universe[name]))]
            if known and value not in known:
                hint = near(str(value), [str(each) for each in known]) or f"; there are {', '.join(map(str, known))}"
                raise DimensionValueError(f"{self._session.facts.location} has no {name} {value!r}{hint}")

    def _only_governors(self, facts: RepositoryFacts) -> dict[str, object]:
        if self._governors[0] != facts.generation:
            found = {}
            for element in facts.universe.elements.values():
                if element.governor and len(names := self._names_of(element)) == 1:
                    found[element.name] = names[0]
            self._governors = (facts.generation, found)
        return self._governors[1]

    def _names_of(self, element: Element) -> list[object]:
        rows = self._rows(Question("records", element, limit=2))
        return [row[element.name] for row in rows]

    def _rows(self, question: Question) -> list[dict[str, object]]:
        """Return the rows of a question that knows no other defaults than those given to the butler."""
        stream = self._session.ask(question, self._session.defaults.data_id)
        return [row for batch in stream.batches() for row in batch.to_pylist()]

    def standardize(
        self, data_id: Mapping[str, object] | DataCoordinate | None, group: DimensionGroup, /, **more: object
    ) -> DataCoordinate:
        """Return the data ID of ``group`` that the values mean.

        Raises
        ------
        DimensionNameError
            If a name is unknown, or a key is missing and has no default.
        DimensionValueError
            If a value fits no record.
        """
        if not more:
            if isinstance(data_id, DataCoordinate):
                return data_id if data_id.group is group else data_id.subset(group)
        elif data_id is None and (plain := DataCoordinate.of_plain(more, group)) is not None:
            return plain
        if data_id is not None and not isinstance(data_id, DataCoordinate | Mapping):
            raise DimensionValueError(
                f"a data ID is a mapping such as {{'{group.required[-1] if group.required else 'detector'}': ...}}, or written as keywords; not {data_id!r}"
            )
        values = {**(data_id.mapping if isinstance(data_id, DataCoordinate) else data_id or {}), **more}
        if fields := [name for name, value in values.items() if _is_field(name, value, group)]:
            values = self._resolve(values, fields, group)
        missing = [key for key in group.required if key not in values]
        if missing:
            values = {**{key: value for key, value in self.defaults().items() if key in missing}, **values}
        return DataCoordinate.standardize(values, group=group)

    def _resolve(self, values: Mapping[str, object], fields: list[str], group: DimensionGroup) -> dict[str, object]:
        """Replace alternate keys and record fields by the primary keys of the records that have them."""
        plain = {name: value for name, value in values.items() if name not in fields}
        wanted: dict[str, dict[str, object]] = {}
        for name in fields:
            if _is_beside(name, group):
                continue
            element, column = _place(name, values[name], group)
            wanted.setdefault(element, {})[column] = values[name]
        for name, sought in wanted.items():
            record = self._record(group.universe[name], sought, {**self.defaults(), **plain})
            plain |= {key: record[key] for key in group.universe[name].required}
        return plain

    def _record(self, element: Element, sought: Mapping[str, object], known: Mapping[str, object]) -> dict[str, object]:
        """Return the only record with these field values and these values of other dimensions."""
        beside = [key for key in (*element.required, *element.implies) if key in known and key != element.name]
        where = " AND ".join(f"{element.name}.{column} = :{column}" for column in sought)
        question = Question(
            "records", element, where=where, binds=sought, data_id={key: known[key] for key in beside}, limit=2
        )
        rows = self._rows(question)
        if len(rows) == 1:
            return rows[0]
        said = ", ".join(f"{column}={value!r}" for column, value in sought.items())
        raise DimensionValueError(
            f"{'several' if rows else 'no'} {element.name} records have {said}; "
            f"`bunter query-dimension-records REPO {element.name}` lists them"
        )


def check_keys(universe: Universe, names: Iterable[str], options: Sequence[str]) -> None:
    """Refuse keyword arguments that are neither an option of the call nor a name that a data ID may have.

    Raises
    ------
    DimensionNameError
        With the option or dimension that was probably meant.
    """
    unknown = [name for name in names if name not in universe and "." not in name and name not in _DATASET_KEYS]
    if not unknown:
        return
    fields = {column.name for element in universe.elements.values() for column in element.columns}
    for name in unknown:
        if name not in fields:
            hint = near(name, [*options, *universe.dimensions, *fields]) or f"; options are {', '.join(options)}"
            raise DimensionNameError(f"{name!r} is neither an option of this call nor a key of a data ID{hint}")


def _is_field(name: str, value: object, group: DimensionGroup) -> bool:
    """Say whether a user's key is no dimension, or a dimension whose alternate key is given."""
    if isinstance(value, str):
        return name in _numbers(group) or name not in group.universe
    return name not in group.names and name not in group.universe


@cache
def _numbers(group: DimensionGroup) -> frozenset[str]:
    """Return the dimensions of a group whose keys are numbers."""
    return frozenset(name for name in group.names if group.universe.key_column(name).kind == "int")


def _is_beside(name: str, group: DimensionGroup) -> bool:
    """Whether a key is a field of a dimension that is not asked for: it says no more than that dimension's own key."""
    element, dot, column = name.partition(".")
    if not dot or element in group or element not in group.universe.dimensions:
        return False
    return group.universe[element].field(column) is not None  # raises where there is no such field


def _place(name: str, value: object, group: DimensionGroup) -> tuple[str, str]:
    """Find the element and the column that a user's key speaks of."""
    universe = group.universe
    if name in group:
        return name, _alternate(universe, name, value)
    if "." in name:
        element, _, column = name.partition(".")
        if element in group:
            return element, universe[element].field(column).name
        raise DimensionNameError(
            f"{name!r} speaks of {element!r}, which is not one of {sorted(group.names)}{near(element, group.names)}"
        )
    candidates = sorted(group.names, key=lambda known: (known not in _PREFERRED, known))
    for known in candidates:
        element_of = universe[known]
        if name in {column.name for column in element_of.columns}:
            return known, name
    raise DimensionNameError(f"no dimension or field {name!r} in {group}{near(name, _names(group))}")


def _names(group: DimensionGroup) -> list[str]:
    return [*group.names, *(column.name for name in group.names for column in group.universe[name].columns)]


def _alternate(universe: Universe, name: str, value: object) -> str:
    alternates = universe[name].alternate_keys
    if not alternates:
        raise DimensionValueError(f"{name}={value!r} must be an int")
    return alternates[0].name
