"""Dimension records of older universes, brought to the form of version 8 of ``daf_butler``.

What changed: visits lost ``seeing`` (1); ``visit_system`` went from the visit into a membership of its own (2);
``group`` and ``day_obs`` became dimensions with records (6). Before version 1 visits had no ``day_obs``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bunter.values import format_instant, parse_instant

if TYPE_CHECKING:
    from bunter.interop.export_file import ExportFile

__all__ = ["modernised"]

Rows = list[dict[str, Any]]


def modernised(export: ExportFile) -> ExportFile:
    """Return the export with its records in the form of version 8.

    Records of ``day_obs`` that have to be made up have no timespan, since the file does not say when an observatory's
    day begins.
    """
    if export.universe_namespace != "daf_butler" or export.universe_version >= 6:
        return export
    records = {element: [dict(row) for row in rows] for element, rows in export.records.items()}
    if export.universe_version < 1:
        _complete_visits(records.get("visit", []))
    if export.universe_version < 2:
        _split_visit_systems(records)
    _make_groups(records)
    _make_days(records)
    types = export.dataset_types
    if export.universe_version < 2:
        types = [
            replace(each, dimensions=tuple(name for name in each.dimensions if name != "visit_system"))
            if "visit" in each.dimensions
            else each
            for each in types
        ]
    return replace(export, records=records, dataset_types=types)


def _complete_visits(visits: Rows) -> None:
    for row in visits:
        row.pop("seeing", None)
        row.setdefault("day_obs", _date(row["datetime_begin"]))


def _date(when: object) -> int:
    """Return the TAI date of a time as YYYYMMDD."""
    return int(format_instant(parse_instant(when))[:10].replace("-", ""))


def _split_visit_systems(records: dict[str, Rows]) -> None:
    members = [
        {"instrument": row["instrument"], "visit_system": row.pop("visit_system"), "visit": row["id"]}
        for row in records.get("visit", [])
        if "visit_system" in row
    ]
    if members:
        records.setdefault("visit_system_membership", []).extend(members)


def _make_groups(records: dict[str, Rows]) -> None:
    found: dict[tuple[str, str], None] = {}
    for row in records.get("exposure", []):
        row.pop("group_id", None)
        if "group_name" in row:
            row["group"] = row.pop("group_name")
            found[row["instrument"], row["group"]] = None
    if found:
        records.setdefault("group", []).extend({"instrument": name, "name": group} for name, group in found)


def _make_days(records: dict[str, Rows]) -> None:
    rows = [*records.get("exposure", []), *records.get("visit", [])]
    days = dict.fromkeys((row["instrument"], row["day_obs"]) for row in rows)
    known = {(row["instrument"], row["id"]) for row in records.get("day_obs", [])}
    made = [{"instrument": name, "id": day} for name, day in days if (name, day) not in known]
    if made:
        records.setdefault("day_obs", []).extend(made)
