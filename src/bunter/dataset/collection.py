"""Collections of datasets."""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass

_ALLOWED = re.compile(r"[^\W_][\w.+\-@~:=, ]*", re.UNICODE)
_LONGEST_BYTES = 200
_WILD = frozenset("*?[")


class CollectionType(enum.IntEnum):
    """What a collection is; the numbers are those that existing repositories store."""

    RUN = 1
    TAGGED = 2
    CHAINED = 3
    CALIBRATION = 4


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """What is known of a collection.

    Parameters
    ----------
    name : str
        Its name.
    type : CollectionType
        What it is.
    doc : str
        What it is for.
    children : tuple[str, ...]
        Members of a chain, in the order they are searched.
    parents : tuple[str, ...]
        Chains that it is a direct member of, sorted.
    """

    name: str
    type: CollectionType
    doc: str = ""
    children: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()

    def __repr__(self) -> str:
        members = f" [{', '.join(self.children)}]" if self.type is CollectionType.CHAINED else ""
        return f"<{self.type.name} {self.name!r}{members}>"


def is_glob(name: str) -> bool:
    """Whether a name is a pattern; names of collections and dataset types have none of its characters."""
    return not _WILD.isdisjoint(name)


def collection_name_problem(name: str, what: str = "collection") -> str | None:
    """Say why a collection, or something else that is named like one, cannot have this name.

    A name has parts separated by ``/``; each starts with a letter or digit (``u/`` users and dates are fine) and goes
    on with letters, digits and ``_ . + - @ ~ : = ,`` or spaces; 200 bytes are enough for all of it, in Unicode's NFC.

    Returns
    -------
    str or None
        A sentence, or None if the name is allowed.
    """
    if not name:
        return f"a {what} needs a name"
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_BYTES:
        return f"the {what} name {name[:40]!r}… is longer than {_LONGEST_BYTES} bytes"
    if unicodedata.normalize("NFC", name) != name:
        return f"the {what} name {name!r} is not in Unicode's composed form (NFC)"
    for part in name.split("/"):
        if not _ALLOWED.fullmatch(part) or part != part.strip() or part.endswith("."):
            return (
                f"the {what} name {name!r} has a part {part!r} that is not allowed; parts between '/' start with a "
                "letter or digit and have letters, digits, '_.+-@~:=,' or spaces"
            )
    return None
