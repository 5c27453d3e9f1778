"""Keys for the artifacts of datasets that come in as files: by columns where they are alike, one by one where not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.butler.lookup import Lookup
    from bunter.dataset import DatasetRef
    from bunter.datastore import Datastore
    from bunter.datastore.chain import Route

__all__ = ["FileNames"]

_FEW = 8
"""Fewer artifacts that are alike are named one by one."""


class FileNames:
    """Names artifacts by the templates of their stores.

    Parameters
    ----------
    datastore : Datastore
        Where they go.
    lookup : Lookup
        Finds what templates ask for beyond data IDs.
    """

    def __init__(self, datastore: Datastore, lookup: Lookup) -> None:
        self._datastore = datastore
        self._fields = lookup.template_fields()

    def keys(
        self, refs: Sequence[DatasetRef], endings: Sequence[str], nonces: Sequence[str], routes: Sequence[Route]
    ) -> list[str]:
        """Return the key of each artifact.

        Parameters
        ----------
        refs : sequence of DatasetRef
            A dataset in each.
        endings : sequence of str
            Extensions of the names, with their dots.
        nonces : sequence of str
            What makes the names unique.
        routes : sequence of Route
            Where each goes, and how it is named there.

        Raises
        ------
        TemplateError
            If a template needs what a dataset has not.
        """
        groups: dict[tuple[object, ...], list[int]] = {}
        for place, (ref, ending, route) in enumerate(zip(refs, endings, routes, strict=True)):
            alike = id(ref.dataset_type), ref.run, ending, id(route), len(ref.data_id.values)
            groups.setdefault(alike, []).append(place)
        found = [""] * len(refs)
        for places in groups.values():
            made = self._alike(
                [refs[n] for n in places], endings[places[0]], [nonces[n] for n in places], routes[places[0]]
            )
            for place, key in zip(places, made, strict=True):
                found[place] = key
        return found

    def _alike(self, refs: Sequence[DatasetRef], ending: str, nonces: Sequence[str], route: Route) -> list[str]:
        """Name artifacts of one dataset type, run and extension, whose data IDs know the same dimensions."""
        made = self._by_columns(refs, ending, nonces, route) if len(refs) >= _FEW else None
        if made is not None:
            return made
        data_ids = [ref.data_id.mapping for ref in refs]
        more = self._fields.of_many(route.choice.template.sought, refs[0].data_id.group, data_ids)
        return [
            self._one(ref, ending, nonce, route, fields) for ref, nonce, fields in zip(refs, nonces, more, strict=True)
        ]

    def _by_columns(
        self, refs: Sequence[DatasetRef], ending: str, nonces: Sequence[str], route: Route
    ) -> list[str] | None:
        first, template = refs[0], route.choice.template
        names = first.data_id.keys()
        if not template.sought <= set(names):
            return None
        columns: dict[str, Sequence[object]] = dict(
            zip(names, zip(*(ref.data_id.values for ref in refs), strict=True), strict=True)
        )
        if "id" in template.names:
            columns["id"] = tuple(str(ref.id) for ref in refs)
        shared = {"run": first.run, "dataset_type": first.dataset_type.name}
        return template.keys(columns, shared, first.dataset_type.dimensions.required, nonces, ending)

    def _one(self, ref: DatasetRef, ending: str, nonce: str, route: Route, fields: Mapping[str, object]) -> str:
        key_for, more = self._datastore.key_for, {"id": ref.id, **fields}
        return key_for(ref.dataset_type, ref.data_id, ref.run, nonce, ending, route=route, **more)
