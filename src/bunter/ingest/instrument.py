"""Instruments as YAML describes them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.errors import InstrumentError, near
from bunter.ingest.documents import read_yaml, validated

if TYPE_CHECKING:
    from bunter.ingest.model import Detector, InstrumentModel

_GROUP = "bunter.instruments"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A camera with its telescope: detectors, filters, how its headers are read.

    Parameters
    ----------
    model : InstrumentModel
        The checked document.
    document : dict
        The document as it was written.
    """

    model: InstrumentModel
    document: dict[str, Any]

    @classmethod
    def from_yaml(cls, source: str | Path) -> Instrument:
        """Read a description.

        Parameters
        ----------
        source : str or Path
            A YAML file, or the short name of an instrument that is installed.

        Raises
        ------
        InstrumentError
            If the name is unknown or the description is wrong.
        """
        text = str(source)
        if not text.endswith((".yaml", ".yml")):
            return _installed(text)
        if not Path(text).is_file():
            raise InstrumentError(f"there is no instrument file {text}")
        return cls.from_dict(read_yaml(text), where=text)

    @classmethod
    def from_dict(cls, document: dict[str, Any], *, where: str = "instrument") -> Instrument:
        """Check a description that is a mapping already."""
        from bunter.ingest.model import InstrumentModel

        return cls(validated(InstrumentModel, document, where, InstrumentError), document)

    @property
    def name(self) -> str:
        """Its name, the value of dimension ``instrument``."""
        return self.model.name

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """All detectors."""
        return self.model.detectors

    @property
    def filters(self) -> dict[str, str]:
        """Band of each physical filter."""
        return dict(self.model.filters)

    @property
    def raw_run(self) -> str:
        """RUN that raw frames go to unless another is named."""
        return f"{self.name}/raw/all"

    @property
    def definition_chain(self) -> str:
        """Chain of the runs that hold its descriptions, the one that counts first."""
        return f"{self.name}/definition"

    def detector_id(self, named: int | str) -> int | None:
        """Find the number of a detector by number or name; None if it has no such detector."""
        for detector in self.detectors:
            if named in (detector.id, detector.name):
                return detector.id
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `from_dict` takes."""
        return self.document

    def __repr__(self) -> str:
        return f"<Instrument {self.name}: {len(self.detectors)} detectors, {len(self.filters)} filters>"


def instrument_names() -> list[str]:
    """Short names of the instruments that are installed, sorted."""
    return sorted(_points())


@functools.cache
def _points() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=_GROUP)}


def _installed(name: str) -> Instrument:
    known = _points()
    if name not in known:
        raise InstrumentError(
            f"there is no instrument {name!r}{near(name, known)} (installed: {', '.join(sorted(known))}); "
            "name one of them or a .yaml file"
        )
    return _read_installed(name, known[name])


@functools.cache
def _read_installed(name: str, value: str) -> Instrument:
    from importlib.resources import as_file, files

    package, _, file = value.partition(":")
    try:
        with as_file(files(package).joinpath(file)) as path:
            return Instrument.from_dict(read_yaml(path), where=file)
    except (ImportError, OSError) as error:
        raise InstrumentError(f"the installed instrument {name!r} cannot be read: {error}") from error
