"""A dataset that is read when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DeferredDataset"]


class DeferredDataset:
    """A dataset that is known now and read later.

    Parameters
    ----------
    read : callable
        Reads it: takes ``ref``, and by name ``component``, ``parameters`` and ``storage_class``.
    ref : object
        Which one, in the words of the reader; None for a dataset that is only in memory.
    component : str, optional
        Read only this component.
    """

    def __init__(self, read: Callable[..., Any], ref: Any, component: str | None = None) -> None:
        self._read = read
        self.ref = ref
        self.component = component

    @property
    def data_id(self) -> Any:
        """Its data ID."""
        return self.ref.data_id

    def get(
        self,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
    ) -> Any:
        """Read the dataset, a component of it, or a part that the parameters name."""
        return self._read(
            self.ref, component=component or self.component, parameters=parameters, storage_class=storage_class
        )

    def __repr__(self) -> str:
        return f"DeferredDataset({self.ref}); .get() reads it"
