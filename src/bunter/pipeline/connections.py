"""What a task reads and writes: connections, declared as data in a class body."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from bunter.errors import PipelineError, near
from bunter.pipeline.expression import Evaluator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.pipeline.planned import PlannedQuanta

__all__ = ["Connections", "Declaration", "InitInput", "InitOutput", "Input", "Output", "PrerequisiteInput", "adjusts"]

_OPTIONS = frozenset(
    {
        "dimensions",
        "multiple",
        "minimum",
        "is_calibration",
        "deferred",
        "whole",
        "where",
        "through",
        "lookup",
        "missing",
        "partial",
        "keep",
        "handover",
    }
)
_NAME = re.compile(r"[A-Za-z_{][A-Za-z0-9_{}]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One connection of a task, as declared; use `Input`, `PrerequisiteInput`, `InitInput`, `InitOutput` or `Output`.

    Parameters
    ----------
    name : str
        Dataset type name; ``type.component`` reads a component; ``{word}`` is filled from the templates.
    storage_class : str
        Storage class that ``run`` wants to see, or gives.
    dimensions : iterable of str
        Dimensions of the dataset type.
    doc : str
        What it is, in one sentence.
    multiple : bool
        Whether ``run`` gets or gives a list.
    minimum : int
        Fewest datasets that a quantum can do with, or must make; 0 makes the connection optional.
    is_calibration : bool
        Whether datasets have validity ranges in CALIBRATION collections.
    deferred : bool
        Whether ``run`` gets handles that read when asked, instead of objects.
    whole : bool
        Whether a user's selection leaves this input alone, though it speaks about its dimensions.
    where : str
        Query expression that restricts this connection only.
    through : str
        Another input, whose datasets say in place of the quantum where on the sky and when to look for this one.
    lookup : str
        Method of the class of connections that finds these for all quanta at once, in place of the graph: it gets the
        columns of the quanta's data IDs and of the datasets', each a mapping of dimension to array, and gives back two
        arrays of equal length, rows of the quanta and of the datasets that they read.
    missing : str
        What becomes of a quantum with too few of these: ``prune`` leaves it out, ``fail`` refuses to plan the run, ``wait``
        lets it wait, with all that reads what it makes, until they are there; by default the profile of the run decides.
    partial : bool
        Whether, after a failure of some of the quanta that make these, the others are enough; needs ``multiple``.
    keep : str
        How long an output stays: ``forever``; ``run``, until the run has succeeded; ``until-read``, until all that read it in
        the run have succeeded; ``never``, the same, and also if nothing reads it.
    handover : bool
        Whether the only quantum that reads an output may get the very object, in memory, from the worker that made it: the
        task must not change it afterwards, nor need what writing and reading would do to it. With ``keep="never"`` it is not
        even written.
    when : str
        Whether the connection exists, as an expression over the configuration: ``"do_flat"``, ``"not do_flat"`` or
        ``"mode == 'deep' and limits.stars > 0"``.
    """

    name: str
    storage_class: str
    dimensions: tuple[str, ...] = ()
    doc: str = ""
    multiple: bool = False
    minimum: int = 1
    is_calibration: bool = False
    deferred: bool = False
    whole: bool = False
    where: str = ""
    through: str = ""
    lookup: str = ""
    missing: str = ""
    partial: bool = False
    keep: str = "forever"
    handover: bool = False
    when: str = ""

    kind: ClassVar[str] = ""
    options: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        _refuse_one_word(self.dimensions, repr(self.name))
        object.__setattr__(self, "dimensions", tuple(self.dimensions))
        if not _NAME.match(self.name):
            raise PipelineError(f"{self.name!r} cannot be the name of a dataset type; use letters, digits and '_'")
        if "." in self.name and not self.is_input:
            raise PipelineError(f"{self.name!r} names a component, which can be read but not written")
        if self.minimum > 1 and not self.multiple:
            raise PipelineError(f"{self.name!r} has minimum={self.minimum}, which needs multiple=True")
        if self.partial and not self.multiple:
            raise PipelineError(f"{self.name!r} has partial=True, which needs multiple=True")
        if self.lookup and (self.through or self.is_calibration):
            raise PipelineError(
                f"{self.name!r} has lookup={self.lookup!r}, which takes no 'through' and no calibrations"
            )
        self._refuse_foreign_options()

    def _refuse_foreign_options(self) -> None:
        if self.missing not in {"", "prune", "fail", "wait"}:
            raise PipelineError(f"{self.name!r} has missing={self.missing!r}; it is 'prune', 'fail' or 'wait'")
        if self.keep not in {"never", "until-read", "run", "forever"}:
            raise PipelineError(
                f"{self.name!r} has keep={self.keep!r}; it is 'never', 'until-read', 'run' or 'forever'"
            )
        for option in _OPTIONS:
            if option not in self.options and getattr(self, option) != type(self).__dataclass_fields__[option].default:
                raise PipelineError(f"{type(self).__name__}({self.name!r}) takes no {option!r}")

    @property
    def is_input(self) -> bool:
        """Whether the task reads it."""
        return self.kind in {"input", "prerequisite", "init_input"}


class Input(Declaration):
    """What each quantum reads; made by another task or there already."""

    __slots__ = ()
    kind = "input"
    options = _OPTIONS - {"through", "lookup"}


class PrerequisiteInput(Declaration):
    """What each quantum reads and must be there beforehand: calibrations by time, reference catalogues by place."""

    __slots__ = ()
    kind = "prerequisite"
    options = _OPTIONS - {"whole", "partial"}


class InitInput(Declaration):
    """What is read once to construct the task."""

    __slots__ = ()
    kind = "init_input"


class InitOutput(Declaration):
    """What is written once for a run: the attribute of the task of the same name."""

    __slots__ = ()
    kind = "init_output"


class Output(Declaration):
    """What each quantum writes; a quantum with nothing to write raises `NoWorkFound`."""

    __slots__ = ()
    kind = "output"
    options = frozenset({"dimensions", "multiple", "minimum", "is_calibration", "keep", "handover"})


class Connections:
    """The connections of a task; subclass it, declare them in the body, and give the task's dimensions.

    Parameters
    ----------
    config : TaskConfig, optional
        Configuration that decides about conditional connections (``when=``) and new names.

    Examples
    --------
    >>> class FlatConnections(Connections, dimensions=("instrument", "detector"), templates={"kind": "dome"}):
    ...     frames = Input("{kind}_raw", "CCDData", dimensions=("instrument", "exposure", "detector"), multiple=True)
    ...     flat = Output("flat", "CCDData", dimensions=("instrument", "detector"), is_calibration=True)
    >>> FlatConnections()["frames"].name
    'dome_raw'
    """

    dimensions: tuple[str, ...] = ()
    templates: ClassVar[Mapping[str, str]] = MappingProxyType({})
    declared: ClassVar[Mapping[str, Declaration]] = MappingProxyType({})

    def __init_subclass__(
        cls, *, dimensions: Iterable[str] | None = None, templates: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        _refuse_one_word(dimensions, cls.__name__)
        if dimensions is not None:
            cls.dimensions = tuple(dimensions)
        cls.templates = MappingProxyType({**cls.templates, **(templates or {})})
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Declaration)}
        if taken := [name for name in own if hasattr(Connections, name) or name.startswith("_")]:
            raise PipelineError(f"{cls.__name__} may not name a connection {taken[0]!r}; choose another name")
        # None in a subclass's body takes an inherited connection away.
        kept = {name: value for name, value in cls.declared.items() if vars(cls).get(name, value) is not None}
        cls.declared = MappingProxyType({**kept, **own})

    def __init__(self, config: Any = None) -> None:
        self._declarations = {
            name: declaration for name, declaration in self.declared.items() if _wanted(declaration, config)
        }
        self.adjust(config)
        renames = dict(getattr(config, "connections", None) or {})
        _refuse_unknown(type(self), renames, [*self.declared, *self._declarations, *self.templates])
        words = {**self.templates, **{name: value for name, value in renames.items() if name in self.templates}}
        for name, declaration in self._declarations.items():
            self._declarations[name] = _named(declaration, renames.get(name, declaration.name), words)

    def adjust(self, config: Any) -> None:
        """Change the connections by configuration; override it where ``when=`` is not enough.

        Called once, while the connections of a configured task are made. It may call `remove`, `change` and `add`, and
        set ``self.dimensions``.
        """

    def adjust_quantum(
        self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], data_id: Any
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Drop inputs or outputs of one quantum; called only where a subclass overrides it.

        Called when a graph is built, with what should be there, and again before the quantum runs, with what is.

        Parameters
        ----------
        inputs, outputs : Mapping[str, Sequence]
            Dataset references by connection name.
        data_id : DataCoordinate
            Data ID of the quantum.

        Returns
        -------
        inputs, outputs : Mapping[str, Sequence]
            What is left.

        Raises
        ------
        NoWorkFound
            If the quantum should not run at all.
        """
        del data_id
        return inputs, outputs

    def adjust_quanta(self, quanta: PlannedQuanta) -> None:
        """Drop quanta, or what they read, where all of them must be seen at once; called only where it is overridden.

        Called while a graph is built, after `adjust_quantum`.

        Parameters
        ----------
        quanta : PlannedQuanta
            All planned quanta of the task, as columns.
        """

    def remove(self, *names: str) -> None:
        """Take connections away; for use in `adjust`."""
        for name in names:
            _refuse_unknown(type(self), [name], self.declared)
            self._declarations.pop(name, None)

    def change(self, name: str, **options: Any) -> None:
        """Change options of a connection, as in ``self.change("flat", minimum=0)``; for use in `adjust`."""
        _refuse_unknown(type(self), [name], self._declarations)
        self._declarations[name] = replace(self._declarations[name], **options)

    def add(self, name: str, declaration: Declaration) -> None:
        """Add a connection, or replace one; for use in `adjust`."""
        self._declarations[name] = declaration

    def __getitem__(self, name: str) -> Declaration:
        _refuse_unknown(type(self), [name], self._declarations)
        return self._declarations[name]

    def __contains__(self, name: object) -> bool:
        return name in self._declarations

    @property
    def declarations(self) -> Mapping[str, Declaration]:
        """The connections that this configuration leaves, in the order of declaration, with their final names."""
        return MappingProxyType(self._declarations)

    def of_kind(self, *kinds: str) -> dict[str, Declaration]:
        """Return the connections of some kinds, such as ``"input"`` and ``"prerequisite"``."""
        return {name: declaration for name, declaration in self._declarations.items() if declaration.kind in kinds}


def _refuse_one_word(dimensions: Iterable[str] | None, owner: str) -> None:
    if isinstance(dimensions, str):
        raise PipelineError(f"dimensions of {owner} must be several words: ({dimensions!r},)")


def _refuse_unknown(owner: type, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(dict.fromkeys(known))
    for name in names:
        if name not in known:
            offer = near(name, known) or f"; it has: {', '.join(known) or 'none'}"
            raise PipelineError(f"{owner.__name__} has no connection {name!r}{offer}")


def _wanted(declaration: Declaration, config: Any) -> bool:
    """Whether the configuration turns a conditional connection on; without one it is there."""
    if not declaration.when or config is None:
        return True

    def look_up(path: str) -> Any:
        value = config
        for field in path.split("."):
            if not hasattr(value, field):
                raise PipelineError(
                    f"there is no field {path!r}{near(field, getattr(type(value), 'model_fields', ()))}"
                )
            value = getattr(value, field)
        return value

    try:
        return bool(Evaluator(look_up).evaluate(declaration.when))
    except PipelineError as error:
        raise PipelineError(f"connection {declaration.name!r} exists when={declaration.when!r}, but {error}") from error


def _named(declaration: Declaration, name: str, words: Mapping[str, str]) -> Declaration:
    """Fill a name's templates."""
    try:
        return replace(declaration, name=name.format_map(dict(words)))
    except (KeyError, ValueError, IndexError):
        raise PipelineError(
            f"the name {name!r} has a template that is not one of: {', '.join(words) or 'none'}"
        ) from None


def adjusts(connections: type[Connections]) -> bool:
    """Whether a task wants to have a say in its quanta."""
    return (connections.adjust_quantum, connections.adjust_quanta) != (
        Connections.adjust_quantum,
        Connections.adjust_quanta,
    )
