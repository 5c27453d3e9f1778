"""From a file to what it says of its exposure, and which datasets it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset.header import HeaderBases, packed_alike
from bunter.datastore.formats.fits_cards import kept_header
from bunter.ingest.fields import NEEDED
from bunter.ingest.fits_headers import Hdu, merged, read_hdus
from bunter.ingest.rules import UnfitFileError, matches, read_field, read_fields
from bunter.values import parse_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset.header import PackedHeader
    from bunter.ingest.instrument import Instrument

_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class RawFile:
    """What a raw file's headers say.

    Parameters
    ----------
    path : str
        The file.
    instrument : Instrument
        What took it.
    fields : dict
        Facts about the exposure, by the names of `bunter.ingest.fields.FIELDS`; times as ns TAI.
    day_begin : int
        Begin of the observing day, ns TAI.
    detectors : tuple of (int, str)
        Number of each detector in it, and where in the file its frame is (empty for all of the file).
    headers : tuple of PackedHeader
        Cards of each detector's frame, to be kept.
    """

    path: str
    instrument: Instrument
    fields: dict[str, Any]
    day_begin: int
    detectors: tuple[tuple[int, str], ...]
    headers: tuple[PackedHeader, ...] = ()

    @property
    def exposure(self) -> tuple[str, int]:
        """Instrument and number of the exposure."""
        return self.instrument.name, self.fields["exposure"]


def read_raw(path: str, instruments: Sequence[Instrument], bases: HeaderBases | None = None) -> RawFile:
    """Read the headers of a raw file.

    Parameters
    ----------
    path : str
        FITS file.
    instruments : Sequence[Instrument]
        Those it may come from.
    bases : HeaderBases, optional
        What headers are told apart from.

    Raises
    ------
    UnfitFileError
        If it cannot be ingested; the message is one sentence.
    """
    hdus = read_hdus(path)
    instrument, frames = _recognised(hdus, instruments)
    first = merged(hdus[0], frames[0])
    fields, offset_hours = _exposure_fields(instrument, first, path)
    _check(fields, instrument)
    whole = instrument.model.raw.hdus == "first"
    found = []
    for frame in frames:
        header = first if frame is frames[0] else merged(hdus[0], frame)
        found.append((_detector(instrument, header, path), "" if whole else frame.selector))
    _refuse_twice([detector for detector, _ in found])
    kept = _kept(hdus[0], frames, bases or HeaderBases(), instrument.name)
    return RawFile(path, instrument, fields, _day_begin(fields["day_obs"], offset_hours), tuple(found), tuple(kept))


def _kept(primary: Hdu, frames: Sequence[Hdu], bases: HeaderBases, common: str) -> list[PackedHeader]:
    """Pack the headers of frames: those of one file beside each other, a single one beside those of other files."""
    headers = []
    for frame in frames:
        own = b"" if frame.number == primary.number else frame.text
        headers.append(kept_header(primary.text, own, cards=(primary.cards, frame.cards if own else {})))
    return packed_alike(headers) if len(headers) > 1 else [bases.pack(common, headers[0])]


def _recognised(hdus: list[Hdu], instruments: Sequence[Instrument]) -> tuple[Instrument, list[Hdu]]:
    """Instrument that a file comes from, and its HDUs that are frames."""
    for instrument in instruments:
        frames = _frames(hdus, instrument)
        header = merged(hdus[0], frames[0] if frames else hdus[0])
        if _knows(instrument, header):
            if not frames:
                raise UnfitFileError("it holds no image")
            return instrument, frames
    said = next((str(hdu.cards["INSTRUME"]) for hdu in hdus if hdu.cards.get("INSTRUME")), None)
    who = f"it comes from {said!r}" if said else "it does not name an instrument (card INSTRUME)"
    known = ", ".join(_recognisable(instrument) for instrument in instruments)
    raise UnfitFileError(f"{who}, and the instruments registered here are {known}")


def _recognisable(instrument: Instrument) -> str:
    cards = ", ".join(f"{card} = {value}" for card, value in (instrument.model.headers.match or {}).items())
    return f"{instrument.name} ({cards})" if cards else instrument.name


def _frames(hdus: list[Hdu], instrument: Instrument) -> list[Hdu]:
    wanted = instrument.model.raw.hdus
    images = [hdu for hdu in hdus if hdu.has_image]
    if wanted == "each":
        return images
    if wanted == "first":
        return images[:1]
    names = {str(name) for name in wanted}
    return [hdu for hdu in hdus if hdu.selector in names or str(hdu.number) in names]


def _knows(instrument: Instrument, header: Any) -> bool:
    headers = instrument.model.headers
    if headers.match:
        return matches(headers, header)
    return bool(_translator(instrument).can_translate(header))


def _translator(instrument: Instrument) -> Any:
    from astro_metadata_translator import MetadataTranslator

    name = instrument.model.headers.translator
    try:
        return MetadataTranslator.translators[name]
    except KeyError:
        known = ", ".join(sorted(map(str, MetadataTranslator.translators)))
        raise UnfitFileError(f"{instrument.name} names a translator {name!r}, and there are {known}") from None


def _exposure_fields(instrument: Instrument, header: Any, path: str) -> tuple[dict[str, Any], float]:
    """Facts about the exposure, and the offset of its observing day in hours."""
    headers = instrument.model.headers
    offset = instrument.model.observing_day.offset_hours
    if headers.translator is None:
        fields = read_fields(headers, header)
    else:
        fields, offset = _translated(instrument, header, path, offset)
        fields |= read_fields(headers, header)
    _complete(fields, offset)
    return fields, offset


def _complete(fields: dict[str, Any], offset_hours: float) -> None:
    """Fill in what follows from other facts."""
    begin, length = fields.get("begin"), fields.get("exposure_time")
    missing = [name for name in NEEDED if fields.get(name) is None]
    if missing or begin is None or length is None:
        raise UnfitFileError(f"the header does not tell the {' and the '.join(missing)}")
    end = fields.get("end")
    fields["end"] = max(begin, begin + round(length * 1e9) if end is None else end)
    if fields.get("day_obs") is None:
        fields["day_obs"] = _day_of(begin, offset_hours)
    fields["obs_id"] = fields.get("obs_id") or str(fields["exposure"])
    fields["group"] = fields.get("group") or fields["obs_id"]
    for name in ("seq_start", "seq_end"):
        if fields.get(name) is None:
            fields[name] = fields.get("seq_num")


def _check(fields: dict[str, Any], instrument: Instrument) -> None:
    if fields["physical_filter"] not in instrument.filters:
        known = ", ".join(instrument.filters)
        raise UnfitFileError(f"its filter {fields['physical_filter']!r} is not one of {instrument.name}'s ({known})")
    if not 0 <= fields["exposure"] < 2**63:
        raise UnfitFileError(f"its exposure number {fields['exposure']} cannot be an identifier")
    dec = fields.get("tracking_dec")
    if dec is not None and not -90 <= dec <= 90:
        raise UnfitFileError(f"its declination {dec} does not lie between -90 and 90 degrees")


def _detector(instrument: Instrument, header: Any, path: str) -> int:
    rules = instrument.model.headers
    if "detector" in rules.fields:
        named = read_field(rules, "detector", header)
    else:
        named = _information(instrument, header, path, {"detector_num"}).detector_num
    found = instrument.detector_id(named)
    if found is None:
        raise UnfitFileError(f"its detector {named!r} is not one of {instrument.name}'s")
    return found


def _refuse_twice(detectors: list[int]) -> None:
    if len(set(detectors)) < len(detectors):
        twice = next(each for each in detectors if detectors.count(each) > 1)
        raise UnfitFileError(f"it holds detector {twice} twice")


def _information(instrument: Instrument, header: Any, path: str, subset: set[str] | None = None) -> Any:
    from astro_metadata_translator import ObservationInfo

    try:
        return ObservationInfo(
            header, filename=path, translator_class=_translator(instrument), pedantic=False, subset=subset, quiet=True
        )
    except UnfitFileError:
        raise
    except Exception as error:  # a translator may raise anything on a header that is not as it expects
        said = " ".join(str(error).split())[:200]
        raise UnfitFileError(f"the translator of {instrument.name} cannot read the header: {said}") from error


def _translated(instrument: Instrument, header: Any, path: str, offset: float) -> tuple[dict[str, Any], float]:
    """Facts that a translator of astro-metadata-translator works out; angles in degrees."""
    seen = _information(instrument, header, path)
    pointing = None if seen.tracking_radec is None else seen.tracking_radec.icrs
    horizon = seen.altaz_begin
    length = seen.exposure_time_requested if seen.exposure_time_requested is not None else seen.exposure_time
    turned = seen.boresight_rotation_coord == "sky" and seen.boresight_rotation_angle is not None
    if seen.observing_day_offset is not None:
        offset = -float(seen.observing_day_offset.to_value("h"))
    return {
        "exposure": seen.exposure_id,
        "obs_id": seen.observation_id,
        "physical_filter": seen.physical_filter,
        "begin": None if seen.datetime_begin is None else parse_instant(seen.datetime_begin),
        "end": None if seen.datetime_end is None else parse_instant(seen.datetime_end),
        "exposure_time": None if length is None else float(length.to_value("s")),
        "dark_time": None if seen.dark_time is None else float(seen.dark_time.to_value("s")),
        "observation_type": seen.observation_type,
        "observation_reason": seen.observation_reason,
        "seq_num": seen.observation_counter,
        "seq_start": seen.group_counter_start,
        "seq_end": seen.group_counter_end,
        "group": seen.exposure_group,
        "day_obs": seen.observing_day,
        "target_name": seen.object,
        "science_program": seen.science_program,
        "tracking_ra": None if pointing is None else float(pointing.ra.degree),
        "tracking_dec": None if pointing is None else float(pointing.dec.degree),
        "sky_angle": float(seen.boresight_rotation_angle.degree) if turned else None,
        "azimuth": None if horizon is None else float(horizon.az.degree),
        "zenith_angle": None if horizon is None else 90.0 - float(horizon.alt.degree),
        "has_simulated": seen.has_simulated_content,
        "can_see_sky": seen.can_see_sky,
    }, offset


def _day_of(begin: int, offset_hours: float) -> int:
    """Observing day of an instant, YYYYMMDD."""
    from datetime import UTC, datetime, timedelta

    from bunter.values.instant import tai_to_utc_ns

    moment = datetime.fromtimestamp(tai_to_utc_ns(begin) // 10**9, UTC) + timedelta(hours=offset_hours)
    return int(moment.strftime("%Y%m%d"))


def _day_begin(day_obs: int, offset_hours: float) -> int:
    """First instant of an observing day, ns TAI."""
    text = f"{day_obs:08d}"
    try:
        midnight = parse_instant(f"{text[:4]}-{text[4:6]}-{text[6:]}")
    except ValueError:
        raise UnfitFileError(f"its observing day {day_obs} is no date like 20250131") from None
    return midnight - round(offset_hours * 3600) * 10**9


def day_end(day_begin: int) -> int:
    """First instant after an observing day; leap seconds belong to the day after."""
    return day_begin + _DAY_NS
