"""SQL for the value of a header card, or of user metadata, of one dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.registry.layout import lived

if TYPE_CHECKING:
    from bunter.database.json_text import JsonText, Wanted
    from bunter.dataset.annotations import Annotation

__all__ = ["annotation_sql"]


def annotation_sql(  # noqa: PLR0917 - where, what, how and when
    json: JsonText, source: Annotation, id_: str, path: str, wanted: Wanted, as_of: int | None = None
) -> str:
    """Return SQL for a value, null where the dataset has none of this type.

    Parameters
    ----------
    json : JsonText
        The database's spelling.
    source : str
        "header" or "metadata".
    id_ : str
        SQL for the id of the dataset.
    path : str
        Placeholder for what `JsonText.path` has made.
    wanted : str
        Type of the value.
    as_of : int, optional
        Change after which it is asked for; None for now.
    """
    if source == "metadata":
        value = json.value("m.document", path, wanted)
        return f"(SELECT {value} FROM metadata m WHERE m.id = {id_} AND {lived('m', as_of)})"
    own, base = json.value("h.cards", path, wanted), json.value("b.cards", path, wanted)
    value = f"CASE WHEN {json.is_missing('h.cards', path)} THEN {base} ELSE {own} END"
    return f"(SELECT {value} FROM header h JOIN header_base b ON b.number = h.base WHERE h.id = {id_})"
