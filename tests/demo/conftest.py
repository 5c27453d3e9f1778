from dataclasses import dataclass

import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.wcs import WCS

from bunter.demo.reduction.calibrated import calibrate
from bunter.demo.reduction.calibration import combine_bias, combine_flat
from bunter.demo.reduction.measurement import measure
from bunter.demo.reduction.signature import remove_signature
from bunter.demo.simulation import Night, Plan, camera
from bunter.demo.simulation.frame import raw_frame
from bunter.demo.simulation.headers import raw_header
from bunter.demo.simulation.night import CAMERA_SEED
from bunter.demo.simulation.response import response


@dataclass
class Reduced:
    """One detector through a short night: three exposures in each of two bands."""

    night: Night
    detector: camera.Detector
    pixels: object
    raws: dict
    bias: CCDData
    flats: dict
    images: dict
    sources: dict
    meshes: dict
    calexps: dict
    srcs: dict

    def references(self, exposure):
        """References within 0.3 deg, as sky pixels would give them."""
        reference, centre = self.night.reference, exposure.believed
        east = (reference["ra"] - centre.ra) * np.cos(np.radians(centre.dec))
        return reference[np.hypot(east, reference["dec"] - centre.dec) < 0.3]

    def science(self, band):
        return [e for e in self.night.exposures if e.on_sky and e.physical_filter.band == band]


def raw_ccd(night, exposure, detector, pixels):
    header = raw_header(exposure, detector)
    data = raw_frame(exposure, detector, pixels, night.truth, night.seed)
    wcs = WCS({k: header[k] for k in header if k.startswith(("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CD"))})
    return CCDData(data, unit="adu", header=header, wcs=wcs if exposure.on_sky else None)


@pytest.fixture(scope="session")
def night():
    return Night.simulate(seed=7, plan=Plan(fields=1))


@pytest.fixture(scope="session")
def reduced(night):
    detector = camera.DETECTORS[3]
    pixels = response(detector, CAMERA_SEED)
    raws = {e.seq_num: raw_ccd(night, e, detector, pixels) for e in night.exposures}
    kinds = {kind: [e for e in night.exposures if e.observation_type == kind] for kind in ("bias", "flat", "science")}
    bias = combine_bias([raws[e.seq_num] for e in kinds["bias"]])
    flats = {
        band: combine_flat([raws[e.seq_num] for e in kinds["flat"] if e.physical_filter.band == band], bias)
        for band in "gr"
    }
    done = Reduced(night, detector, pixels, raws, bias, flats, {}, {}, {}, {}, {})
    for e in kinds["science"]:
        n, band = e.seq_num, e.physical_filter.band
        done.images[n] = remove_signature(raws[n], bias, flats[band])
        done.sources[n], done.meshes[n] = measure(done.images[n])
        done.calexps[n], done.srcs[n] = calibrate(
            done.images[n], done.sources[n], done.meshes[n], done.references(e), band=band
        )
    return done
