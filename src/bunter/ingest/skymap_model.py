"""What a sky map's YAML file may say."""

from __future__ import annotations

import math
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class SkyMapModel(BaseModel):
    """The document.

    Parameters
    ----------
    name : str
        Value of dimension ``skymap``.
    doc : str
        What it is for.
    centres : list of (float, float)
        Right ascension and declination of each tract's centre, degrees; tracts are numbered in this order.
    pixel_scale : float
        Arcseconds per pixel.
    tract_size : float, optional
        Side of a tract in degrees (the longer one); rounded up to whole patches. Or give `patch_size`.
    patches : int or (int, int)
        Patches per side, or columns and rows.
    patch_size : int, optional
        Pixels along the side of a patch, without overlap.
    overlap : int
        Pixels by which a patch goes on beyond each of its sides, within the tract.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    doc: str = ""
    centres: tuple[tuple[float, float], ...] = Field(min_length=1)
    pixel_scale: float = Field(gt=0)
    tract_size: float | None = Field(default=None, gt=0, le=60)
    patches: tuple[int, int]
    patch_size: int | None = Field(default=None, gt=0)
    overlap: int = Field(default=0, ge=0)

    @field_validator("patches", mode="before")
    @classmethod
    def _square(cls, patches: Any) -> Any:
        return (patches, patches) if isinstance(patches, int) else patches

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.tract_size is None) == (self.patch_size is None):
            raise ValueError("give one of 'tract_size' in degrees and 'patch_size' in pixels")
        if min(self.patches) < 1:
            raise ValueError("a tract has at least one patch in each direction")
        for ra, dec in self.centres:
            if not (math.isfinite(ra) and -90 <= dec <= 90):
                raise ValueError(f"({ra}, {dec}) is no position")
        if self.patch_pixels * max(self.patches) * self.pixel_scale / 3600 > 60:
            raise ValueError("a tract can be 60 degrees wide; make tracts, patches or pixels smaller")
        return self

    @property
    def patch_pixels(self) -> int:
        """Pixels along the inner side of a patch."""
        if self.patch_size is not None:
            return self.patch_size
        assert self.tract_size is not None
        return math.ceil(self.tract_size * 3600 / self.pixel_scale / max(self.patches) - 1e-9)
