"""Write simulated runs as GADF files: one file a run with events, intervals and responses, and the two index files.

Equal content gives equal bytes: no dates of writing, no file names in the gzip header. Format documents:
https://gamma-astro-data-formats.readthedocs.io, version 0.3 (events, gti, irfs, data storage).
"""

import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time

from gammapy_hli.base.atomic_write import write_bytes
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.simulate.observation import SimulatedRun
from gammapy_hli.engine.simulate.plan import REFERENCE, RunSchedule, SimulationPlan

DATA_FOLDER = "data"
HDU_INDEX, OBS_INDEX = "hdu-index.fits.gz", "obs-index.fits.gz"
GZIP_LEVEL = 4
"""Twice as fast as the default for files 3 % larger."""

_GADF = {
    "HDUCLASS": "GADF",
    "HDUDOC": "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats",
    "HDUVERS": "0.3",
}
_CLOCK = {
    "MJDREFI": 51544,
    "MJDREFF": 0.5,
    "TIMEUNIT": "s",
    "TIMESYS": "TT",
    "TIMEREF": "LOCAL",
}


def file_name(schedule: RunSchedule) -> str:
    """Name of a run's file."""
    return f"sim_obs_id_{schedule.obs_id:06d}.fits.gz"


@dataclass(frozen=True)
class WrittenRun:
    """What the index files and the summary need to know of a run once its events are on disk."""

    schedule: RunSchedule
    n_events: int
    n_signal: int


def write_run(folder: Path, plan: SimulationPlan, run: SimulatedRun, responses: bytes) -> WrittenRun:
    """Write one run: EVENTS, GTI and its response HDUs.

    Parameters
    ----------
    folder : Path
        The store; the file goes into its sub-folder ``data``, which must exist.
    plan : SimulationPlan
    run : SimulatedRun
    responses : bytes
        The response HDUs, from `extension_bytes`.

    Returns
    -------
    WrittenRun
    """
    schedule = run.schedule
    gti = Gti(np.array([schedule.start]), np.array([schedule.stop]), REFERENCE).to_hdu()
    write_fits(folder / DATA_FOLDER / file_name(schedule), [make_events_hdu(plan, run), gti], responses)
    return WrittenRun(schedule, len(run), run.n_signal)


def make_events_hdu(plan: SimulationPlan, run: SimulatedRun) -> fits.BinTableHDU:
    """The EVENTS table with every keyword that GADF asks for."""
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("EVENT_ID", "K", array=np.arange(1, len(run) + 1)),
            fits.Column("TIME", "D", unit="s", array=run.time),
            fits.Column("RA", "E", unit="deg", array=run.ra),
            fits.Column("DEC", "E", unit="deg", array=run.dec),
            fits.Column("ENERGY", "E", unit="TeV", array=run.energy),
        ],
        name="EVENTS",
    )
    hdu.header.update(
        {**_GADF, "HDUCLAS1": "EVENTS", "CREATOR": "gammapy_hli simulator", "ORIGIN": "gammapy_hli", **_CLOCK}
    )
    hdu.header.update(_run_facts(plan, run.schedule))
    hdu.header.update({"RADECSYS": "ICRS", "EQUINOX": 2000.0, "FOVALIGN": "RADEC", "EUNIT": "TeV", "EV_CLASS": "all"})
    return hdu


def make_obs_index(plan: SimulationPlan, runs: Sequence[WrittenRun]) -> fits.BinTableHDU:
    """The table of all runs."""
    rows = [
        {**_run_facts(plan, run.schedule), "OFFSET_OBJ": float(plan.offset.value), "EVENT_COUNT": run.n_events}
        for run in runs
    ]
    hdu = _table_of_rows(rows, units=_OBS_UNITS, name="OBS_INDEX")
    hdu.header.update({**_GADF, "HDUCLAS1": "INDEX", "HDUCLAS2": "OBS", **_CLOCK})
    return hdu


def make_hdu_index(runs: Sequence[WrittenRun], responses: Sequence[fits.BinTableHDU]) -> fits.BinTableHDU:
    """The table of all HDUs; `responses` are those of every run."""
    kinds = [("events", "events", "EVENTS"), ("gti", "gti", "GTI"), *(_index_kind(hdu) for hdu in responses)]
    rows = [
        {
            "OBS_ID": run.schedule.obs_id,
            "HDU_TYPE": hdu_type,
            "HDU_CLASS": hdu_class,
            "FILE_DIR": DATA_FOLDER,
            "FILE_NAME": file_name(run.schedule),
            "HDU_NAME": hdu_name,
        }
        for run in runs
        for hdu_type, hdu_class, hdu_name in kinds
    ]
    hdu = _table_of_rows(rows, units={}, name="HDU_INDEX")
    hdu.header.update({**_GADF, "HDUCLAS1": "INDEX", "HDUCLAS2": "HDU"})
    return hdu


def write_fits(path: Path, hdus: Sequence[fits.BinTableHDU], appended: bytes = b"") -> None:
    """Write tables behind an empty primary HDU, zipped, whole or not at all; `appended` are more HDUs as bytes."""
    zipped = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=zipped, compresslevel=GZIP_LEVEL, mtime=0) as stream:
        stream.write(_fits_bytes(hdus))
        stream.write(appended)
    write_bytes(path, zipped.getvalue())


def extension_bytes(hdus: Sequence[fits.BinTableHDU]) -> bytes:
    """Tables as they stand in a FITS file, without a primary HDU: made once, appended to the file of every run."""
    return _fits_bytes(hdus)[len(_fits_bytes([])) :]


def _fits_bytes(hdus: Sequence[fits.BinTableHDU]) -> bytes:
    plain = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(plain)
    return plain.getvalue()


_OBS_UNITS = {
    **dict.fromkeys(("RA_PNT", "DEC_PNT", "GLON_PNT", "GLAT_PNT", "ZEN_PNT", "ALT_PNT", "AZ_PNT"), "deg"),
    **dict.fromkeys(("RA_OBJ", "DEC_OBJ", "OFFSET_OBJ"), "deg"),
    **dict.fromkeys(("ONTIME", "LIVETIME", "TSTART", "TSTOP", "TELAPSE"), "s"),
    "ALTITUDE": "m",
}


def _run_facts(plan: SimulationPlan, schedule: RunSchedule) -> dict[str, Any]:
    """What is known of a run: keywords of its EVENTS table and columns of the index."""
    pointing = SkyCoord(*schedule.pointing, unit="rad", frame="icrs")
    first, last = (_utc(seconds) for seconds in (schedule.start, schedule.stop))
    return {
        "OBS_ID": schedule.obs_id,
        "TELESCOP": plan.telescope,
        "INSTRUME": plan.instrument,
        "OBS_MODE": "WOBBLE",
        "OBJECT": plan.target_name,
        "RA_OBJ": float(plan.target.icrs.ra.deg),
        "DEC_OBJ": float(plan.target.icrs.dec.deg),
        "RA_PNT": float(pointing.ra.deg),
        "DEC_PNT": float(pointing.dec.deg),
        "GLON_PNT": float(pointing.galactic.l.deg),
        "GLAT_PNT": float(pointing.galactic.b.deg),
        "ZEN_PNT": float(plan.zenith.value),
        "ALT_PNT": 90.0 - float(plan.zenith.value),
        "AZ_PNT": 180.0,
        "TSTART": schedule.start,
        "TSTOP": schedule.stop,
        "TELAPSE": schedule.ontime,
        "ONTIME": schedule.ontime,
        "LIVETIME": schedule.livetime,
        "DEADC": 1.0 - plan.deadtime_fraction,
        "DATE-OBS": first[0],
        "TIME-OBS": first[1],
        "DATE-END": last[0],
        "TIME-END": last[1],
        "N_TELS": 4,
        "TELLIST": "1,2,3,4",
        "GEOLON": 0.0,
        "GEOLAT": 30.0,
        "ALTITUDE": 2000.0,
        "QUALITY": 0,
    }


def _utc(seconds: float) -> tuple[str, str]:
    """Date and time of day (UTC) of a time of the clock."""
    day, _, clock = Time(REFERENCE + seconds * u.s).utc.isot.partition("T")
    return day, clock


def _index_kind(hdu: fits.BinTableHDU) -> tuple[str, str, str]:
    """HDU_TYPE, HDU_CLASS and HDU_NAME of a response."""
    hdu_class = str(hdu.header["HDUCLAS4"]).lower()
    hdu_type = "rad_max" if hdu_class.startswith("rad_max") else hdu_class.partition("_")[0]
    return hdu_type, hdu_class, hdu.name


def _table_of_rows(rows: Sequence[Mapping[str, Any]], units: Mapping[str, str], name: str) -> fits.BinTableHDU:
    columns = []
    for key in rows[0]:
        values = np.array([row[key] for row in rows])
        form = {"i": "K", "f": "D"}.get(values.dtype.kind) or f"{max(values.dtype.itemsize // 4, 1)}A"
        columns.append(fits.Column(key, form, unit=units.get(key), array=values))
    return fits.BinTableHDU.from_columns(columns, name=name)
