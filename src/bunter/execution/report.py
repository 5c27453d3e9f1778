"""A report on a run: one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter import effects
from bunter.errors import MissingExtraError
from bunter.execution import charts
from bunter.execution.specimens import specimens
from bunter.execution.status import group_failures
from bunter.execution.thumbnails import thumbnail
from bunter.execution.told_run import find_run, tell
from bunter.pipeline import PipelineGraph
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.butler import Butler
    from bunter.dataset import DatasetType
    from bunter.execution.specimens import Specimen
    from bunter.execution.told_run import ToldRun

__all__ = ["render", "write_report"]

_MOST_PICTURES, _MOST_BYTES, _MOST_ROWS = 48, 12_000_000, 200
_MOST_IMAGES, _MOST_IMAGE_BYTES = 6, 200_000_000
_IMAGES = {"CCDData", "NumpyArray", "FitsFile"}
_FROM_VISITS = ("visit", "exposure")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the run as a data URI, with its data ID as caption."""

    name: str
    caption: str
    uri: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Rows of small tables of one dataset type, joined over visits."""

    name: str
    doc: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int


def write_report(butler: Butler, collection: str, path: str | Path | None = None) -> Path:
    """Write the report on a run.

    Parameters
    ----------
    butler : Butler
        The repository.
    collection : str
        A run, or a chain whose newest run is meant.
    path : str or Path, optional
        The file, replaced if it is there; ``report.html`` in the folder of the run by default.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MissingExtraError
        If the library that fills the page is not installed.
    RunError
        If the collection holds no run that was made by running a pipeline.
    """
    directory = find_run(butler, collection)
    content = render(butler, tell(directory), specimens(butler, directory)).encode()
    target = Path(path) if path is not None else directory.path / "report.html"
    staged = target.with_name(f".{target.name}-{new_nonce()}")
    effects.write_new(staged, content, sync=False)
    effects.rename(staged, target)
    return target


def render(butler: Butler, told: ToldRun, shown: Sequence[Specimen] = ()) -> str:
    """Return the page as text.

    Parameters
    ----------
    butler : Butler
        The repository.
    told : ToldRun
        The run.
    shown : sequence of Specimen, optional
        Quanta that can be looked at one by one.
    """
    template = _template()
    pipeline = PipelineGraph.from_dict(told.graph.pipeline, butler.universe)
    states = {task.label: task.state for task in told.tasks}

    page: str = template.render(
        told=told,
        pipeline=pipeline,
        drawing=pipeline.draw("svg", states=states),
        timeline=charts.timeline(told.tasks),
        pictures=[*_pictures(butler, pipeline, told.run), *_images(butler, pipeline, told.run)],
        groups=group_failures(told.failures),
        quanta=[asdict(one) for one in shown],
        summaries=list(_summaries(butler, pipeline, told.run)),
        histogram=charts.histogram,
        duration=charts.duration,
        size=charts.size,
        median=lambda values: float(np.median(values)),
        when=_when,
        begun=min((int(task.begin_ns.min()) for task in told.tasks if len(task.begin_ns)), default=0),
        written={
            name: made for name, made in told.written.items() if not name.endswith(("_metadata", "_log", "_config"))
        },
        bookkeeping=sum(
            total for name, (_, total) in told.written.items() if name.endswith(("_metadata", "_log", "_config"))
        ),
    )
    return page


def _template() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("reports need jinja2; install it with: pip install 'bunter[demo]'") from error
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    places = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return places.get_template("report.html.j2")


def _when(ns: int) -> str:
    return dt.datetime.fromtimestamp(ns / 1e9, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if ns else "never"


def _made(butler: Butler, pipeline: PipelineGraph) -> Iterator[DatasetType]:
    """Dataset types that the tasks make, the last tasks first; those only that are here, as not all of a run was brought."""
    known = {kind.name for kind in butler.dataset_types.query()}
    for task in reversed(pipeline.tasks):
        for connection in task.outputs:
            if not connection.is_automatic and connection.dataset_type in known:
                yield pipeline.dataset_types[connection.dataset_type]


def _pictures(butler: Butler, pipeline: PipelineGraph, run: str) -> Iterator[Picture]:
    left, count = _MOST_BYTES, 0
    for kind in _made(butler, pipeline):
        if kind.storage_class != "Plot":
            continue
        for ref in butler.query_datasets(kind.name, run):
            uri = butler.get_uri(ref)
            if count >= _MOST_PICTURES or uri.size > left:
                return
            left, count = left - uri.size, count + 1
            caption = ", ".join(f"{name} {value}" for name, value in ref.data_id.mapping.items())
            yield Picture(kind.name, caption, f"data:image/png;base64,{base64.b64encode(uri.read()).decode()}")


def _images(butler: Butler, pipeline: PipelineGraph, run: str) -> Iterator[Picture]:
    """Small pictures of a few images of each type."""
    count = 0
    for kind in _made(butler, pipeline):
        if kind.storage_class not in _IMAGES:
            continue
        for ref in butler.query_datasets(kind.name, run, limit=_MOST_IMAGES):
            if count >= _MOST_PICTURES or butler.get_uri(ref).size > _MOST_IMAGE_BYTES:
                break
            drawn = thumbnail(butler.get(ref))
            if drawn is not None:
                count += 1
                caption = ", ".join(f"{name} {value}" for name, value in ref.data_id.mapping.items())
                yield Picture(kind.name, caption, f"data:image/png;base64,{base64.b64encode(drawn).decode()}")


def _summaries(butler: Butler, pipeline: PipelineGraph, run: str) -> Iterator[Summary]:
    """Tables of one or few rows per visit or exposure, put under each other."""
    for kind in _made(butler, pipeline):
        names = set(kind.dimensions.required)
        if kind.storage_class != "AstropyTable" or not names & set(_FROM_VISITS) or "detector" in names:
            continue
        yield _summary(butler, kind, run, _doc(pipeline, kind.name))


def _doc(pipeline: PipelineGraph, name: str) -> str:
    docs = [one.doc for task in pipeline.tasks for one in task.outputs if one.dataset_type == name]
    return docs[0] if docs else ""


def _summary(butler: Butler, kind: DatasetType, run: str, doc: str) -> Summary:
    keys = tuple(name for name in kind.dimensions.required if name in _FROM_VISITS)
    columns: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = []
    left_out = 0
    refs = sorted(butler.query_datasets(kind.name, run), key=lambda ref: str(ref.data_id))
    for ref in refs:
        if len(rows) >= _MOST_ROWS:
            left_out += 1
            continue
        table = butler.get(ref)
        shown = [name for name in table.colnames if name not in keys and table[name].ndim == 1]
        columns = columns or (*keys, *shown)
        head = tuple(str(ref.data_id[name]) for name in keys)
        rows += [(*head, *(_cell(row[name]) for name in columns[len(keys) :] if name in shown)) for row in table]
    return Summary(kind.name, doc, columns, tuple(rows[:_MOST_ROWS]), left_out)


def _cell(value: Any) -> str:
    if isinstance(value, float) or (getattr(value, "dtype", None) is not None and value.dtype.kind == "f"):
        return f"{float(value):.5g}"
    return str(value)
