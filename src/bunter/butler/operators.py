"""What operators ask: their own SQL, statistics, and what a removal would take away."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset.operator import RemovalToll, SqlAnswer, SqlStatement, Statistics, TypeHoldings, Views

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.database import Connection, Database
    from bunter.dataset.operator import OperatorQuestion
    from bunter.registry import Registry

__all__ = ["Operators", "Usage", "answer_operator"]

_EPOCH = dt.date(1970, 1, 1)
_LISTED = ("dataset_type", "run", "instrument", "night", "user", "host", "day")


def answer_operator(database: Database, registry: Registry, question: OperatorQuestion) -> SqlAnswer:
    """Answer an operator's question from a database."""
    if isinstance(question, SqlStatement):
        return _answer_sql(database, question)
    from functools import partial

    from bunter.datastore.artifact_view import dataset_bytes
    from bunter.registry.statistics import STATISTICS, TOLL, removal_toll, statistics
    from bunter.registry.type_changes import type_holdings
    from bunter.registry.views import list_views

    with database.read(snapshot=True) as connection:
        roster = registry.roster(connection)
        if isinstance(question, Statistics):
            return SqlAnswer(STATISTICS, statistics(connection, roster, dataset_bytes))
        if isinstance(question, TypeHoldings):
            held = type_holdings(connection, roster, roster.type_row(question.dataset_type))
            return SqlAnswer(("run", "datasets"), list(held.items()))
        if isinstance(question, Views):
            return _views(connection, list_views(roster, roster.universe))
        ours = partial(dataset_bytes, owned=True)
        return SqlAnswer(TOLL, removal_toll(connection, roster, question.ids, ours))


def _answer_sql(database: Database, statement: SqlStatement) -> SqlAnswer:
    from bunter.database.inquiry import inquire

    rows: list[tuple[Any, ...]] = []
    limit = statement.limit
    asked = inquire(database, statement.text, statement.binds, time_limit_s=statement.time_limit_s)
    with asked as (names, batches):
        for batch in batches:
            rows += batch
            if limit is not None and len(rows) > limit:
                return SqlAnswer(tuple(names), rows[:limit], is_complete=False)
    return SqlAnswer(tuple(names), rows)


def _views(connection: Connection, named: Sequence[tuple[str, str]]) -> SqlAnswer:
    rows = []
    for name, holds in named:
        columns = connection.execute(f"SELECT * FROM {name} LIMIT 0").description  # noqa: S608 - our names
        rows.append((name, holds, ", ".join(column[0] for column in columns)))
    return SqlAnswer(("view", "holds", "columns"), rows)


@dataclass(frozen=True, slots=True)
class Usage:
    """How many datasets and bytes there are, in all detail.

    Parameters
    ----------
    rows : list of tuple
        Dataset type, run, instrument, night, user, host, day of registration, datasets, bytes.
    """

    rows: list[tuple[Any, ...]]

    @property
    def datasets(self) -> int:
        """Number of datasets."""
        return sum(row[-2] for row in self.rows)

    @property
    def bytes(self) -> int:
        """Size of their artifacts in bytes."""
        return sum(row[-1] for row in self.rows)

    def by(self, *names: str) -> list[tuple[Any, ...]]:
        """Add up by some of dataset_type, run, instrument, night, user, host, day.

        Returns
        -------
        list of tuple
            The values, datasets, bytes; sorted by the values. Days are ISO dates (TAI) of registration.
        """
        from bunter.errors import InvalidQueryError, near

        for name in names:
            if name not in _LISTED:
                raise InvalidQueryError(
                    f"nothing is counted by {name!r}{near(name, _LISTED)}; {', '.join(_LISTED)} are"
                )
        places = [_LISTED.index(name) for name in names]
        sums: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
        for row in self.rows:
            key = tuple(_day(row[place]) if place == len(_LISTED) - 1 else row[place] for place in places)
            sums[key][0] += row[-2]
            sums[key][1] += row[-1]
        return [(*key, *sums[key]) for key in sorted(sums, key=lambda key: [(v is not None, v or 0) for v in key])]


def _day(number: int) -> str:
    return (_EPOCH + dt.timedelta(days=number)).isoformat()


class Operators:
    """Asks what operators ask.

    Parameters
    ----------
    session : Session
        The repository, and who asks.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def sql(
        self,
        text: str,
        bind: Mapping[str, object] | None = None,
        *,
        limit: int | None = None,
        time_limit_s: float = 60.0,
    ) -> SqlAnswer:
        """Carry out one SELECT over the views; nothing can be changed by it."""
        return self._ask(SqlStatement(text, dict(bind or {}), limit, time_limit_s))

    def views(self) -> SqlAnswer:
        """List the views, with what each holds and its columns."""
        return self._ask(Views())

    def usage(self) -> Usage:
        """Count datasets and bytes."""
        return Usage(self._ask(Statistics()).rows)

    def holdings(self, dataset_type: str) -> dict[str, int]:
        """Count the datasets of a type in each run that has some."""
        return dict(self._ask(TypeHoldings(dataset_type)).rows)

    def toll(self, ids: Sequence[bytes]) -> SqlAnswer:
        """Count what the removal of datasets would take away, by type and run."""
        return self._ask(RemovalToll(ids))

    def _ask(self, question: OperatorQuestion) -> SqlAnswer:
        return self._session.repository.ask_operator(self._session.principal, question)
