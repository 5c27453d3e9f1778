"""What an instrument's YAML file may say."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bunter.ingest.fields import FIELDS, NEEDED


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Model):
    """How one field comes from a header. In YAML a plain text stands for ``{card: text}``.

    Parameters
    ----------
    card : str or list of str
        Card to read; of several the first that is there.
    value : object
        A constant in place of a card.
    text : str
        A text with cards in braces, such as ``"{DATE-OBS}T{UT}"``.
    read : str
        How a value is meant: ``hours`` or ``degrees`` (sexagesimal texts), ``mjd`` or ``jd`` (times), ``airmass`` or
        ``altitude`` (to a zenith angle).
    map : dict
        Other names for values; one that is not named gives the default, or stays if there is none.
    default : object
        Value where no card is there; a text may name fields worked out before, such as ``"{obs_id}"``.
    optional : bool
        Whether the field may stay unknown.
    """

    card: str | list[str] | None = None
    value: Any = None
    text: str | None = None
    read: Literal["hours", "degrees", "mjd", "jd", "airmass", "altitude"] | None = None
    map: dict[str, Any] | None = None
    default: Any = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("card", "value", "text") if getattr(self, name) is not None]
        if len(given) > 1 or (not given and self.default is None):
            raise ValueError("a field needs one of 'card', 'value' and 'text'")
        return self

    @property
    def cards(self) -> list[str]:
        """Cards to look at, in order."""
        return [self.card] if isinstance(self.card, str) else self.card or []


class Headers(_Model):
    """How headers of this instrument are known and read.

    Parameters
    ----------
    match : dict
        Cards and the values that only this instrument's frames have.
    translator : str, optional
        Name of a translator of astro-metadata-translator that knows the headers; then no fields are needed.
    fields : dict of str to Rule
        Rules by field.
    """

    match: dict[str, Any] = Field(default_factory=dict)
    translator: str | None = None
    fields: dict[str, Rule] = Field(default_factory=dict)

    @field_validator("fields", mode="before")
    @classmethod
    def _plain_cards(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {name: {"card": rule} if isinstance(rule, str | list) else rule for name, rule in fields.items()}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        from bunter.errors import near

        for name in self.fields:
            if name not in FIELDS:
                raise ValueError(f"there is no field {name!r} to read from a header{near(name, FIELDS)}")
        if self.translator is None:
            missing = [name for name in (*NEEDED, "detector") if name not in self.fields]
            if missing:
                raise ValueError(f"'fields' must say how to read {', '.join(missing)}, or 'translator' name one")
            if not self.match:
                raise ValueError("'match' must name a card that tells this instrument's frames from others")
        return self


class FocalPlane(_Model):
    """Where detectors are, and how pixels lie on the sky.

    Parameters
    ----------
    regions : str
        ``geometry``: from the boresight and the detectors' places; ``header``: from the WCS of each raw frame.
    pixel_scale : float
        Arcseconds per pixel, at the centre.
    size : tuple of int
        Columns and rows of a detector, unless it says otherwise itself.
    x_points : str
        ``west`` or ``east``: where +x points on the sky when +y points north.
    angle : float
        Degrees to add to `sky_angle` for the position angle of +y, from north through east.
    padding : float
        Pixels that regions are wider on each side.
    """

    regions: Literal["geometry", "header"] = "geometry"
    pixel_scale: float | None = Field(default=None, gt=0)
    size: tuple[int, int] | None = None
    x_points: Literal["west", "east"] = "west"
    angle: float = 0.0
    padding: float = Field(default=0.0, ge=0)


class Detector(_Model):
    """One detector; x and y are its centre in pixels from the boresight, orientation turns it anticlockwise."""

    id: int = Field(ge=0)
    name: str
    x: float | None = None
    y: float | None = None
    size: tuple[int, int] | None = None
    orientation: float = 0.0
    purpose: str = "SCIENCE"
    raft: str | None = None
    name_in_raft: str | None = None


class Raw(_Model):
    """What raw frames become: dataset type, storage class, format, and which HDUs of a file are datasets.

    ``hdus`` is ``first`` (the first with an image, one dataset per file), ``each`` (every extension with an image is a
    dataset) or a list of extension names or numbers.
    """

    dataset_type: str = "raw"
    storage_class: str = "Raw"
    format: str = "fits"
    hdus: Literal["first", "each"] | list[int | str] = "first"


class Visits(_Model):
    """Which exposures are visits."""

    observation_types: tuple[str, ...] = ("science",)


class ObservingDay(_Model):
    """When a day begins: the day of an exposure is the UTC date, ``offset_hours`` added, of its begin."""

    offset_hours: float = 0.0


class InstrumentModel(_Model):
    """The document."""

    name: str = Field(min_length=1, max_length=32)
    doc: str = ""
    focal_plane: FocalPlane = FocalPlane()
    detectors: tuple[Detector, ...] = Field(min_length=1)
    filters: dict[str, str] = Field(min_length=1)
    observing_day: ObservingDay = ObservingDay()
    headers: Headers
    raw: Raw = Raw()
    visits: Visits = Visits()
    exposure_max: int | None = None

    @field_validator("detectors", mode="before")
    @classmethod
    def _table(cls, detectors: Any) -> Any:
        if not isinstance(detectors, dict):
            return detectors
        columns, rows = detectors.get("columns"), detectors.get("rows")
        if not columns or not rows or detectors.keys() - {"columns", "rows"}:
            raise ValueError("a table of detectors has 'columns' and 'rows'")
        for row in rows:
            if len(row) != len(columns):
                raise ValueError(f"a row of detectors needs {len(columns)} values")
        return [dict(zip(columns, row, strict=True)) for row in rows]

    @field_validator("filters", mode="before")
    @classmethod
    def _texts(cls, filters: Any) -> Any:
        # YAML reads a bare `y` or `n` band as text but `none` rows and numbers need this.
        return {str(name): str(band) for name, band in filters.items()} if isinstance(filters, dict) else filters

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for attribute in ("id", "name"):
            values = [getattr(detector, attribute) for detector in self.detectors]
            if twice := {value for value in values if values.count(value) > 1}:
                raise ValueError(f"two detectors have the {attribute} {min(twice)!r}")
        if self.focal_plane.regions == "geometry":
            self._check_geometry()
        return self

    def _check_geometry(self) -> None:
        if self.focal_plane.pixel_scale is None:
            raise ValueError("'focal_plane' needs 'pixel_scale' in arcsec, or 'regions: header'")
        for detector in self.detectors:
            if (detector.size or self.focal_plane.size) is None or (detector.x is None) != (detector.y is None):
                raise ValueError(f"detector {detector.name!r} needs 'x', 'y' and a 'size', or none of them has a place")
