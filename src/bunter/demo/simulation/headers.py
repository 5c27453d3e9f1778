"""Cards of a raw DemoCam frame: what the camera knows, or believes, about the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bunter.demo.simulation import camera
from bunter.demo.simulation.gnomonic import detector_cards

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from bunter.demo.simulation.camera import Detector
    from bunter.demo.simulation.schedule import Exposure

CARDS: Final = {
    "ORIGIN": "where the file was made",
    "TELESCOP": "telescope",
    "INSTRUME": "camera",
    "OBSERVER": "who watched",
    "OBSID": "name of the exposure, unique for the camera",
    "EXPID": "number of the exposure, unique for the camera",
    "DAYOBS": "night, YYYYMMDD at UTC - 12 h",
    "SEQNUM": "number of the exposure in the night, from 1",
    "GROUPID": "exposures taken for one purpose",
    "OBSTYPE": "bias, flat or science",
    "IMAGETYP": "bias, flat or science",
    "OBJECT": "field, or what the camera looked at",
    "PROGRAM": "observing programme",
    "FILTER": "physical filter; none: shutter closed",
    "TIMESYS": "time scale of the DATE cards",
    "DATE-OBS": "begin of the exposure",
    "DATE-END": "end of the exposure",
    "MJD-OBS": "[d] begin of the exposure, UTC",
    "MJD-END": "[d] end of the exposure, UTC",
    "EXPTIME": "[s] time with the shutter open",
    "DARKTIME": "[s] time since the last clearing",
    "RADESYS": "frame of RA, DEC and the WCS",
    "RA": "[deg] boresight, as the mount believes",
    "DEC": "[deg] boresight, as the mount believes",
    "ROTPA": "[deg] position angle of +y, north through east",
    "AIRMASS": "at mid-exposure",
    "DETECTOR": "number of the detector",
    "DETNAME": "place of the detector in the focal plane",
    "DETSER": "serial number of the detector",
    "GAIN": "[electron/adu]",
    "RDNOISE": "[electron]",
    "SATURATE": "[adu] level of saturation",
    "BUNIT": "unit of the pixels",
    "DATASEC": "light-sensitive pixels",
    "BIASSEC": "overscan",
}
"""Cards of every raw frame, with their comments; RA, DEC, ROTPA, AIRMASS and the WCS are written on the sky only."""


def raw_header(exposure: Exposure, detector: Detector) -> Header:
    """Header of one detector's frame.

    Parameters
    ----------
    exposure : Exposure
        With the pointing that the mount believes in.
    detector : Detector
        Whose frame it is.
    """
    from astropy.io.fits import Header

    cards = _of_exposure(exposure) | _of_pointing(exposure) | _of_detector(detector)
    header = Header([(name, value, CARDS[name]) for name, value in cards.items()])
    if exposure.on_sky:
        header.update(detector_cards(exposure.believed, detector))
    return header


def _of_exposure(exposure: Exposure) -> dict[str, str | int | float]:
    return {
        "ORIGIN": "Bunter demonstration",
        "TELESCOP": camera.TELESCOPE,
        "INSTRUME": camera.NAME,
        "OBSERVER": "M. Bunter",
        "OBSID": exposure.obs_id,
        "EXPID": exposure.id,
        "DAYOBS": exposure.day_obs,
        "SEQNUM": exposure.seq_num,
        "GROUPID": exposure.group,
        "OBSTYPE": exposure.observation_type,
        "IMAGETYP": exposure.observation_type,
        "OBJECT": exposure.target,
        "PROGRAM": "calibration" if not exposure.on_sky else "demonstration",
        "FILTER": exposure.physical_filter.name if exposure.observation_type != "bias" else "none",
        "TIMESYS": "UTC",
        "DATE-OBS": exposure.begin.isoformat(timespec="milliseconds"),
        "DATE-END": exposure.end.isoformat(timespec="milliseconds"),
        "MJD-OBS": exposure.mjd,
        "MJD-END": exposure.mjd + exposure.exposure_time / 86_400,
        "EXPTIME": exposure.exposure_time,
        "DARKTIME": exposure.exposure_time + 0.5,
    }


def _of_pointing(exposure: Exposure) -> dict[str, str | int | float]:
    if not exposure.on_sky:
        return {}
    return {
        "RADESYS": "ICRS",
        "RA": round(exposure.believed.ra, 7),
        "DEC": round(exposure.believed.dec, 7),
        "ROTPA": round(exposure.believed.rotation, 5),
        "AIRMASS": round(exposure.airmass, 4),
    }


def _of_detector(detector: Detector) -> dict[str, str | int | float]:
    return {
        "DETECTOR": detector.id,
        "DETNAME": detector.name,
        "DETSER": f"DC-{detector.id + 101}",
        "GAIN": detector.gain,
        "RDNOISE": detector.read_noise,
        "SATURATE": camera.SATURATION_ADU,
        "BUNIT": "adu",
        "DATASEC": f"[1:{camera.NX},1:{camera.NY}]",
        "BIASSEC": f"[{camera.NX + 1}:{camera.NX + camera.OVERSCAN},1:{camera.NY}]",
    }
