"""What is read from the header of a raw frame."""

from __future__ import annotations

INT, FLOAT, TEXT, BOOL, TIME, NUMBER_OR_NAME = "int", "float", "text", "bool", "time", "number or name"

FIELDS: dict[str, str] = {
    "exposure": INT,
    "obs_id": TEXT,
    "detector": NUMBER_OR_NAME,
    "physical_filter": TEXT,
    "begin": TIME,
    "exposure_time": FLOAT,
    "end": TIME,
    "dark_time": FLOAT,
    "observation_type": TEXT,
    "observation_reason": TEXT,
    "seq_num": INT,
    "seq_start": INT,
    "seq_end": INT,
    "group": TEXT,
    "day_obs": INT,
    "target_name": TEXT,
    "science_program": TEXT,
    "tracking_ra": FLOAT,
    "tracking_dec": FLOAT,
    "sky_angle": FLOAT,
    "azimuth": FLOAT,
    "zenith_angle": FLOAT,
    "has_simulated": BOOL,
    "can_see_sky": BOOL,
}
"""What is read from a header, in the order in which it is worked out, and of which kind each is."""

NEEDED = ("exposure", "physical_filter", "begin", "exposure_time", "observation_type")
"""Fields without which there is no exposure record."""
