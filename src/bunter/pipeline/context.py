"""What a running quantum sees of the world: its own inputs and outputs, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from bunter.dataset.deferred import DeferredDataset
from bunter.errors import QuantumError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.pipeline.connections import Declaration

__all__ = ["DeferredDataset", "InMemoryDataset", "LimitedButler", "QuantumContext"]


class LimitedButler(Protocol):
    """A butler that knows the datasets of some quanta only: no registry, no search."""

    def get(
        self,
        ref: Any,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
    ) -> Any:
        """Read a dataset; raise DatasetNotFoundError if it is not there."""

    def get_deferred(self, ref: Any) -> DeferredDataset:
        """Return a handle that reads the dataset when asked."""

    def put(self, obj: Any, ref: Any) -> Any:
        """Write a dataset under its predicted reference."""

    def stored(self, ref: Any) -> bool:
        """Whether the dataset's artifact is there."""

    @property
    def dimensions(self) -> Any:
        """The universe."""


class InMemoryDataset(DeferredDataset):
    """A dataset in memory with the face of a deferred one, for unit tests and notebooks.

    Parameters
    ----------
    obj : object
        What ``get`` returns.
    data_id : Mapping, optional
        Its data ID.
    """

    def __init__(self, obj: Any, data_id: Any = None) -> None:
        super().__init__(self._part, None)
        self._obj = obj
        self._data_id = {} if data_id is None else data_id

    @property
    def data_id(self) -> Any:
        """Its data ID."""
        return self._data_id

    def _part(self, _ref: None, *, component: str | None, parameters: Mapping[str, Any] | None, **_: Any) -> Any:
        """Return the object, or the attribute or item that the component names."""
        if parameters:
            raise QuantumError(f"a dataset in memory is always whole; it takes no parameters: {', '.join(parameters)}")
        if component is None:
            return self._obj
        return self._obj[component] if isinstance(self._obj, Mapping) else getattr(self._obj, component)


class QuantumContext:
    """The inputs and outputs of one quantum, read and written through a limited butler.

    Anything outside the quantum is refused. What was read and written is remembered in ``read`` and ``written``, in
    order.

    Parameters
    ----------
    butler : LimitedButler
        Where datasets are read and written.
    inputs, outputs : Mapping[str, Sequence]
        References by connection name; any hashable values that the butler understands.
    data_id : DataCoordinate, optional
        Data ID of the quantum.
    quantum : object, optional
        The quantum itself, for tasks that want more of it.
    """

    def __init__(
        self,
        butler: LimitedButler,
        *,
        inputs: Mapping[str, Sequence[Any]],
        outputs: Mapping[str, Sequence[Any]],
        data_id: Any = None,
        quantum: Any = None,
    ) -> None:
        self.butler, self.data_id, self.quantum = butler, data_id, quantum
        self.inputs, self.outputs = inputs, outputs
        self._inputs = frozenset(ref for refs in inputs.values() for ref in refs)
        self._outputs = frozenset(ref for refs in outputs.values() for ref in refs)
        self.read: list[Any] = []
        self.written: list[Any] = []
        self.rejected: dict[Any, str] = {}
        self._process = os.getpid()

    def get(
        self,
        ref: Any,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
    ) -> Any:
        """Read one input of the quantum.

        Raises
        ------
        QuantumError
            If the dataset is not an input of this quantum.
        """
        self._refuse_foreign(ref, self._inputs, "read")
        obj = self.butler.get(ref, component=component, parameters=parameters, storage_class=storage_class)
        self._remember(ref)
        return obj

    def reject(self, ref: Any, reason: str) -> None:
        """Note that an input was looked at and not used: it is none of what the outputs are made of.

        Raises
        ------
        QuantumError
            If the dataset is not an input of this quantum.
        """
        self._refuse_foreign(ref, self._inputs, "reject")
        self.rejected[ref] = reason

    def get_deferred(self, ref: Any) -> DeferredDataset:
        """Return a handle for one input; it counts as read when its ``get`` is called."""
        self._refuse_foreign(ref, self._inputs, "read")
        return _Counted(self.butler.get_deferred(ref), self)

    def load(self, declaration: Declaration, refs: Sequence[Any]) -> Any:
        """Read what one connection has: an object or handle, a list of them, or None for an absent optional input."""
        found = [self._load_one(declaration, ref) for ref in refs]
        if declaration.multiple:
            return found
        return found[0] if found else None

    def _load_one(self, declaration: Declaration, ref: Any) -> Any:
        if declaration.deferred:
            return self.get_deferred(ref)
        _, _, component = declaration.name.partition(".")
        return self.get(ref, component=component or None, storage_class=declaration.storage_class)

    def put(self, obj: Any, ref: Any) -> Any:
        """Write one output of the quantum.

        Raises
        ------
        QuantumError
            If the dataset is not an output of this quantum, or a child process writes it: nobody would know of it.
        """
        self._refuse_foreign(ref, self._outputs, "write")
        if os.getpid() != self._process:
            raise QuantumError(f"{ref} is written by a process that the task has forked; return it to the task's own")
        result = self.butler.put(obj, ref)
        self.written.append(ref)
        return result

    def store(self, declaration: Declaration, value: Any, refs: Sequence[Any]) -> None:
        """Write what one connection gives: an object, or a list as long as the references; None writes nothing.

        In a list, None stands for a dataset that was not made.

        Raises
        ------
        QuantumError
            If the numbers of results and references differ.
        """
        if value is None:
            return
        values = list(value) if declaration.multiple else [value]
        if len(values) != len(refs):
            raise QuantumError(f"{declaration.name!r} has {len(values)} results for {len(refs)} datasets to write")
        for one, ref in zip(values, refs, strict=True):
            if one is not None:
                self.put(one, ref)

    def _refuse_foreign(self, ref: Any, own: frozenset[Any], verb: str) -> None:
        if ref not in own:
            raise QuantumError(f"this quantum may not {verb} {ref}: it is none of its datasets")

    def _remember(self, ref: Any) -> None:
        self.read.append(ref)


class _Counted(DeferredDataset):
    """A handle that tells its context when it is read."""

    def __init__(self, handle: DeferredDataset, context: QuantumContext) -> None:
        super().__init__(self._counted, handle.ref)
        self._handle, self._context = handle, context

    @property
    def data_id(self) -> Any:
        return self._handle.data_id

    def _counted(self, ref: Any, **how: Any) -> Any:
        obj = self._handle.get(**how)
        self._context._remember(ref)  # noqa: SLF001 - the two are one
        return obj
