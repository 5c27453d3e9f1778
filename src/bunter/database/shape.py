"""The structure of tables as a value: read from either database, made on either."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Column", "Index", "TableShape"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Parameters
    ----------
    name : str
        Its name.
    type : str
        ``INTEGER``, ``TEXT``, ``REAL``, ``BLOB`` or ``BOOLEAN``.
    filled : bool
        Whether it is declared NOT NULL.
    default : str, optional
        The default value in SQL.
    """

    name: str
    type: str
    filled: bool = False
    default: str | None = None

    @property
    def sql(self) -> str:
        """What stands in CREATE TABLE."""
        default = "" if self.default is None else f" DEFAULT {self.default}"
        return f"{_quoted(self.name)} {self.type}{' NOT NULL' if self.filled else ''}{default}"


@dataclass(frozen=True, slots=True, order=True)
class Index:
    """An index that stands beside its table.

    Parameters
    ----------
    name : str
        Its name.
    columns : tuple of str
        What it sorts by.
    unique : bool
        Whether no two rows may agree.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table without its rows.

    Parameters
    ----------
    name : str
        Its name.
    columns : tuple of Column
        The columns in order.
    key : tuple of str
        The primary key; empty if it has none.
    unique : tuple of tuple of str
        Columns of which no two rows agree, sorted.
    indexes : tuple of Index
        The indexes, sorted by name.
    numbered : bool
        Whether the database draws the key's numbers.
    by_key : bool
        Whether SQLite keeps rows in the order of the key (``WITHOUT ROWID``).
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[Index, ...] = ()
    numbered: bool = False
    by_key: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def statements(self) -> list[str]:
        """Return the statements that make the table, in the words that both databases understand."""
        if self.numbered:
            parts = [_numbered(column) if column.name in self.key else column.sql for column in self.columns]
        else:
            parts = [column.sql for column in self.columns]
            parts += [f"PRIMARY KEY ({_listed(self.key)})"] if self.key else []
        parts += [f"UNIQUE ({_listed(names)})" for names in self.unique]
        table = f"CREATE TABLE {_quoted(self.name)} ({', '.join(parts)}){' WITHOUT ROWID' if self.by_key else ''}"
        return [table, *(_index_sql(self.name, index) for index in self.indexes)]

    def comparable(self) -> TableShape:
        """Return what must be equal on both databases: of key columns it makes no difference what is declared."""
        columns = (replace(column, filled=column.filled or column.name in self.key) for column in self.columns)
        return replace(self, columns=tuple(columns))


def _index_sql(table: str, index: Index) -> str:
    kind = "UNIQUE INDEX" if index.unique else "INDEX"
    return f"CREATE {kind} {_quoted(index.name)} ON {_quoted(table)} ({_listed(index.columns)})"


def _numbered(column: Column) -> str:
    return f"{_quoted(column.name)} INTEGER PRIMARY KEY"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(_quoted, names))
