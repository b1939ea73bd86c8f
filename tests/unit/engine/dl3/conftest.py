"""A small GADF store made in code, run by run, with every part open to damage."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

REFERENCE = {"MJDREFI": 51544, "MJDREFF": 0.5, "TIMESYS": "TT", "TIMEUNIT": "s"}
EVENTS_HEADER = {
    **REFERENCE, "HDUCLASS": "GADF", "HDUCLAS1": "EVENTS", "TELESCOP": "TOY", "INSTRUME": "toy array",
    "OBS_MODE": "POINTING", "RA_PNT": 83.0, "DEC_PNT": 22.0, "ALT_PNT": 70.0, "AZ_PNT": 10.0, "TSTART": 1000.0,
    "TSTOP": 2000.0, "ONTIME": 1000.0, "LIVETIME": 900.0, "DEADC": 0.9, "GEOLON": 16.5, "GEOLAT": -23.27,
    "ALTITUDE": 1835.0, "EUNIT": "TeV",
}  # fmt: skip
EVENT_UNITS = {"EVENT_ID": "", "TIME": "s", "RA": "deg", "DEC": "deg", "ENERGY": "TeV"}
N_EVENTS = 10


def events_hdu(
    obs_id: Any = 1,
    n: int = N_EVENTS,
    header: dict[str, Any] | None = None,
    units: dict[str, str | None] | None = None,
    without: tuple[str, ...] = (),
    columns: dict[str, np.ndarray] | None = None,
) -> fits.BinTableHDU:
    """Give an EVENTS table: one event every 100 s from 1050 s on, energies 1, 2, ... TeV. None drops a keyword."""
    data = {
        "EVENT_ID": np.arange(n), "TIME": 1050.0 + 100.0 * np.arange(n), "RA": np.full(n, 83.5, "f4"),
        "DEC": np.full(n, 22.25, "f4"), "ENERGY": np.arange(1, n + 1, dtype="f4"),
    } | (columns or {})  # fmt: skip
    codes = {"i": "K", "f": "D", "U": "8A", "b": "L"}
    cells = [
        fits.Column(
            name,
            "E" if values.dtype == np.dtype("f4") else codes[values.dtype.kind],
            unit=(EVENT_UNITS | (units or {})).get(name) or None,
            array=values,
        )
        for name, values in data.items()
        if name not in without
    ]
    hdu = fits.BinTableHDU.from_columns(cells, name="EVENTS")
    cards = EVENTS_HEADER | {"OBS_ID": obs_id} | (header or {})
    hdu.header.update({key: value for key, value in cards.items() if value is not None})
    return hdu


def gti_hdu(
    rows: tuple[tuple[float, float], ...] = ((1000.0, 2000.0),),
    header: dict[str, Any] | None = None,
    unit: str | None = "s",
) -> fits.BinTableHDU:
    """Give a GTI table; None drops a keyword or the unit."""
    start, stop = np.array(rows, dtype=float).reshape(-1, 2).T
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", unit=unit, array=start), fits.Column("STOP", "D", unit=unit, array=stop)],
        name="GTI",
    )
    hdu.header.update({key: value for key, value in (REFERENCE | (header or {})).items() if value is not None})
    return hdu


class StoreBuilder:
    """Collects runs, then writes index files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        self.facts: list[dict[str, Any]] = []

    def add(
        self,
        obs_id: Any = 1,
        hdus: list[fits.BinTableHDU] | None = None,
        name: str | None = None,
        folder: str = "data",
        kinds: tuple[str, ...] = ("aeff", "edisp"),
        facts: dict[str, Any] | None = None,
    ) -> Path:
        """Write one run (responses are index rows only) and note its rows of the index."""
        hdus = [events_hdu(obs_id), gti_hdu()] if hdus is None else hdus
        path = self.folder / folder / (name or f"run_{obs_id}.fits.gz")
        path.parent.mkdir(exist_ok=True)
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
        for hdu in hdus:
            self.row(obs_id, hdu.name.lower(), hdu.name.lower(), folder, path.name, hdu.name)
        for kind in kinds:
            self.row(obs_id, kind, f"{kind}_2d", folder, path.name, kind.upper())
        header = EVENTS_HEADER
        self.facts.append(
            {
                "OBS_ID": obs_id,
                **{key: header[key] for key in ("RA_PNT", "DEC_PNT", "TSTART", "TSTOP", "LIVETIME", "TELESCOP")},
                "ZEN_PNT": 90.0 - header["ALT_PNT"],
                "QUALITY": 0,
            }
            | (facts or {})
        )
        return path

    def row(self, obs_id: Any, hdu_type: str, hdu_class: str, folder: str, name: str, hdu: str) -> None:
        """Note a row of the HDU index."""
        self.rows.append(
            {
                "OBS_ID": obs_id, "HDU_TYPE": hdu_type, "HDU_CLASS": hdu_class, "FILE_DIR": folder, "FILE_NAME": name,
                "HDU_NAME": hdu,
            }
        )  # fmt: skip

    def write(
        self,
        with_obs_index: bool = True,
        without: tuple[str, ...] = (),
        obs_header: dict[str, Any] | None = REFERENCE,
        zipped: bool = True,
    ) -> Path:
        """Write the index files and give the folder."""
        end = ".fits.gz" if zipped else ".fits"
        write_rows(self.folder / f"hdu-index{end}", self.rows, without, name="HDU_INDEX")
        if with_obs_index:
            units = {"RA_PNT": "deg", "DEC_PNT": "deg", "TSTART": "s", "TSTOP": "s", "LIVETIME": "s", "ZEN_PNT": "deg"}
            write_rows(self.folder / f"obs-index{end}", self.facts, without, units, obs_header, "OBS_INDEX")
        return self.folder


def write_rows(
    path: Path,
    rows: list[dict[str, Any]],
    without: tuple[str, ...] = (),
    units: dict[str, str] | None = None,
    header: dict[str, Any] | None = None,
    name: str = "",
) -> None:
    """Write dictionaries as a FITS table, one row each."""
    cells = []
    for column in rows[0]:
        if column in without:
            continue
        values = np.array([row[column] for row in rows])
        kind = values.dtype.kind
        form = f"{max(values.dtype.itemsize // 4, 1)}A" if kind == "U" else {"i": "K", "f": "D"}[kind]
        cells.append(fits.Column(column, form, unit=(units or {}).get(column), array=values))
    hdu = fits.BinTableHDU.from_columns(cells, name=name)
    hdu.header.update(header or {})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


def damage(path: Path, keep: float) -> None:
    """Cut a gzip file's content to a fraction, leaving valid gzip."""
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[: int(len(content) * keep)]))


@pytest.fixture
def builder(tmp_path: Path) -> StoreBuilder:
    """A store that is being built in a folder of its own."""
    return StoreBuilder(tmp_path)


@pytest.fixture
def make_events():
    """The function that makes an EVENTS table."""
    return events_hdu


@pytest.fixture
def make_gti():
    """The function that makes a GTI table."""
    return gti_hdu


@pytest.fixture
def cut_file():
    """The function that cuts a file short."""
    return damage
