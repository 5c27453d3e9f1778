"""FITS files for the tests: small frames of DemoCam, and files built around real headers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from bunter.butler import Butler
from bunter.ingest import register_instrument

REAL = Path(__file__).with_name("real-headers")

EXTENSION_CARDS = (
    "CCDNUM", "DETPOS", "EXTNAME", "DETECTOR", "CRPIX", "CRVAL", "CTYPE", "CUNIT", "CD1_", "CD2_", "PV1_", "PV2_", "DATASEC",
    "BIASSEC", "TRIMSEC", "CCDSEC", "AMPSEC", "DETSEC",
)  # fmt: skip
STRUCTURE = ("Z", "TFIELDS", "TTYPE", "TFORM", "CHECK", "DATASUM", "CHECKVER", "COMMENT", "BZERO", "BSCALE", "NEXTEND")


def democam_frame(path, *, exposure=1, detector=0, kind="science", change=None, shape=(8, 8)):
    """Write a small frame; ``change`` maps cards to other values, None to leave one out."""
    cards = {
        "INSTRUME": "DemoCam",
        "EXPID": 2025010100000 + exposure,
        "OBSID": f"DC_{exposure}",
        "DETECTOR": detector,
        "FILTER": "none" if kind == "bias" else "DemoCam-r",
        "DATE-OBS": f"2025-01-02T03:04:{exposure % 60:02d}.500",
        "DATE-END": f"2025-01-02T03:05:{exposure % 60:02d}.500",
        "EXPTIME": 60.0,
        "OBSTYPE": kind,
        "GROUPID": f"group {exposure}",
        "DAYOBS": 20250101,
        "SEQNUM": exposure,
        "OBJECT": "FENCHURCH",
    }
    if kind == "science":
        cards |= {"RA": 10.0, "DEC": -20.0, "ROTPA": 30.0, "AIRMASS": 1.2}
    cards |= change or {}
    header = fits.Header([(name, value) for name, value in cards.items() if value is not None])
    fits.PrimaryHDU(np.full(shape, exposure, np.int16), header).writeto(path)
    return str(path)


def night(folder, exposures=3, detectors=range(4)):
    """Write science exposures of all detectors."""
    folder.mkdir()
    return [
        democam_frame(folder / f"x{exposure}_{detector}.fits", exposure=exposure, detector=detector)
        for exposure in range(1, exposures + 1)
        for detector in detectors
    ]


def real_header(name):
    """Header of a real observation."""
    return fits.Header.fromtextfile(REAL / name)


def _is_extension(card):
    return card.startswith(EXTENSION_CARDS)


def decam_file(path, name, detectors=((25, "S1"), (26, "S2"), (63, "FS1"))):
    """Write a multi-extension file around a real DECam header."""
    real = real_header(name)
    primary, extension = fits.Header(), fits.Header()
    for card in real.cards:
        if card.keyword.startswith(STRUCTURE):
            continue
        (extension if _is_extension(card.keyword) else primary).append(card)
    hdus = [fits.PrimaryHDU(header=primary)]
    for number, position in detectors:
        header = extension.copy()
        header["CCDNUM"], header["DETPOS"], header["EXTNAME"] = number, position, position
        hdus.append(fits.CompImageHDU(np.full((40, 30), number, np.int16), header, name=position))
    fits.HDUList(hdus).writeto(path)
    return str(path)


def hsc_file(path):
    """Write a file around a real HSC header; its pixels are a hole in the file."""
    header = fits.Header(
        card for card in real_header("fitsheader-hsc.hdr").cards if not card.keyword.startswith(STRUCTURE)
    )
    hdu = fits.PrimaryHDU(np.zeros((2, 2), np.int16), header)
    whole = hdu.header.copy()
    whole["NAXIS1"], whole["NAXIS2"] = 2144, 4241
    content = whole.tostring().encode()
    size = len(content) + -(-2144 * 4241 * 2 // 2880) * 2880
    with path.open("wb") as file:
        file.write(content)
        file.truncate(size)
    return str(path)


@pytest.fixture(scope="session")
def frames():
    """What makes files: functions of this module, by name."""
    return SimpleNamespace(democam=democam_frame, night=night, decam=decam_file, hsc=hsc_file)


@pytest.fixture
def butler(tmp_path):
    """Empty repository with DemoCam registered."""
    with Butler.create(tmp_path / "repo") as made:
        register_instrument(made, "DemoCam")
        yield made
